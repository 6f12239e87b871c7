package page

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestPageAssets_AllThatTheShellNames(t *testing.T) {
	t.Parallel()
	handler := PageAssets()
	ask := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	page := render(t, PageShell(PageShellConfig{Title: "t", Brand: "b"}, other("")))
	named := regexp.MustCompile(`/assets/[^"]+`).FindAllString(page, -1)
	if len(named) != 4 {
		t.Fatalf("the shell names %v", named)
	}
	for _, path := range named {
		w := ask(path)
		if w.Code != http.StatusOK || w.Body.Len() < 100 || w.Header().Get("Content-Type") == "" || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d, %d bytes, %v", path, w.Code, w.Body.Len(), w.Header())
		}
	}
	if w := ask("/assets/page.css"); w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("an address without a hash: %d %v", w.Code, w.Header())
	}
	if w := ask("/assets/page-00000000.css"); w.Code != http.StatusNotFound {
		t.Errorf("an address of an earlier version: %d", w.Code)
	}
	if w := ask("/favicon.ico"); w.Code != http.StatusMovedPermanently || ask(w.Header().Get("Location")).Code != http.StatusOK {
		t.Errorf("the icon: %d to %q", w.Code, w.Header().Get("Location"))
	}
}

// TestPageAssets_Policy: the script and the style sheet use nothing that a
// strict policy forbids.
func TestPageAssets_Policy(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"page.css", "page.js", "theme.js", "icon.svg"} {
		data, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		hasNot(t, string(data), "eval(", "new Function", ".setAttribute(\"style\"", "cssText", "@import", "https://", "data:")
		if name != "icon.svg" { // its namespace is a URL
			hasNot(t, string(data), "http://")
		}
	}
}

package browsertest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"fnregistry.dev/tools/testenv/testkit/browsertest"
)

func serve(t *testing.T, page string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, page)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestPage(t *testing.T) {
	t.Parallel()
	url := serve(t, `<style>@media (prefers-color-scheme: dark) { body { color: rgb(1, 2, 3) } }</style>
<button onclick="setTimeout(() => this.textContent = 'pressed', 50)">press</button>`)
	page := browsertest.Open(t)
	browsertest.Do(t, page, browsertest.Prefer("dark"), chromedp.Navigate(url), chromedp.Click(chromedp.CSS("button")))
	browsertest.Until(t, page, `document.querySelector("button").textContent === "pressed"`)
	if got := browsertest.Text(t, page, "getComputedStyle(document.body).color"); got != "rgb(1, 2, 3)" {
		t.Errorf("the color is %s: not dark", got)
	}
	if got := browsertest.Text(t, page, "String(innerWidth)"); got != "1180" {
		t.Errorf("the page is %s pixels wide", got)
	}
}

// A page's own error fails its test, which this shows in a process of its own.
func TestJavaScriptError(t *testing.T) {
	const failEnv = "BROWSERTEST_FAIL"
	if os.Getenv(failEnv) != "" {
		url := serve(t, `<script>setTimeout(() => { window.thrown = true; throw new Error("boom") }, 1)</script>`)
		page := browsertest.Open(t)
		browsertest.Do(t, page, chromedp.Navigate(url))
		browsertest.Until(t, page, "window.thrown")
		browsertest.Until(t, page, "performance.now() > 500") // the event comes by another way
		return
	}
	t.Parallel()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestJavaScriptError$")
	child.Env = append(os.Environ(), failEnv+"=1")
	out, err := child.CombinedOutput()
	if strings.Contains(string(out), "SKIP_SERVERS=1") {
		t.Skip("skipped, because SKIP_SERVERS=1: it needs a real chromium")
	}
	if err == nil || !strings.Contains(string(out), "JavaScript: Uncaught") {
		t.Errorf("%v\n%s", err, out)
	}
}

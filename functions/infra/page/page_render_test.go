package page

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestPageRender(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	if err := PageRender(w, httptest.NewRequest(http.MethodGet, "/", nil), http.StatusNotFound, other("<p>x</p>")); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusNotFound || w.Body.String() != "<p>x</p>" || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || w.Flushed {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
}

func TestPageRender_ErrorSendsNothing(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	bad := errors.New("bad")
	err := PageRender(w, httptest.NewRequest(http.MethodGet, "/", nil), http.StatusOK, broken{bad})
	if !errors.Is(err, bad) || w.Body.Len() != 0 || len(w.Header()) != 0 {
		t.Errorf("%v, sent %q with %v", err, w.Body, w.Header())
	}
}

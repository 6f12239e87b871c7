package redirect_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"fnregistry.dev/functions/infra/matrix/internal/redirect"
)

func TestStrict(t *testing.T) {
	t.Parallel()
	var foreign atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		foreign.Add(1)
		t.Errorf("another host got %s %s", r.Method, r.URL)
	}))
	defer other.Close()
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Query().Get("status"))
		switch r.URL.Path {
		case "/abroad":
			http.Redirect(w, r, other.URL+"/event", status)
		case "/here":
			http.Redirect(w, r, "/event", status)
		case "/round":
			http.Redirect(w, r, r.URL.String(), status)
		default:
			io.WriteString(w, "followed "+r.Method)
		}
	}))
	defer home.Close()
	client := redirect.Strict(&http.Client{Transport: home.Client().Transport})
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE"} {
			for _, path := range []string{"/abroad", "/here", "/round"} {
				request, err := http.NewRequestWithContext(t.Context(), method, home.URL+path+"?status="+strconv.Itoa(status), strings.NewReader("secret"))
				if err != nil {
					t.Fatal(err)
				}
				if method == "GET" || method == "HEAD" {
					request.Body, request.ContentLength = nil, 0
				}
				answer, err := client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				answer.Body.Close()
				followed := path == "/here" && (method == "GET" || method == "HEAD")
				if want := map[bool]int{true: 200, false: status}[followed]; answer.StatusCode != want {
					t.Errorf("%s %s with %d: status %d, want %d", method, path, status, answer.StatusCode, want)
				}
			}
		}
	}
	if foreign.Load() != 0 {
		t.Error("another host was asked")
	}
	if redirect.Strict(nil).CheckRedirect == nil {
		t.Error("no check without a client")
	}
}

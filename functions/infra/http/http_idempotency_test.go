package http_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	fnhttp "fnregistry.dev/functions/infra/http"
)

// orders counts what it is asked for. A body "fail" is refused, "panic" panics,
// "slow" takes a second.
type orders struct {
	mu    sync.Mutex
	count int
}

func (o *orders) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	o.mu.Lock()
	o.count++
	n := o.count
	o.mu.Unlock()
	switch string(body) {
	case "fail":
		http.Error(w, "no", http.StatusConflict)
		return
	case "panic":
		panic(http.ErrAbortHandler)
	case "slow":
		time.Sleep(time.Second)
	}
	w.Header().Set("Location", fmt.Sprint("/orders/", n))
	w.Header().Set("X-Request-Id", fmt.Sprint("request ", n))
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, "order %d: %s", n, body)
}

func postWith(handler http.Handler, method, target, body string, keys ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, key := range keys {
		r.Header.Add("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestHTTPIdempotency(t *testing.T) {
	t.Parallel()
	o := &orders{}
	handler := fnhttp.HTTPIdempotency(o, fnhttp.HTTPIdempotencyConfig{Caller: func(r *http.Request) string { return r.URL.Query().Get("who") }})
	first := postWith(handler, "POST", "/?who=a", "tea", `"one"`)
	again := postWith(handler, "POST", "/?who=a", "tea", "one") // with or without quotes
	for _, w := range []*httptest.ResponseRecorder{first, again} {
		if w.Code != http.StatusCreated || w.Body.String() != "order 1: tea" || w.Header().Get("Location") != "/orders/1" {
			t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
		}
	}
	if first.Header().Get("Idempotency-Replayed") != "" || again.Header().Get("Idempotency-Replayed") != "true" || again.Header().Get("X-Request-Id") != "" {
		t.Errorf("first %v\nagain %v", first.Header(), again.Header())
	}
	for _, c := range []struct {
		method, target, body string
		keys                 []string
		status               int
		want                 string
	}{
		{"POST", "/?who=a", "tea", nil, 201, "order 2"},                        // without a key it is another one
		{"POST", "/?who=a", "coffee", []string{"one"}, 422, "another request"}, // the key is for tea
		{"POST", "/more?who=a", "tea", []string{"one"}, 422, "another request"},
		{"PATCH", "/?who=a", "tea", []string{"one"}, 422, "another request"},
		{"POST", "/?who=b", "tea", []string{"one"}, 201, "order 3"}, // of another caller
		{"PATCH", "/?who=a", "tea", []string{"two"}, 201, "order 4"},
		{"PUT", "/?who=a", "tea", []string{"two"}, 201, "order 5"}, // can be repeated anyway
		{"POST", "/?who=a", "fail", []string{"three"}, 409, "no"},
		{"POST", "/?who=a", "fail", []string{"three"}, 409, "no"},
		{"POST", "/?who=a", "tea", []string{"three"}, 201, "order 8"}, // after an error it is made anew
		{"POST", "/?who=a", "tea", []string{""}, 400, "UUID"},
		{"POST", "/?who=a", "tea", []string{`"x`}, 400, "UUID"},
		{"POST", "/?who=a", "tea", []string{"x", "y"}, 400, "UUID"},
		{"POST", "/?who=a", "tea", []string{strings.Repeat("x", 256)}, 400, "UUID"},
		{"POST", "/?who=a", "tea", []string{"ü"}, 400, "UUID"},
	} {
		if w := postWith(handler, c.method, c.target, c.body, c.keys...); w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s %s %q: %d %s, want %d %s", c.method, c.target, c.body, c.keys, w.Code, w.Body, c.status, c.want)
		}
	}
	if o.count != 8 {
		t.Errorf("%d orders", o.count)
	}
}

// While a request runs, a repeated one is not made; a panic frees the key.
func TestHTTPIdempotency_Running(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &orders{}
		handler := fnhttp.HTTPIdempotency(o, fnhttp.HTTPIdempotencyConfig{})
		var first *httptest.ResponseRecorder
		var running sync.WaitGroup
		running.Go(func() { first = postWith(handler, "POST", "/", "slow", "k") })
		synctest.Wait()
		if w := postWith(handler, "POST", "/", "slow", "k"); w.Code != http.StatusConflict || w.Header().Get("Retry-After") != "1" {
			t.Errorf("while it runs: %d %s", w.Code, w.Body)
		}
		running.Wait()
		if w := postWith(handler, "POST", "/", "slow", "k"); w.Body.String() != first.Body.String() || o.count != 1 {
			t.Errorf("%s, then %s; %d orders", first.Body, w.Body, o.count)
		}
		for range 2 {
			func() {
				defer func() {
					if recover() == nil {
						t.Error("the panic was lost")
					}
				}()
				postWith(handler, "POST", "/", "panic", "p")
			}()
		}
		time.Sleep(24 * time.Hour)
		if w := postWith(handler, "POST", "/", "slow", "k"); w.Body.String() != "order 4: slow" {
			t.Errorf("a day later: %s", w.Body)
		}
	})
}

// The oldest responses give way.
func TestHTTPIdempotency_Bounds(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]fnhttp.HTTPIdempotencyConfig{"keys": {MaxKeys: 2}, "bytes": {MaxBytes: 3000}} {
		o := &orders{}
		handler := fnhttp.HTTPIdempotency(o, cfg)
		for _, key := range []string{"a", "b", "c"} {
			postWith(handler, "POST", "/", "tea", key)
		}
		if w := postWith(handler, "POST", "/", "tea", "c"); w.Body.String() != "order 3: tea" {
			t.Errorf("%s: the last one is %s", name, w.Body)
		}
		if w := postWith(handler, "POST", "/", "tea", "a"); w.Body.String() != "order 4: tea" {
			t.Errorf("%s: the first one is %s", name, w.Body)
		}
	}
}

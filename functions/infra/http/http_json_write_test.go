package http_test

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

func TestHTTPJSONWrite_Answers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		v      any
		body   string
	}{
		{200, map[string]any{"a": "<-chan &"}, "{\"a\":\"<-chan &\"}\n"},
		{201, []int{}, "[]\n"},
		{200, (*int)(nil), "null\n"},
		{202, nil, ""},
		{204, "x", ""},
		{304, "x", ""},
	} {
		recorder := httptest.NewRecorder()
		if err := fnhttp.HTTPJSONWrite(recorder, c.status, c.v); err != nil {
			t.Errorf("%v: %v", c.v, err)
		}
		header := recorder.Header()
		if recorder.Code != c.status || recorder.Body.String() != c.body || header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%v: %d %q %v", c.v, recorder.Code, recorder.Body, header)
		}
		wantType := ""
		if c.body != "" {
			wantType = "application/json"
		}
		if header.Get("Content-Type") != wantType || (header.Get("X-Content-Type-Options") == "nosniff") != (wantType != "") {
			t.Errorf("%v: %v", c.v, header)
		}
	}
}

func TestHTTPJSONWrite_OverAConnection(t *testing.T) {
	t.Parallel()
	response, body := answerTo(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		fnhttp.HTTPJSONWrite(w, 200, strings.Repeat("x", 10_000))
	}), "GET")
	if len(body) != 10_003 || response.ContentLength != 10_003 || response.Header.Get("Cache-Control") != "max-age=60" {
		t.Errorf("%d bytes, %v", len(body), response.Header)
	}
}

func TestHTTPJSONWrite_NothingIsWrittenOnError(t *testing.T) {
	t.Parallel()
	for _, v := range []any{math.NaN(), func() {}, make(chan int)} {
		recorder := httptest.NewRecorder()
		err := fnhttp.HTTPJSONWrite(recorder, 200, v)
		if core.ErrorCode(err) != core.CodeInternal || recorder.Body.Len() > 0 || recorder.Header().Get("Content-Type") != "" {
			t.Errorf("%T: %v, %q", v, err, recorder.Body)
		}
		// The next answer has nothing of this one in it.
		recorder = httptest.NewRecorder()
		if err := fnhttp.HTTPJSONWrite(recorder, 200, 7); err != nil || recorder.Body.String() != "7\n" {
			t.Errorf("after %T: %q, %v", v, recorder.Body, err)
		}
	}
}

func BenchmarkHTTPJSONWrite(b *testing.B) {
	type unit struct{ ID, Signature, Description string }
	units := make([]unit, 50)
	for i := range units {
		units[i] = unit{"matrix_sync_service_go_infra", "func MatrixSyncService(ctx context.Context) error", strings.Repeat("what it does ", 10)}
	}
	for name, write := range map[string]func(http.ResponseWriter) error{
		"http_json_write": func(w http.ResponseWriter) error { return fnhttp.HTTPJSONWrite(w, 200, units) },
		"marshal": func(w http.ResponseWriter) error {
			body, err := json.Marshal(units)
			w.Write(body)
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := write(httptest.NewRecorder()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

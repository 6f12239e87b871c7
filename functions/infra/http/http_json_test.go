package http_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

type similarIn struct {
	Domain string `path:"domain" json:"-"`
	Limit  int    `query:"limit" json:"-"`
	Text   string `json:"text"`
}

type similarOut struct {
	Got similarIn `json:"got"`
	URL string    `json:"url"`
}

// jsonServer has one handler of each kind.
func jsonServer(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	similar := func(_ context.Context, in similarIn) (similarOut, error) {
		if in.Limit < 0 {
			return similarOut{}, &core.Error{Code: core.CodeLimited, Message: "not so fast"}
		}
		return similarOut{in, in.Domain + "/" + in.Text}, nil
	}
	mux.Handle("/similar/{domain}", fnhttp.HTTPJSON(similar, fnhttp.HTTPJSONConfig{MaxBytes: 100, MaxDepth: 2}))
	mux.Handle("POST /nothing", fnhttp.HTTPJSON(func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }, fnhttp.HTTPJSONConfig{}))
	mux.Handle("POST /created", fnhttp.HTTPJSON(func(_ context.Context, in []int) (int, error) { return len(in), nil }, fnhttp.HTTPJSONConfig{Status: 201}))
	mux.Handle("/broken", fnhttp.HTTPJSON(func(context.Context, struct{}) (float64, error) { return math.NaN(), nil }, fnhttp.HTTPJSONConfig{}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestHTTPJSON_Requests(t *testing.T) {
	t.Parallel()
	server := jsonServer(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string // what the body has in it
	}{
		{"POST", "/similar/core?limit=3", `{"text":"x"}`, 200, `{"got":{"text":"x"},"url":"core/x"}`},
		{"GET", "/similar/core?limit=3", ``, 200, `"url":"core/"`},
		{"DELETE", "/similar/core", `{"text":"not read"}`, 200, `"url":"core/"`},
		{"POST", "/similar/core?limit=x", `{"text":"x"}`, 400, `want a whole number`},
		{"POST", "/similar/core?limits=3", `{"text":"x"}`, 400, `"candidates":["limit"]`},
		{"POST", "/similar/core", `{"txt":"x"}`, 400, `"candidates":["text"]`},
		{"POST", "/similar/core", `{"Limit":7}`, 400, `unknown field`},
		{"POST", "/similar/core", ``, 400, `the body is empty`},
		{"POST", "/similar/core", `{"text":"` + strings.Repeat("x", 100) + `"}`, 413, `too_large`},
		{"POST", "/similar/core", `{"text":[[[]]]}`, 400, `nested deeper than 2`},
		{"GET", "/similar/core?limit=-1", ``, 429, `not so fast`},
		{"POST", "/nothing", ``, 204, ``},
		{"POST", "/nothing?a=1", ``, 400, `unknown parameter`},
		{"POST", "/created", `[1,2]`, 201, "2\n"},
		{"GET", "/broken", ``, 500, `"code":"internal"`},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != c.status || !strings.Contains(string(body), c.want) || c.want == "" && len(body) > 0 {
			t.Errorf("%s %s %s: got %d %s", c.method, c.path, c.body, response.StatusCode, body)
		}
		if problem := response.Header.Get("Content-Type") == "application/problem+json"; problem != (c.status >= 400) {
			t.Errorf("%s %s: type %q", c.method, c.path, response.Header.Get("Content-Type"))
		}
	}
}

func TestHTTPJSON_ContextEndsWithTheClient(t *testing.T) {
	t.Parallel()
	called, ended := make(chan struct{}), make(chan error, 1)
	server := httptest.NewServer(fnhttp.HTTPJSON(func(ctx context.Context, _ struct{}) (int, error) {
		close(called)
		<-ctx.Done()
		ended <- ctx.Err()
		return 0, ctx.Err()
	}, fnhttp.HTTPJSONConfig{}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-called
		cancel()
	}()
	if _, err := server.Client().Do(request); !errors.Is(err, context.Canceled) {
		t.Errorf("client: %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("handler: %v", err)
	}
}

func TestHTTPJSON_PanicsForTagsThatCannotWork(t *testing.T) {
	t.Parallel()
	defer func() {
		if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), `json:"-"`) {
			t.Errorf("recovered %v", err)
		}
	}()
	fnhttp.HTTPJSON(func(context.Context, struct {
		ID string `path:"id"`
	}) (int, error) {
		return 0, nil
	}, fnhttp.HTTPJSONConfig{})
}

// BenchmarkHTTPJSON has a handler of this unit next to the same one written by
// hand.
func BenchmarkHTTPJSON(b *testing.B) {
	byHand := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in similarIn
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		in.Limit, _ = strconv.Atoi(r.URL.Query().Get("limit"))
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(similarOut{in, in.Text})
	})
	unit := fnhttp.HTTPJSON(func(_ context.Context, in similarIn) (similarOut, error) { return similarOut{in, in.Text}, nil }, fnhttp.HTTPJSONConfig{})
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{{"http_json", unit}, {"by_hand", byHand}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				request := httptest.NewRequest("POST", "/?limit=3", strings.NewReader(`{"text":"func(context.Context, *sql.DB) error"}`))
				request.Header.Set("Content-Type", "application/json")
				recorder := httptest.NewRecorder()
				if c.handler.ServeHTTP(recorder, request); recorder.Code != 200 {
					b.Fatal(recorder.Body)
				}
			}
		})
	}
}

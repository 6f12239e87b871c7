package httpapitest_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
	"fnregistry.dev/functions/infra/http/httpapi/httpapitest"
)

// notes is an API of each kind of endpoint: lists, one, made, changed, removed,
// a stream, a file. It breaks one promise, or none.
type notes struct {
	broken     string
	generation atomic.Int64
}

type note struct {
	ID    string        `json:"id"`
	Text  string        `json:"text"`
	Color string        `json:"color" enum:"red,blue"`
	Sure  bool          `json:"-"`
	Age   time.Duration `json:"age_ns,omitempty"`
	Next  *note         `json:"next"`
	Tags  []string      `json:"tags"`
}

type listIn struct {
	Q     string    `query:"q" json:"-" doc:"Words."`
	Color []string  `query:"color" json:"-" doc:"One of these." enum:"red,blue"`
	Limit *int      `query:"limit" json:"-" doc:"Items." min:"1" max:"100" default:"20"`
	Least *uint8    `query:"least" json:"-" doc:"The least age." max:"200"`
	Score *float64  `query:"score" json:"-" doc:"The least score."`
	Sure  *bool     `query:"sure" json:"-" doc:"Only those."`
	Since time.Time `query:"since" json:"-" doc:"Newer ones."`
}

type listOut struct {
	Items []note `json:"items"`
	Limit int    `json:"limit"`
}

type idIn struct {
	ID string `path:"id" json:"-" doc:"Its ID."`
}

type making struct {
	Text  string              `json:"text" required:"true"`
	Color string              `json:"color" enum:"red,blue" default:"blue"`
	Place *struct{ X, Y int } `json:"place"`
	Tags  []string            `json:"tags"`
}

type changing struct {
	idIn
	making
}

type fileIn struct {
	Path string `path:"path" json:"-" doc:"The file."`
}

func (n *notes) endpoints() []httpapi.HTTPAPIEndpoint {
	list := httpapi.HTTPAPIEndpoint{Method: "GET", Path: "/notes", Name: "listNotes", Tag: "notes", Summary: "Finds notes", ByGeneration: true}
	return []httpapi.HTTPAPIEndpoint{
		httpapi.HTTPAPIJSON(list, 0, n.list),
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{
			Method: "GET", Path: "/notes/{id}", Name: "getNote", Tag: "notes", Summary: "One note", Errors: map[int]string{404: "There is none."},
		}, 0, func(_ context.Context, in *idIn) (*note, error) {
			if in.ID != "7" {
				return nil, &core.Error{Code: core.CodeNotFound, Message: "there is no such note"}
			}
			return &note{ID: in.ID, Color: "red", Tags: []string{}}, nil
		}),
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{Method: "POST", Path: "/notes", Name: "makeNote", Tag: "notes", Summary: "Makes a note"}, 4096,
			func(_ context.Context, in *making) (note, error) {
				n.generation.Add(1)
				return note{ID: "7", Text: in.Text, Color: in.Color, Tags: []string{}}, nil
			}),
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{Method: "PUT", Path: "/notes/{id}", Name: "changeNote", Tag: "notes", Summary: "Changes a note"}, 4096,
			func(_ context.Context, in *changing) (*struct{}, error) { return nil, nil }),
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{Method: "DELETE", Path: "/notes/{id}", Name: "removeNote", Tag: "notes", Summary: "Removes a note"}, 0,
			func(_ context.Context, in *idIn) (*struct{}, error) { return nil, nil }),
		httpapi.HTTPAPIRaw(httpapi.HTTPAPIEndpoint{
			Method: "GET", Path: "/events", Name: "followNotes", Tag: "notes", Summary: "Changes as they happen",
			Responses: []httpapi.HTTPAPIResponse{{Type: "text/event-stream"}},
		}, func(w http.ResponseWriter, r *http.Request, _ *struct{}) error {
			w.Header().Set("Content-Type", "text/event-stream")
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return nil
		}),
		httpapi.HTTPAPIRaw(httpapi.HTTPAPIEndpoint{
			Method: "GET", Path: "/files/{path...}", Name: "getFile", Tag: "files", Summary: "A file", Responses: []httpapi.HTTPAPIResponse{{Type: "text/plain"}},
		}, func(w http.ResponseWriter, _ *http.Request, in *fileIn) error {
			fmt.Fprintf(w, "%q", in.Path)
			return nil
		}),
	}
}

func (n *notes) list(_ context.Context, in *listIn) (any, error) {
	if in.Q == "nothing" {
		return nil, &core.Error{Code: core.CodeUnavailable, Message: "not now"}
	}
	out := listOut{Items: []note{{ID: "1", Color: "red", Tags: []string{}, Next: &note{ID: "2", Color: "blue", Tags: []string{}}}}, Limit: *in.Limit}
	switch n.broken {
	case "null for a list":
		out.Items = nil
	case "a value beyond its enum":
		out.Items[0].Color = "green"
	case "a member that is not in the document":
		return map[string]any{"items": out.Items, "limit": 1, "more": true}, nil
	case "fails":
		panic("fails")
	}
	return out, nil
}

// start serves the API, with the promise broken.
func start(t *testing.T, broken string, access fnhttp.HTTPStackAccess) string {
	t.Helper()
	n := &notes{broken: broken}
	h, err := fnhttp.HTTPHealth(fnhttp.HTTPHealthConfig{Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "up 1") })})
	if err != nil {
		t.Fatal(err)
	}
	endpoints := n.endpoints()
	endpoints[1].Public = true
	if broken == "" || !strings.Contains(broken, "in the document") {
		endpoints[0] = typed(endpoints[0], n)
	}
	api := httpapi.HTTPAPI(httpapi.HTTPAPIConfig{
		Title: "notes", Version: "1", Access: access, Endpoints: append(endpoints, httpapi.HTTPAPIHealth(h)...),
		Generation: func(*http.Request) string {
			if broken == "an ETag that never holds" {
				return fmt.Sprint(n.generation.Add(1))
			}
			return fmt.Sprint(n.generation.Load())
		},
	})
	mux := http.NewServeMux()
	api.Mount(mux)
	if broken == "a catch-all" {
		mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a page") })
	}
	var handler http.Handler = fnhttp.HTTPMux(mux, fnhttp.HTTPMuxConfig{})
	if broken == "plain answers of the mux" {
		handler = mux
	}
	cfg := fnhttp.HTTPStackConfig{Access: access, Logger: slog.New(slog.DiscardHandler)}
	stack := api.Stack
	if access != fnhttp.HTTPStackPublic {
		cfg.Tokens = []string{token}
	}
	switch broken {
	case "open by path, whatever the method":
		cfg.Public = append(cfg.Public, "POST /notes")
	case "open in the document alone":
		stack = fnhttp.HTTPStack
	}
	if broken == "any host" {
		cfg.Hosts = []string{"*"}
	}
	handler, err = stack(handler, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if broken == "a proxy's requests count as this machine's" {
		inner := handler
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("X-Forwarded-For")
			inner.ServeHTTP(w, r)
		})
	}
	if broken == "CORS for all" {
		inner := handler
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			inner.ServeHTTP(w, r)
		})
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// typed is the list's endpoint with its true type, as the document shows it.
func typed(e httpapi.HTTPAPIEndpoint, n *notes) httpapi.HTTPAPIEndpoint {
	return httpapi.HTTPAPIJSON(e, 0, func(ctx context.Context, in *listIn) (listOut, error) {
		out, err := n.list(ctx, in)
		typed, _ := out.(listOut)
		return typed, err
	})
}

const token = "0123456789abcdef"

func requests() []httpapitest.HTTPAPIConformanceRequest {
	return []httpapitest.HTTPAPIConformanceRequest{
		{Path: "/notes?q=x&color=red&color=blue&limit=3"}, {Path: "/notes"}, {Path: "/notes/7"}, {Path: "/notes/8", Status: 404},
		{Method: "POST", Path: "/notes", Body: `{"text": "x", "color": "red", "tags": ["a"], "place": {"X": 1}}`},
		{Method: "PUT", Path: "/notes/7", Body: `{"text": "x"}`}, {Method: "DELETE", Path: "/notes/7"},
		{Path: "/events"}, {Path: "/files/a.txt"}, {Path: "/healthz"}, {Path: "/readyz"}, {Path: "/metrics"}, {Path: "/openapi.json"},
	}
}

func TestHTTPAPIConformance_GoodPasses(t *testing.T) {
	t.Parallel()
	for _, access := range []fnhttp.HTTPStackAccess{fnhttp.HTTPStackLocal, fnhttp.HTTPStackToken, fnhttp.HTTPStackPublic} {
		t.Run(string(access), func(t *testing.T) {
			t.Parallel()
			cfg := httpapitest.HTTPAPIConformanceConfig{URL: start(t, "", access), Requests: requests()}
			if access != fnhttp.HTTPStackPublic {
				cfg.Token = token
			}
			httpapitest.HTTPAPIConformance(t, cfg)
		})
	}
}

// Each broken promise is found, and named.
func TestHTTPAPIConformance_BrokenFails(t *testing.T) {
	t.Parallel()
	for broken, want := range map[string]string{
		"null for a list":                            "got null, want array",
		"a value beyond its enum":                    "value must be one of",
		"fails":                                      "status 500",
		"an ETag that never holds":                   "",
		"a catch-all":                                "status 200, want 405",
		"plain answers of the mux":                   "no problem JSON",
		"any host":                                   "the host evil.example: status 200, want 403",
		"CORS for all":                               "a foreign page may read the response",
		"open by path, whatever the method":          "POST /notes: without a token: status 200, want 401",
		"open in the document alone":                 "GET /notes/7: without a token: status 401",
		"a proxy's requests count as this machine's": "PUT /notes/7: without a token: status 204, want 401",
		"no request":                                 "GET /notes/{id}: no good request in the test",
		"a request that the document lacks":          "the document has no such operation",
		"a problem that the document lacks":          "503",
	} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			cfg := httpapitest.HTTPAPIConformanceConfig{URL: start(t, broken, ""), Requests: requests(), Token: token}
			switch broken {
			case "no request":
				cfg.Requests = append(cfg.Requests[:2:2], cfg.Requests[4:]...)
			case "a request that the document lacks":
				cfg.Requests = append(cfg.Requests, httpapitest.HTTPAPIConformanceRequest{Path: "/note"})
			case "a problem that the document lacks":
				cfg.Requests = append(cfg.Requests, httpapitest.HTTPAPIConformanceRequest{Path: "/notes?q=nothing", Status: 503})
			}
			problems := strings.Join(httpapitest.Check(t.Context(), cfg), "\n")
			if want == "" {
				if problems != "" { // a state that changes with each request is no broken promise
					t.Errorf("got %s", problems)
				}
			} else if !strings.Contains(problems, want) {
				t.Errorf("want %q in %s", want, problems)
			}
		})
	}
}

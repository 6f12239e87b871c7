package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
)

type none = struct{}

// get is an endpoint without input.
func get(path, name string) httpapi.HTTPAPIEndpoint {
	return httpapi.HTTPAPIEndpoint{Method: "GET", Path: path, Name: name, Tag: "test", Summary: "Test"}
}

func nothing[In any](context.Context, In) (*none, error) { return nil, nil }

// serve mounts an API of endpoints.
func serve(endpoints ...httpapi.HTTPAPIEndpoint) http.Handler {
	mux := http.NewServeMux()
	httpapi.HTTPAPI(httpapi.HTTPAPIConfig{Title: "test", Version: "1", Endpoints: endpoints}).Mount(mux)
	return fnhttp.HTTPMux(mux, fnhttp.HTTPMuxConfig{})
}

// ask sends one request, with pairs of header names and values.
func ask(handler http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// document is an API's document, as far as the tests look at it.
func document(t *testing.T, cfg httpapi.HTTPAPIConfig) map[string]any {
	t.Helper()
	cfg.Title, cfg.Version = "test", "1"
	var doc map[string]any
	if err := json.Unmarshal(httpapi.HTTPAPI(cfg).Document(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// at walks into a document.
func at(v any, path ...string) any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func wantJSON(t *testing.T, what string, got any, want string) {
	t.Helper()
	text, err := json.Marshal(got)
	if err != nil || string(text) != want {
		t.Errorf("%s:\n got %s\nwant %s", what, text, want)
	}
}

func TestHTTPAPI_Generation(t *testing.T) {
	t.Parallel()
	generation, runs := "1", 0
	e := get("/list", "list")
	e.ByGeneration = true
	type in struct {
		Q string `query:"q" json:"-" doc:"Words."`
	}
	make := func() http.Handler {
		mux := http.NewServeMux()
		httpapi.HTTPAPI(httpapi.HTTPAPIConfig{
			Title: "test", Version: "1", Generation: func(*http.Request) string { return generation },
			Endpoints: []httpapi.HTTPAPIEndpoint{httpapi.HTTPAPIJSON(e, 0, func(_ context.Context, in *in) (*[]string, error) {
				runs++
				return &[]string{in.Q}, nil
			})},
		}).Mount(mux)
		return mux
	}
	handler := make()
	tag := ask(handler, "GET", "/list?q=a", "").Header().Get("Etag")
	for _, c := range []struct {
		path, asked, generation string
		status, runs            int
	}{
		{"/list?q=a", tag, "1", 304, 0},
		{"/list?q=a", "W/" + tag, "1", 304, 0}, // as gzip makes it
		{"/list?q=a", `"x", ` + tag, "1", 304, 0},
		{"/list?q=b", tag, "1", 200, 1},
		{"/list", tag, "1", 200, 1},
		{"/list?q=a", tag, "2", 200, 1},
		{"/list?q=a", tag, "", 200, 1}, // unknown: computed
		{"/list?q=a", `"x"`, "1", 200, 1},
		{"/list?q=a&x=1", tag, "1", 400, 0},
		{"/list?q=a", "*", "1", 304, 1},
		{"/list?x=1", "*", "1", 400, 0}, // "*" is for what there is
	} {
		generation, runs = c.generation, 0
		got := ask(handler, "GET", c.path, "", "If-None-Match", c.asked)
		if got.Code != c.status || runs != c.runs || c.status >= 400 && got.Header().Get("Etag") != "" {
			t.Errorf("%+v: %d, ran %d times, ETag %s", c, got.Code, runs, got.Header().Get("Etag"))
		}
	}
	generation = "1"
	if again := ask(make(), "GET", "/list?q=a", "", "If-None-Match", tag); again.Code != 200 {
		t.Error("another process, whose generation 1 is something else, took the tag for its own")
	}
	// What is joined to make a tag can't be shifted from one part to the next.
	generation = "1"
	one := ask(handler, "GET", "/list?q=1", "").Header().Get("Etag")
	generation = "1\x00/list?q=1"
	if other := ask(handler, "GET", "/list?q=1", "").Header().Get("Etag"); one == other {
		t.Error("two generations have one tag")
	}
}

func TestHTTPAPI_Around(t *testing.T) {
	t.Parallel()
	var seen []string
	mux := http.NewServeMux()
	api := httpapi.HTTPAPI(httpapi.HTTPAPIConfig{
		Title: "test", Version: "1", Endpoints: []httpapi.HTTPAPIEndpoint{httpapi.HTTPAPIJSON(get("/a", "a"), 0, nothing[*none])},
		Wrap: func(e httpapi.HTTPAPIEndpoint, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen = append(seen, e.Name)
				w.Header().Set("X-Around", "1")
				next.ServeHTTP(w, r)
			})
		},
	})
	api.Mount(mux)
	got := ask(mux, "GET", "/a", "")
	ask(mux, "GET", "/openapi.json", "")
	if got.Code != 204 || got.Header().Get("X-Around") != "1" || !slices.Equal(seen, []string{"a", "getOpenAPI"}) {
		t.Errorf("%d %v, seen %v", got.Code, got.Header(), seen)
	}
}

func TestHTTPAPI_NotFound(t *testing.T) {
	t.Parallel()
	api := httpapi.HTTPAPI(httpapi.HTTPAPIConfig{Title: "test", Version: "1", Endpoints: []httpapi.HTTPAPIEndpoint{
		httpapi.HTTPAPIJSON(get("/notes", "a"), 0, nothing[*none]), httpapi.HTTPAPIJSON(get("/other", "b"), 0, nothing[*none]),
	}})
	for path, want := range map[string]string{
		"/note": "/notes", "/nowhere/at/all": "/notes /other /openapi.json", "/" + strings.Repeat("x", 50_000): "/notes /other /openapi.json",
	} {
		w := httptest.NewRecorder()
		api.NotFound(w, httptest.NewRequest("GET", path, nil))
		var problem struct{ Candidates []string }
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || w.Code != 404 || strings.Join(problem.Candidates, " ") != want {
			t.Errorf("%.20s: %d %.300s", path, w.Code, w.Body)
		}
	}
}

// What can't work is found when the API is made.
func TestHTTPAPI_Panics(t *testing.T) {
	t.Parallel()
	type idIn struct {
		ID string `path:"id" json:"-" doc:"ID."`
	}
	good := httpapi.HTTPAPIJSON(get("/a", "a"), 0, nothing[*none])
	same := good
	same.Path = "/b"
	byGeneration := good
	byGeneration.ByGeneration = true
	for name, c := range map[string]struct {
		want string
		make func() httpapi.HTTPAPIEndpoint
	}{
		"no constructor":    {"made by neither", func() httpapi.HTTPAPIEndpoint { return get("/b", "b") }},
		"a name twice":      {"given twice", func() httpapi.HTTPAPIEndpoint { return same }},
		"a route twice":     {"given twice", func() httpapi.HTTPAPIEndpoint { return httpapi.HTTPAPIJSON(get("/a", "b"), 0, nothing[*none]) }},
		"no path":           {"lacks", func() httpapi.HTTPAPIEndpoint { return httpapi.HTTPAPIJSON(get("b", "b"), 0, nothing[*none]) }},
		"no name":           {"lacks", func() httpapi.HTTPAPIEndpoint { return httpapi.HTTPAPIJSON(get("/b", ""), 0, nothing[*none]) }},
		"no generation":     {"Generation", func() httpapi.HTTPAPIEndpoint { byGeneration.Name, byGeneration.Path = "b", "/b"; return byGeneration }},
		"a path parameter":  {"path has the parameters", func() httpapi.HTTPAPIEndpoint { return httpapi.HTTPAPIJSON(get("/b", "b"), 0, nothing[*idIn]) }},
		"a path's":          {"path has the parameters", func() httpapi.HTTPAPIEndpoint { return httpapi.HTTPAPIJSON(get("/{b}", "b"), 0, nothing[*none]) }},
		"another parameter": {"path has the parameters", func() httpapi.HTTPAPIEndpoint { return httpapi.HTTPAPIJSON(get("/{b}", "b"), 0, nothing[*idIn]) }},
		"a value":           {"want a pointer", func() httpapi.HTTPAPIEndpoint { return httpapi.HTTPAPIJSON(get("/b", "b"), 0, nothing[none]) }},
		"no doc": {"no doc tag", func() httpapi.HTTPAPIEndpoint {
			return httpapi.HTTPAPIJSON(get("/b", "b"), 0, nothing[*struct {
				Q string `query:"q" json:"-"`
			}])
		}},
		"a body for GET": {"has no body", func() httpapi.HTTPAPIEndpoint {
			return httpapi.HTTPAPIJSON(get("/b", "b"), 0, nothing[*struct{ Q string }])
		}},
		"a body for raw": {"reads itself", func() httpapi.HTTPAPIEndpoint {
			e := get("/b", "b")
			e.Method = "POST"
			return httpapi.HTTPAPIRaw(e, func(http.ResponseWriter, *http.Request, *struct{ Q string }) error { return nil })
		}},
		"a type without a schema": {"no schema", func() httpapi.HTTPAPIEndpoint {
			return httpapi.HTTPAPIJSON(get("/b", "b"), 0, func(context.Context, *none) (*struct{ C chan int }, error) { return nil, nil })
		}},
		"a list of itself": {"which holds itself", func() httpapi.HTTPAPIEndpoint {
			type tree []tree
			return httpapi.HTTPAPIJSON(get("/b", "b"), 0, func(context.Context, *none) (*struct{ T tree }, error) { return nil, nil })
		}},
		"two types of a name": {"two types are called Note", func() httpapi.HTTPAPIEndpoint {
			type Note struct{ A int }
			type noteOut struct{ B *Note }
			type pair struct {
				A Note
				B noteOut
			}
			return httpapi.HTTPAPIJSON(get("/b", "b"), 0, func(context.Context, *none) (*pair, error) { return nil, nil })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, c.want) {
					t.Errorf("panicked with %s, want %s", got, c.want)
				}
			}()
			httpapi.HTTPAPI(httpapi.HTTPAPIConfig{Title: "test", Version: "1", Endpoints: []httpapi.HTTPAPIEndpoint{good, c.make()}})
		})
	}
}

type color string

type inner struct {
	A int `json:"a" doc:"An A."`
}

// Every is a struct of each kind of field.
type every struct {
	inner
	Text     string           `json:"text" doc:"Markdown." enum:"a,b"`
	Maybe    *string          `json:"maybe" enum:"a,b"`
	Color    color            `json:"color"`
	Colors   *color           `json:"colors"`
	N        int64            `json:"n" min:"-1" max:"5"`
	U        uint16           `json:"u,omitempty"`
	F        float32          `json:"f,omitzero"`
	At       time.Time        `json:"at"`
	Until    *time.Time       `json:"until"`
	Took     time.Duration    `json:"took"`
	Bytes    []byte           `json:"bytes"`
	Raw      json.RawMessage  `json:"raw"`
	Any      any              `json:"any"`
	List     []inner          `json:"list"`
	Map      map[string]inner `json:"map"`
	Pair     [2]bool          `json:"pair"`
	Self     *every           `json:"self"`
	Generic  page[inner]      `json:"generic"`
	Quoted   int              `json:"quoted,string"`
	Error    core.Code        `json:"-"`
	Untagged string
	private  string
}

type page[T any] struct {
	Items []T `json:"items"`
}

func TestHTTPAPI_Schemas(t *testing.T) {
	t.Parallel()
	_ = every{}.private
	doc := document(t, httpapi.HTTPAPIConfig{
		Schemas:   map[reflectType]map[string]any{typeFor[color](): {"type": "string", "enum": []any{"red"}}},
		Endpoints: []httpapi.HTTPAPIEndpoint{httpapi.HTTPAPIJSON(get("/a", "a"), 0, func(context.Context, *none) (*every, error) { return nil, nil })},
	})
	schema := at(doc, "components", "schemas", "Every")
	wantJSON(t, "properties", at(schema, "properties"), `{"Untagged":{"type":"string"},"a":{"description":"An A.","type":"integer"},"any":{},"at":{"format":"date-time","type":"string"},`+
		`"bytes":{"contentEncoding":"base64","type":"string"},"color":{"enum":["red"],"type":"string"},"colors":{"enum":["red",null],"type":["string","null"]},`+
		`"f":{"type":"number"},"generic":{"$ref":"#/components/schemas/PageInner"},"list":{"items":{"$ref":"#/components/schemas/Inner"},"type":"array"},`+
		`"map":{"additionalProperties":{"$ref":"#/components/schemas/Inner"},"type":"object"},"maybe":{"enum":["a","b",null],"type":["string","null"]},`+
		`"n":{"maximum":5,"minimum":-1,"type":"integer"},"pair":{"items":{"type":"boolean"},"type":"array"},"quoted":{"type":"string"},"raw":{},`+
		`"self":{"anyOf":[{"$ref":"#/components/schemas/Every"},{"type":"null"}]},"text":{"description":"Markdown.","enum":["a","b"],"type":"string"},`+
		`"took":{"type":"integer"},"u":{"minimum":0,"type":"integer"},"until":{"format":"date-time","type":["string","null"]}}`)
	wantJSON(t, "required", at(schema, "required"), `["Untagged","a","any","at","bytes","color","colors","generic","list","map","maybe","n","pair","quoted","raw","self","text","took","until"]`)
}

func TestHTTPAPI_Document(t *testing.T) {
	t.Parallel()
	type in struct {
		Path  string        `path:"path" json:"-" doc:"A path."`
		Tag   []string      `query:"tag" json:"-" doc:"Tags." enum:"a,b"`
		Limit *int          `query:"limit" json:"-" doc:"Items." min:"1" max:"9" default:"3"`
		For   time.Duration `query:"for" json:"-" doc:"How long."`
		Word  string        `query:"word" json:"-" doc:"A word." required:"true"`
		Rest  url.Values    `query:"*" json:"-" doc:"Filters."`
		Text  string        `json:"text" required:"true"`
		More  *struct {
			Deep int `json:"deep"`
		} `json:"more"`
	}
	e := get("/files/{path...}", "a")
	e.Method = "PUT"
	e.Errors = map[int]string{409: "It has changed."}
	open := get("/end/{$}", "b")
	open.Public = true
	cfg := httpapi.HTTPAPIConfig{Endpoints: []httpapi.HTTPAPIEndpoint{
		httpapi.HTTPAPIJSON(e, 0, nothing[*in]), httpapi.HTTPAPIJSON(open, 0, nothing[*none]),
	}}
	doc := document(t, cfg)
	op := at(doc, "paths", "/files/{path}", "put")
	wantJSON(t, "parameters", at(op, "parameters"), `[{"description":"A path.","in":"path","name":"path","required":true,"schema":{"maxLength":4096,"type":"string"}},`+
		`{"description":"Tags.","in":"query","name":"tag","schema":{"items":{"enum":["a","b"],"maxLength":4096,"type":"string"},"type":"array"}},`+
		`{"description":"Items.","in":"query","name":"limit","schema":{"default":3,"maximum":9,"minimum":1,"type":"integer"}},`+
		`{"description":"How long.","in":"query","name":"for","schema":{"examples":["1m30s"],"maxLength":4096,"type":"string"}},`+
		`{"description":"A word.","in":"query","name":"word","required":true,"schema":{"maxLength":4096,"type":"string"}},`+
		`{"description":"Filters.","explode":true,"in":"query","name":"rest","schema":{"additionalProperties":{"items":{"maxLength":4096,"type":"string"},`+
		`"type":"array"},"type":"object"},"style":"form"}]`)
	wantJSON(t, "input", at(doc, "components", "schemas", "Input"), `{"additionalProperties":false,"properties":{"more":{"additionalProperties":false,`+
		`"properties":{"deep":{"type":"integer"}},"type":["object","null"]},"text":{"type":"string"}},"required":["text"],"type":"object"}`)
	responses, _ := at(op, "responses").(map[string]any)
	var statuses []string
	for status := range responses {
		statuses = append(statuses, status)
	}
	slices.Sort(statuses)
	wantJSON(t, "statuses", statuses, `["204","400","401","403","408","409","413","415"]`)
	wantJSON(t, "security", at(doc, "security"), `[{"token":[]},{}]`)
	wantJSON(t, "security of an open endpoint", at(doc, "paths", "/end/", "get", "security"), `[]`)
	for access, want := range map[fnhttp.HTTPStackAccess]string{fnhttp.HTTPStackPublic: `[]`, fnhttp.HTTPStackToken: `[{"token":[]}]`} {
		cfg.Access = access
		wantJSON(t, "security for "+string(access), at(document(t, cfg), "security"), want)
	}
}

// A list of structs that hold such lists has an end: the struct is a component.
func TestHTTPAPI_TypesThatHoldThemselves(t *testing.T) {
	t.Parallel()
	type Node struct {
		Children []Node `json:"children"`
	}
	type answer struct {
		All []Node `json:"all"`
	}
	doc := document(t, httpapi.HTTPAPIConfig{Endpoints: []httpapi.HTTPAPIEndpoint{
		httpapi.HTTPAPIJSON(get("/a", "a"), 0, func(context.Context, *none) (*answer, error) { return nil, nil }),
	}})
	wantJSON(t, "children", at(doc, "components", "schemas", "Node", "properties", "children", "items"), `{"$ref":"#/components/schemas/Node"}`)
}

// Public endpoints need no token, by the same mark that the document shows, and
// a stack of another access than the document's is refused.
func TestHTTPAPI_Stack(t *testing.T) {
	t.Parallel()
	public := get("/public", "a")
	public.Public = true
	api := httpapi.HTTPAPI(httpapi.HTTPAPIConfig{
		Title: "test", Version: "1", Access: fnhttp.HTTPStackToken,
		Endpoints: []httpapi.HTTPAPIEndpoint{
			httpapi.HTTPAPIJSON(public, 0, nothing[*none]), httpapi.HTTPAPIJSON(get("/private", "b"), 0, nothing[*none]),
		},
	})
	mux := http.NewServeMux()
	api.Mount(mux)
	cfg := fnhttp.HTTPStackConfig{
		Access: fnhttp.HTTPStackToken, Tokens: []string{"0123456789abcdef"}, Public: []string{"GET /assets/"}, Logger: slog.New(slog.DiscardHandler),
	}
	handler, err := api.Stack(mux, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/public": 204, "/private": 401, "/openapi.json": 401, "/assets/x": 404} {
		r := httptest.NewRequest("GET", "http://127.0.0.1"+path, nil)
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if len(cfg.Public) != 1 {
		t.Errorf("the caller's list is now %v", cfg.Public)
	}
	cfg.Access = fnhttp.HTTPStackPublic
	if _, err := api.Stack(mux, cfg); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("another access: %v", err)
	}
}

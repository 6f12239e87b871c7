package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
)

type reflectType = reflect.Type

func typeFor[T any]() reflect.Type { return reflect.TypeFor[T]() }

type paging struct {
	Limit *int `query:"limit" json:"-" doc:"Items." min:"1" max:"5" default:"3"`
}

// rulesIn has each rule.
type rulesIn struct {
	paging
	ID     string   `path:"id" json:"-" doc:"ID."`
	Color  []string `query:"color" json:"-" doc:"Colors." enum:"red,blue"`
	Sort   string   `query:"sort" json:"-" doc:"Order." enum:"id,use" default:"use"`
	Word   string   `query:"word" json:"-" doc:"A word." required:"true"`
	Least  *int64   `query:"least" json:"-" doc:"Lower bound." min:"2"`
	Most   []uint8  `query:"most" json:"-" doc:"Upper bound." max:"3"`
	Deep   *bool    `query:"deep" json:"-" doc:"Deep." default:"true"`
	Name   *string  `query:"name" json:"-" doc:"A name." enum:"a,b"`
	Text   string   `json:"text" required:"true" enum:"long,short"`
	Count  *int     `json:"count" min:"0" max:"9" default:"7"`
	Listed []string `json:"listed" enum:"x,y"`
}

func rulesHandler() http.Handler {
	return serve(httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{
		Method: "POST", Path: "/rules/{id}", Name: "rules", Tag: "test", Summary: "Test",
	}, 1000, func(_ context.Context, in *rulesIn) (*rulesShown, error) {
		return &rulesShown{*in.Limit, in.Sort, *in.Deep, *in.Count}, nil
	}))
}

type rulesShown struct {
	Limit int
	Sort  string
	Deep  bool
	Count int
}

func TestHTTPAPIJSON_Rules(t *testing.T) {
	t.Parallel()
	handler := rulesHandler()
	const good = `{"text": "long"}`
	for _, c := range []struct{ path, body, want string }{
		{"/rules/7?word=x", good, `{"Limit":3,"Sort":"use","Deep":true,"Count":7}`},
		{"/rules/7?word=x&limit=5&sort=id&deep=false&least=2&most=3&most=0&color=red&color=blue&name=b", `{"text": "short", "count": 0, "listed": ["x"]}`,
			`{"Limit":5,"Sort":"id","Deep":false,"Count":0}`},
		{"/rules/7?word=x&sort=&color=&name=", good, `{"Limit":3,"Sort":"use","Deep":true,"Count":7}`},
		{"/rules/7", good, `parameter "word" is missing`},
		{"/rules/7?word=", good, `parameter "word" is missing`},
		{"/rules/7?word=x&limit=0", good, `parameter "limit" is 0, want 1 to 5`},
		{"/rules/7?word=x&limit=6", good, `parameter "limit" is 6, want 1 to 5`},
		{"/rules/7?word=x&least=1", good, `parameter "least" is 1, want 2 or more`},
		{"/rules/7?word=x&most=1&most=4", good, `parameter "most" is 4, want 3 or less`},
		{"/rules/7?word=x&color=red&color=bleu", good, `parameter "color" is "bleu", which is none of its values`},
		{"/rules/7?word=x&sort=size", good, `parameter "sort" is "size", which is none of its values`},
		{"/rules/7?word=x&name=c", good, `parameter "name" is "c", which is none of its values`},
		{"/rules/7?word=%ff", good, `parameter "word" is not text: it has a NUL or is not UTF-8`},
		{"/rules/%00?word=x", good, `parameter "id" is not text: it has a NUL or is not UTF-8`},
		{"/rules/7?word=" + strings.Repeat("x", 4097), good, `parameter "word" is longer than 4096 bytes`},
		{"/rules/7?word=x&word=y", good, `parameter "word" is given 2 times, want once`},
		{"/rules/7?word=x&wrod=y", good, `unknown parameter "wrod"`},
		{"/rules/7?word=x", `{}`, `field "text" is missing`},
		{"/rules/7?word=x", `null`, `field "text" is missing`},
		{"/rules/7?word=x", `{"text": "lnog"}`, `field "text" is "lnog", which is none of its values`},
		{"/rules/7?word=x", `{"text": "long", "count": 10}`, `field "count" is 10, want 0 to 9`},
		{"/rules/7?word=x", `{"text": "long", "listed": ["x", "z"]}`, `field "listed" is "z", which is none of its values`},
		{"/rules/7?word=x", `{"text": "long", "limit": 5}`, `unknown field "limit"`}, // that comes from the URL
		{"/rules/7?word=x", `{"text": "long", "ID": "8"}`, `unknown field "ID"`},
		{"/rules/7?word=x", `{"text": "` + strings.Repeat("x", 1000) + `"}`, `the body is longer than 1000 bytes`},
	} {
		got := ask(handler, "POST", c.path, c.body)
		var problem struct{ Detail string }
		if got.Code >= 400 {
			if err := json.Unmarshal(got.Body.Bytes(), &problem); err != nil {
				t.Fatal(err)
			}
		}
		if text := strings.TrimSpace(got.Body.String()); text != c.want && !strings.HasPrefix(problem.Detail, c.want) || got.Code >= 500 {
			t.Errorf("%.60s %.60s: %d %.300s, want %s", c.path, c.body, got.Code, text, c.want)
		}
	}
}

// Parameters of any name are held to what texts may be.
func TestHTTPAPIJSON_OtherParameters(t *testing.T) {
	t.Parallel()
	type in struct {
		Limit int        `query:"limit" json:"-" doc:"Items."`
		Rest  url.Values `query:"*" json:"-" doc:"Filters."`
	}
	handler := serve(httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{
		Method: "GET", Path: "/rows", Name: "rows", Tag: "test", Summary: "Test",
	}, 0, func(_ context.Context, in *in) (string, error) { return in.Rest.Encode(), nil }))
	long := strings.Repeat("x", 4097)
	for query, want := range map[string]string{
		"limit=1&b=2&a=1": `"a=1&b=2"`, "": `""`, "a=" + long: "", long + "=1": "", "a=1&a=" + long: "", "=1": "", "a=%ff": "",
	} {
		got := ask(handler, "GET", "/rows?"+query, "")
		if text := strings.TrimSpace(got.Body.String()); want != "" && text != strings.ReplaceAll(want, "&", `\u0026`) && text != want || want == "" && got.Code != 400 {
			t.Errorf("%.60s: %d %.300s, want %s", query, got.Code, text, want)
		}
	}
}

// Tags that can't be held are refused when the endpoint is made.
func TestHTTPAPIJSON_BadTags(t *testing.T) {
	t.Parallel()
	make := func(in any) (problem any) {
		defer func() { problem = recover() }()
		httpapi.BadTags(reflect.TypeOf(in))
		return nil
	}
	for _, in := range []any{
		struct {
			A float64 `query:"a" json:"-" doc:"A." min:"1"`
		}{}, struct {
			A int `query:"a" json:"-" doc:"A." enum:"1,2"`
		}{}, struct {
			A int `query:"a" json:"-" doc:"A." default:"1"`
		}{}, struct {
			A bool `query:"a" json:"-" doc:"A." required:"true"`
		}{}, struct {
			A []string `query:"a" json:"-" doc:"A." default:"x"`
		}{}, struct {
			A string `query:"a" json:"-" doc:"A." enum:"x,y" default:"z"`
		}{}, struct {
			A *uint `query:"a" json:"-" doc:"A." default:"1"`
		}{}, struct {
			A *int `query:"a" json:"-" doc:"A." min:"x"`
		}{}, struct {
			A *int `query:"a" json:"-" doc:"A." default:"x"`
		}{},
	} {
		if make(in) == nil {
			t.Errorf("%T: taken", in)
		}
	}
}

func TestHTTPAPIJSON_Answers(t *testing.T) {
	t.Parallel()
	failed := get("/failed", "failed")
	failed.Problem = func(err error) error {
		return &fnhttp.HTTPProblemError{Err: &core.Error{Code: core.CodeConflict, Message: "shown", Err: err}, Members: map[string]any{"more": 1}}
	}
	handler := serve(
		httpapi.HTTPAPIJSON(get("/none", "none"), 0, nothing[*none]),
		httpapi.HTTPAPIJSON(get("/value", "value"), 0, func(context.Context, *none) (map[string]int, error) { return map[string]int{"a": 1}, nil }),
		httpapi.HTTPAPIJSON(get("/coded", "coded"), 0, func(context.Context, *none) (*none, error) {
			return nil, &core.Error{Code: core.CodeNotFound, Message: "there is none"}
		}),
		httpapi.HTTPAPIJSON(failed, 0, func(context.Context, *none) (*none, error) { return nil, errors.New("s3cret") }),
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{Method: "POST", Path: "/list", Name: "list", Tag: "test", Summary: "Test"}, 0,
			func(_ context.Context, in *[]int) (*[]int, error) { return in, nil }),
	)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/none", "", 204, ""},
		{"GET", "/none", "{}", 204, ""}, // a body of a GET has no meaning
		{"GET", "/none?x=1", "", 400, `unknown parameter`},
		{"GET", "/value", "", 200, `{"a":1}`},
		{"GET", "/coded", "", 404, `there is none`},
		{"GET", "/failed", "", 409, `"more":1`},
		{"POST", "/list", "[1, 2]", 200, `[1,2]`},
		{"POST", "/list", "[1.5]", 400, ``},
		{"POST", "/list", "", 415, ``},
		{"GET", "/list", "", 405, `unsupported`},
	} {
		got := ask(handler, c.method, c.path, c.body)
		if got.Code != c.status || !strings.Contains(got.Body.String(), c.want) || strings.Contains(got.Body.String(), "s3cret") {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.Code, got.Body)
		}
	}
}

// FuzzRules: whatever a request says, it is answered or refused, and what the
// code gets is as the tags say.
func FuzzRules(f *testing.F) {
	handler := serve(httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{
		Method: "POST", Path: "/rules/{id}", Name: "rules", Tag: "test", Summary: "Test",
	}, 1000, func(_ context.Context, in *rulesIn) (*none, error) {
		if *in.Limit < 1 || *in.Limit > 5 || in.Sort != "id" && in.Sort != "use" || in.Word == "" || !utf8.ValidString(in.Word+in.ID) ||
			len(in.Word) > 4096 || strings.Contains(in.Word+in.ID, "\x00") || in.Text != "long" && in.Text != "short" || *in.Count < 0 || *in.Count > 9 {
			panic(in)
		}
		return nil, nil
	}))
	f.Add("7", "word=x&limit=5", `{"text": "long"}`)
	f.Add("%00", "word=%ff&color=red&&=", `{"text": "short", "count": 3, "listed": ["x"]}`)
	f.Add("a%2fb", "word=x;y", `{"text": "long", "text": "short"}`)
	f.Add("..", "word=x&word=y", "[{}]")
	f.Fuzz(func(t *testing.T, id, query, body string) {
		u := &url.URL{Path: "/rules/x", RawQuery: query}
		if decoded, err := url.PathUnescape(id); err == nil && decoded != "" {
			u.Path, u.RawPath = "/rules/"+decoded, "/rules/"+id
		}
		r, err := http.NewRequest("POST", "/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.URL, r.RequestURI = u, "/"
		r.Header.Set("Content-Type", "application/json")
		w := newRecorder()
		handler.ServeHTTP(w, r)
		switch w.Code {
		case 204, 307, 400, 404, 413:
		default:
			t.Errorf("%q %q %q: %d %s", id, query, body, w.Code, w.Body)
		}
	})
}

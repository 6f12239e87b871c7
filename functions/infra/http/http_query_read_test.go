package http_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"reflect"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

type paging struct {
	Limit  uint16 `query:"limit" json:"-"`
	Cursor string `query:"cursor" json:"-"`
}

type listQuery struct {
	paging
	ID     string         `path:"id" json:"-"`
	Tested *bool          `query:"tested" json:"-"`
	Tags   []string       `query:"tag" json:"-"`
	Scores []float64      `query:"score" json:"-"`
	Wait   time.Duration  `query:"wait" json:"-"`
	From   netip.Addr     `query:"from" json:"-"`
	Since  *time.Time     `query:"since" json:"-"`
	Peers  []netip.Addr   `query:"peer" json:"-"`
	Level  int8           `query:"level" json:"-"`
	Body   map[string]any `json:"body"`
}

func readQuery(t *testing.T, path string) (got listQuery, err error) {
	t.Helper()
	mux := http.NewServeMux()
	called := false
	mux.HandleFunc("/units/{id}", func(_ http.ResponseWriter, r *http.Request) {
		called = true
		got, err = fnhttp.HTTPQueryRead[listQuery](r)
	})
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	if !called {
		t.Fatalf("%s: not routed", path)
	}
	return got, err
}

func TestHTTPQueryRead_Takes(t *testing.T) {
	t.Parallel()
	yes, since := true, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for path, want := range map[string]listQuery{
		"/units/a%20b": {ID: "a b"},
		"/units/x?limit=65535&cursor=&tested=1&tag=a&tag=&wait=1m30s&level=-128": {ID: "x", paging: paging{Limit: 65535},
			Tested: &yes, Tags: []string{"a", ""}, Wait: 90 * time.Second, Level: -128},
		"/units/x?from=127.0.0.1&since=2026-03-01T12:00:00Z&peer=::1&score=0.5&score=-1e3": {ID: "x", Since: &since,
			From: netip.MustParseAddr("127.0.0.1"), Peers: []netip.Addr{netip.IPv6Loopback()}, Scores: []float64{0.5, -1000}},
	} {
		if got, err := readQuery(t, path); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", path, got, err, want)
		}
	}
}

func TestHTTPQueryRead_Refuses(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"limit=x":         `parameter "limit" is "x", want a whole number of at least 0 that fits uint16`,
		"limit=65536":     `parameter "limit" is "65536", want a whole number of at least 0 that fits uint16`,
		"limit=":          `parameter "limit" is "", want a whole number of at least 0 that fits uint16`,
		"limit=1&limit=2": `parameter "limit" is given 2 times, want once`,
		"tested=yes":      `parameter "tested" is "yes", want true or false`,
		"level=1.5":       `parameter "level" is "1.5", want a whole number that fits int8`,
		"score=1&score=":  `parameter "score" is "", want a number`,
		"score=NaN":       `parameter "score" is "NaN", want a number`,
		"score=0x1p4":     `parameter "score" is "0x1p4", want a number`,
		"score=1_0":       `parameter "score" is "1_0", want a number`,
		"score=0x_1p4":    `parameter "score" is "0x_1p4", want a number`,
		"score=Infinity":  `parameter "score" is "Infinity", want a number`,
		"limit=1_0":       `parameter "limit" is "1_0", want a whole number of at least 0 that fits uint16`,
		"cursor=a%00b":    `parameter "cursor" is not text: it has a NUL or is not UTF-8`,
		"tag=%ff":         `parameter "tag" is not text: it has a NUL or is not UTF-8`,
		"wait=5":          `parameter "wait" is "5", want a duration such as 1m30s`,
		"from=x":          `parameter "from" is "x", want another value: ParseAddr("x"): unable to parse IP`,
		"body=x":          `unknown parameter "body"`,
		"id=x":            `unknown parameter "id"`,
		"a=%zz":           `the query is badly encoded: invalid URL escape "%zz"`,
		"a=1;b=2":         `the query is badly encoded: invalid semicolon separator in query`,
	} {
		_, err := readQuery(t, "/units/x?"+query)
		coded, ok := errors.AsType[*core.Error](err)
		if !ok || coded.Code != core.CodeInvalid || coded.Message != want {
			t.Errorf("%s:\n got %v\nwant %s", query, err, want)
		}
	}
}

// A field takes the parameters of any name, or of a prefix, that no other field
// does.
func TestHTTPQueryRead_Others(t *testing.T) {
	t.Parallel()
	type all struct {
		Limit int        `query:"limit" json:"-"`
		Rest  url.Values `query:"*" json:"-"`
	}
	type prefixed struct {
		SQL    string     `query:"sql" json:"-"`
		Values url.Values `query:"p_*" json:"-"`
	}
	read := func(query string) (all, prefixed, error, error) {
		r := httptest.NewRequest("GET", "/?"+query, nil)
		a, err1 := fnhttp.HTTPQueryRead[all](r)
		p, err2 := fnhttp.HTTPQueryRead[prefixed](r)
		return a, p, err1, err2
	}
	a, _, err, _ := read("limit=5&age=gte.1&age=lt.9&a%2Fb=")
	if want := (all{5, url.Values{"age": {"gte.1", "lt.9"}, "a/b": {""}}}); err != nil || !reflect.DeepEqual(a, want) {
		t.Errorf("%+v, %v", a, err)
	}
	_, _, _, err = read("sql=x&a=1")
	if coded, ok := errors.AsType[*core.Error](err); !ok || coded.Hint != "known are sql, p_*" {
		t.Errorf("%+v", err)
	}
	_, p, _, err := read("sql=x&p_a=1&p_a=2")
	if want := (prefixed{"x", url.Values{"p_a": {"1", "2"}}}); err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("%+v, %v", p, err)
	}
	if a, p, err1, err2 := read(""); err1 != nil || err2 != nil || a.Rest == nil || len(a.Rest)+len(p.Values) != 0 {
		t.Errorf("%+v, %+v, %v, %v", a, p, err1, err2)
	}
	for query, want := range map[string][2]bool{
		"=1": {}, "x=%ff": {}, "%00=1": {}, "p_=1": {true, false}, "q_a=1": {true, false}, "limit=x": {}, "p_a=%00": {},
	} {
		_, _, err1, err2 := read(query)
		if (err1 == nil) != want[0] || (err2 == nil) != want[1] {
			t.Errorf("%s: %v, %v", query, err1, err2)
		}
	}
	type two struct {
		A url.Values `query:"*" json:"-"`
		B url.Values `query:"b_*" json:"-"`
	}
	if _, err := fnhttp.HTTPQueryRead[two](httptest.NewRequest("GET", "/", nil)); core.ErrorCode(err) != core.CodeInternal {
		t.Errorf("two of them: %v", err)
	}
}

func TestHTTPQueryRead_NamesTheParameter(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{"limit=x": "limit", "limit=1&limit=2": "limit", "tested=yes": "tested", "limits=1": "limits"} {
		_, err := readQuery(t, "/units/x?"+query)
		shown, ok := errors.AsType[*fnhttp.HTTPProblemError](err)
		if !ok || shown.Members["parameter"] != want {
			t.Errorf("%s: got %#v", query, err)
		}
	}
}

func TestHTTPQueryRead_Candidates(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{"limits": {"limit"}, "cursr": {"cursor"}, "TAGS": {"tag"}} {
		_, err := readQuery(t, "/units/x?"+name+"=1")
		shown, ok := errors.AsType[*fnhttp.HTTPProblemError](err)
		if !ok || !reflect.DeepEqual(shown.Members["candidates"], want) {
			t.Errorf("%s: got %#v", name, err)
		}
	}
}

func TestHTTPQueryRead_TypesThatCannotWork(t *testing.T) {
	t.Parallel()
	request := httptest.NewRequest("GET", "/", nil)
	_, err1 := fnhttp.HTTPQueryRead[struct {
		A map[string]string `query:"a" json:"-"`
	}](request)
	_, err2 := fnhttp.HTTPQueryRead[struct {
		a string `query:"a" json:"-"`
	}](request)
	_, err3 := fnhttp.HTTPQueryRead[struct {
		A string `query:"a" path:"a" json:"-"`
	}](request)
	_, err4 := fnhttp.HTTPQueryRead[struct {
		A string `query:"a"`
	}](request)
	_, err5 := fnhttp.HTTPQueryRead[struct {
		A []string `path:"a" json:"-"`
	}](request)
	for i, err := range []error{err1, err2, err3, err4, err5} {
		if core.ErrorCode(err) != core.CodeInternal {
			t.Errorf("type %d: got %v", i+1, err)
		}
	}
	if _, err := fnhttp.HTTPQueryRead[string](request); err != nil {
		t.Errorf("a type without fields: %v", err)
	}
}

// FuzzHTTPQueryRead wants each query either taken, and then with no name that
// is unknown, or refused as the client's fault.
func FuzzHTTPQueryRead(f *testing.F) {
	for _, seed := range []string{"", "limit=1&tag=a&tag=b", "limit=%31", "a=%zz", "a;b", "=&=", "wait=9999999999h", "score=1e999", "since=0000-00-00", "\x00", "level=+1", "tag"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		request := httptest.NewRequest("GET", "/", nil)
		request.URL.RawQuery = query
		got, err := fnhttp.HTTPQueryRead[listQuery](request)
		if err != nil {
			if core.ErrorCode(err) != core.CodeInvalid {
				t.Errorf("%q: %v", query, err)
			}
			return
		}
		values := request.URL.Query()
		if len(got.Tags) != len(values["tag"]) || got.Cursor != values.Get("cursor") || values.Has("id") || values.Has("nonsense") {
			t.Errorf("%q: %+v", query, got)
		}
	})
}

func BenchmarkHTTPQueryRead(b *testing.B) {
	request := httptest.NewRequest("GET", "/units?limit=20&cursor=abc&tag=a&tag=b&wait=1s", nil)
	b.Run("http_query_read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := fnhttp.HTTPQueryRead[listQuery](request); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("url_query", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if request.URL.Query().Get("limit") != "20" {
				b.Fatal("no limit")
			}
		}
	})
}

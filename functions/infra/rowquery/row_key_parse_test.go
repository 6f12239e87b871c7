package rowquery_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
)

func TestRowKeyParse_RoundTrip(t *testing.T) {
	t.Parallel()
	var got []any
	mux := http.NewServeMux()
	plain := regexp.MustCompile(`^[\w,.~-]+$`)
	for _, values := range [][]any{
		{int64(7)}, {int64(math.MinInt64), int64(0)}, {"abc", "x,y/z%20?#~ \x00"}, {""}, {"", ""}, {".", "..", "..."}, {"."}, {".."}, {"7", "-7", "007", "1.5"},
		{1.5, 7.0, math.Inf(1), math.Inf(-1), 5e-324}, {[]byte{}, []byte("0123456789abcdef")}, {nil, "n"}, {"ünï", "~n", "~t", "~"}, {"\xff"},
	} {
		for _, text := range []bool{false, true} {
			texts := make([]bool, len(values))
			for i, v := range values {
				_, isText := v.(string)
				texts[i] = text && isText
			}
			key := rowquery.RowKey(values, texts)
			if !plain.MatchString(key) || key == "." || key == ".." {
				t.Errorf("%q: key %q needs encoding", values, key)
			}
			var err error
			if got, err = rowquery.RowKeyParse(key, texts); err != nil || !reflect.DeepEqual(got, values) {
				t.Errorf("%q: key %s gives %q, error %v", values, key, got, err)
			}
		}
	}
	// A link with the key opens the row, through a server and its mux.
	values := []any{"x,y/z%", []byte("\x00\xff0123456789abcd"), ".."}
	mux.HandleFunc("GET /t/{key}", func(_ http.ResponseWriter, r *http.Request) {
		got, _ = rowquery.RowKeyParse(r.PathValue("key"), make([]bool, 3))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	link, err := url.Parse("/t/" + rowquery.RowKey(values, nil))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(server.URL + link.String())
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if !reflect.DeepEqual(got, values) {
		t.Errorf("over HTTP: %q, want %q", got, values)
	}
}

func TestRowKeyParse_ByHand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		segment string
		texts   []bool
		want    []any
	}{
		{"7", []bool{true}, []any{"7"}},
		{"+7,1e3,08", []bool{false, false, false}, []any{"+7", "1e3", "08"}},
		{"a b/ü", []bool{false}, []any{"a b/ü"}},
		{"", []bool{true}, []any{""}},
		{"~c3~BC", []bool{true}, []any{"ü"}},
		{"x,y", []bool{true}, nil}, {"x", []bool{true, true}, nil}, {"~", []bool{true}, nil}, {"~1", []bool{true}, nil}, {"~zz", []bool{true}, nil},
		{"~b1", []bool{true}, nil}, {"~nx", []bool{true}, nil}, {"~fx", []bool{true}, nil}, {"~fNaN", []bool{true}, nil}, {"~i1.5", []bool{true}, nil},
	} {
		got, err := rowquery.RowKeyParse(c.segment, c.texts)
		if !reflect.DeepEqual(got, c.want) || c.want == nil && core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s: %q, error %v", c.segment, got, err)
		}
	}
}

func FuzzRowKeyParse(f *testing.F) {
	f.Add("7,~t7,~b00,~n,a~2Cb", false)
	f.Fuzz(func(t *testing.T, segment string, text bool) {
		for n := 1; n < 6; n++ {
			texts := make([]bool, n)
			texts[0] = text
			values, err := rowquery.RowKeyParse(segment, texts)
			if err != nil {
				continue
			}
			again, err := rowquery.RowKeyParse(rowquery.RowKey(values, texts), texts)
			if err != nil || !reflect.DeepEqual(again, values) {
				t.Fatalf("%q: %q, again %q, error %v", segment, values, again, err)
			}
		}
	})
}

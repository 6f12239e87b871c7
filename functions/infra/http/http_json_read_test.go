package http_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

type draft struct {
	Name  string   `json:"name"`
	Count int8     `json:"count"`
	Tags  []string `json:"tags"`
	Inner *struct {
		Color string    `json:"color"`
		At    time.Time `json:"at"`
	} `json:"inner"`
	Any    any    `json:"any"`
	Hidden string `json:"-"`
}

func readDraft(body string, cfg fnhttp.HTTPJSONReadConfig, header ...string) (draft, error) {
	request := httptest.NewRequest("POST", "/", strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	return fnhttp.HTTPJSONRead[draft](httptest.NewRecorder(), request, cfg)
}

func TestHTTPJSONRead_Takes(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]draft{
		`{}`: {},
		" \r\n\t{\"name\":\"x\",\"count\":-7,\"tags\":[\"a\"]}\n ": {Name: "x", Count: -7, Tags: []string{"a"}},
		`{"name":"[{\"\\"}`:                        {Name: `[{"\`},
		`{"name":"\"[[[[[[["}`:                     {Name: `"[[[[[[[`},
		`{"any":[[[[]]]]}`:                         {Any: []any{[]any{[]any{[]any{}}}}},
		`{"any":{"a":1,"A":2,"b":"a"},"name":"a"}`: {Name: "a", Any: map[string]any{"a": 1.0, "A": 2.0, "b": "a"}},
		`{"any":[{"a":1},{"a":1}],"tags":["name","name"],"name":"\"name\":"}`: {Name: `"name":`, Tags: []string{"name", "name"}, Any: []any{map[string]any{"a": 1.0}, map[string]any{"a": 1.0}}},
	} {
		if got, err := readDraft(body, fnhttp.HTTPJSONReadConfig{MaxDepth: 5}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", body, got, err)
		}
	}
	for _, contentType := range []string{"application/json; charset=UTF-8", "application/merge-patch+json", "Application/JSON"} {
		if _, err := readDraft(`{}`, fnhttp.HTTPJSONReadConfig{}, "Content-Type", contentType); err != nil {
			t.Errorf("%s: %v", contentType, err)
		}
	}
}

func TestHTTPJSONRead_Refuses(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		``:                                  "the body is empty",
		" \n":                               "the body is empty",
		`{"name":"x"} {}`:                   "there is data after the JSON value (line 1, column 14)",
		"{\n  \"name\": \"é\",,\n}":         "the body is not JSON: invalid character ',' looking for beginning of object key string (line 2, column 15)",
		`{"name":`:                          "the JSON ends too early (line 1, column 9)",
		`{"name":7}`:                        `field "name" is a number, want a string (line 1, column 9)`,
		`{"count":128}`:                     `field "count" is a number 128, want a whole number that fits int8 (line 1, column 12)`,
		`{"tags":{}}`:                       `field "tags" is an object, want an array (line 1, column 9)`,
		`{"inner":{"color":true}}`:          `field "inner.color" is true or false, want a string (line 1, column 22)`,
		`[]`:                                "the JSON value is an array, want an object (line 1, column 1)",
		`{"nome":"x"}`:                      `unknown field "nome"`,
		`{"Hidden":"x"}`:                    `unknown field "Hidden"`,
		`{"inner":{"at":"tomorrow"}}`:       `parsing time "tomorrow" as "2006-01-02T15:04:05Z07:00": cannot parse "tomorrow" as "2006"`,
		"{\"name\":\"\xff\"}":               "the body is not valid UTF-8",
		`{"any":[[[[]]]]}`:                  "the JSON is nested deeper than 4 (line 1, column 11)",
		`{"name":"x", "name":"x"}`:          `field "name" appears twice (line 1, column 14)`,
		`{"name":"x","NAME":"y"}`:           `field "NAME" appears twice (line 1, column 13)`,
		`{"name":"x","n\u0061me":""}`:       `field "name" appears twice (line 1, column 13)`,
		`{"any":[{"a":1,"a":2}]}`:           `field "a" appears twice (line 1, column 16)`,
		`{"inner":{"Color":"","color":""}}`: `field "color" appears twice (line 1, column 22)`,
		`{"any":{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,"j":0,"k":0,"l":0,"m":0,"n":0,"o":0,"p":0,"q":0,"c":0}}`: `field "c" appears twice (line 1, column 111)`,
		`]`: "the body is not JSON: invalid character ']' looking for beginning of value (line 1, column 1)",
	} {
		_, err := readDraft(body, fnhttp.HTTPJSONReadConfig{MaxDepth: 4})
		coded, ok := errors.AsType[*core.Error](err)
		if !ok || coded.Code != core.CodeInvalid || coded.Message != want {
			t.Errorf("%s:\n got %v\nwant %s", body, err, want)
		}
	}
}

type Base struct {
	Name string `json:"name"`
	Deep []struct {
		Level int `json:"level"`
	} `json:"deep"`
}

// A field is named as JSON knows it: an embedded struct is none.
func TestHTTPJSONRead_NamesTheField(t *testing.T) {
	t.Parallel()
	type tagged struct {
		Base `json:"base"`
	}
	type in struct {
		Base
		Tagged tagged `json:"tagged"`
	}
	for body, want := range map[string]string{
		`{"name":5}`:                      "name",
		`{"deep":[{"level":"x"}]}`:        "deep.level",
		`{"tagged":{"base":{"name":[]}}}`: "tagged.base.name",
		`{"nome":5}`:                      "nome",
	} {
		request := httptest.NewRequest("POST", "/", strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		_, err := fnhttp.HTTPJSONRead[in](httptest.NewRecorder(), request, fnhttp.HTTPJSONReadConfig{})
		shown, ok := errors.AsType[*fnhttp.HTTPProblemError](err)
		if !ok || shown.Members["field"] != want || !strings.Contains(err.Error(), `field "`+want+`"`) {
			t.Errorf("%s: got %#v", body, err)
		}
	}
}

func TestHTTPJSONRead_Candidates(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]any{"nmae": "name", "colour": "color", "TAG": "tags"} {
		_, err := readDraft(`{"`+field+`":1}`, fnhttp.HTTPJSONReadConfig{})
		shown, ok := errors.AsType[*fnhttp.HTTPProblemError](err)
		if !ok || !reflect.DeepEqual(shown.Members["candidates"], []string{want.(string)}) {
			t.Errorf("%s: got %#v", field, err)
		}
	}
	for _, field := range []string{"zzzzzzzz", strings.Repeat("name", 10_000)} {
		_, err := readDraft(`{"`+field+`":1}`, fnhttp.HTTPJSONReadConfig{})
		coded, ok := errors.AsType[*core.Error](err)
		if !ok || coded.Hint != "known are any, at, color, count, inner, name, tags" {
			t.Errorf("%.8s: got %v", field, err)
		}
		shown, ok := errors.AsType[*fnhttp.HTTPProblemError](err)
		if !ok || !reflect.DeepEqual(shown.Members["candidates"], []string{"any", "at", "color", "count", "inner", "name", "tags"}) {
			t.Errorf("%.8s: got %#v", field, err)
		}
	}
}

func TestHTTPJSONRead_ContentType(t *testing.T) {
	t.Parallel()
	for _, header := range [][]string{
		{"Content-Type", ""}, {"Content-Type", "text/plain"}, {"Content-Type", "application/jsonx"}, {"Content-Type", "application/json; charset=latin1"},
		{"Content-Type", "application/json;"[:10]}, {"Content-Encoding", "gzip"},
	} {
		_, err := readDraft(`{}`, fnhttp.HTTPJSONReadConfig{}, header...)
		shown, ok := errors.AsType[*fnhttp.HTTPProblemError](err)
		if !ok || shown.Status != 415 || core.ErrorCode(err) != core.CodeUnsupported {
			t.Errorf("%q: got %v", header, err)
		}
	}
}

func TestHTTPJSONRead_TooLargeClosesTheConnection(t *testing.T) {
	t.Parallel()
	for size, code := range map[int]core.Code{64: "", 65: core.CodeTooLarge} {
		var got error
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, got = fnhttp.HTTPJSONRead[string](w, r, fnhttp.HTTPJSONReadConfig{MaxBytes: 64})
			if got != nil {
				fnhttp.HTTPProblem(w, r, got)
			}
		})
		// Also through a middleware's writer.
		server := httptest.NewServer(fnhttp.HTTPAccessLog(handler, fnhttp.HTTPAccessLogConfig{Logger: slog.New(slog.DiscardHandler)}))
		response, err := server.Client().Post(server.URL, "application/json", strings.NewReader(`"`+strings.Repeat("x", size-2)+`"`))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		server.Close()
		if core.ErrorCode(got) != code || (response.StatusCode == 413) != (code != "") || response.Close != (code != "") {
			t.Errorf("%d bytes: %v, %d, closed %v", size, got, response.StatusCode, response.Close)
		}
	}
}

func TestHTTPJSONRead_BodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	got := make(chan error, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := fnhttp.HTTPJSONRead[draft](w, r, fnhttp.HTTPJSONReadConfig{})
		got <- err
	}))
	server.Config.ReadTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()
	for _, c := range []struct {
		leave bool
		want  core.Code
	}{{true, core.CodeCanceled}, {false, core.CodeTimeout}} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
		if c.leave {
			conn.Close()
		}
		if err := <-got; core.ErrorCode(err) != c.want {
			t.Errorf("leaves %v: %v", c.leave, err)
		} else if shown, _ := errors.AsType[*fnhttp.HTTPProblemError](err); !c.leave && (shown == nil || shown.Status != http.StatusRequestTimeout) {
			t.Errorf("a slow body is not answered with 408: %#v", err)
		}
		conn.Close()
	}
}

// FuzzHTTPJSONRead holds the strict reader against encoding/json: what it
// takes, encoding/json takes to the same value, and what it refuses is always
// the client's fault.
func FuzzHTTPJSONRead(f *testing.F) {
	for _, seed := range []string{`{}`, `{"name":"x","count":1}`, `{"inner":{"color":"[{"}}`, `{"a":1}`, `[[[[`, "\"\\\"", `{"any":{"a":[1,{}]}} x`, "\xef\xbb\xbf{}", `null`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := readDraft(body, fnhttp.HTTPJSONReadConfig{MaxBytes: 1 << 10, MaxDepth: 8})
		if err != nil {
			if code := core.ErrorCode(err); code != core.CodeInvalid && code != core.CodeTooLarge {
				t.Errorf("%q: code %q: %v", body, code, err)
			}
			return
		}
		var want draft
		if err := json.Unmarshal([]byte(body), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, encoding/json %+v, %v", body, got, want, err)
		}
	})
}

func BenchmarkHTTPJSONRead(b *testing.B) {
	body := `{"name":"` + strings.Repeat("x", 4000) + `","tags":["a","b"]}`
	strict := func(w http.ResponseWriter, r *http.Request) error {
		_, err := fnhttp.HTTPJSONRead[draft](w, r, fnhttp.HTTPJSONReadConfig{})
		return err
	}
	plain := func(_ http.ResponseWriter, r *http.Request) error {
		var in draft
		return json.NewDecoder(r.Body).Decode(&in)
	}
	for name, read := range map[string]func(http.ResponseWriter, *http.Request) error{"http_json_read": strict, "json_decoder": plain} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				request := httptest.NewRequest("POST", "/", strings.NewReader(body))
				request.Header.Set("Content-Type", "application/json")
				if err := read(nil, request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package json_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	fnjson "fnregistry.dev/functions/infra/json"
)

type named struct {
	Name  string         `json:"name"`
	Count int            `json:"count"`
	Inner *named         `json:"inner"`
	Any   map[string]any `json:"any"`
}

func TestJSONDecode_Takes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]named{
		`{}`:                             {},
		" {\"name\":\"x\"}\n":            {Name: "x"},
		`{"inner":{"count":-1}}`:         {Inner: &named{Count: -1}},
		`{"name":"\ud83d\ude00\\ud800"}`: {Name: `😀\ud800`},
		`{"any":{"a":null,"A":1}}`:       {Any: map[string]any{"a": nil, "A": 1.0}},
	} {
		if got, err := fnjson.JSONDecode[named]([]byte(text), fnjson.JSONDecodeConfig{}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	if got, err := fnjson.JSONDecode[[]int]([]byte(`[1,2]`), fnjson.JSONDecodeConfig{}); err != nil || !slices.Equal(got, []int{1, 2}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestJSONDecode_Refuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "json_decode: the text is empty",
		"{\"name\":\"\xff\"}":       "json_decode: the text is not valid UTF-8",
		`{"name":1}`:                `json_decode: field "name" is a number, want a string (line 1, column 9)`,
		"{\n\"name\":\"x\"}{":       "json_decode: there is data after the JSON value (line 2, column 12)",
		`{"count":1,"Count":2}`:     `json_decode: field "Count" appears twice (line 1, column 12)`,
		`{"any":{"a":1,"a":2}}`:     `json_decode: field "a" appears twice (line 1, column 15)`,
		`{"nmae":1}`:                `json_decode: unknown field "nmae"`,
		`{"any":{"a":[[[[1]]]]}}`:   "json_decode: the JSON is nested deeper than 5 (line 1, column 16)",
		`{"name":"a\ud800"}`:        "json_decode: the JSON has half a surrogate pair, which is not a character (line 1, column 11)",
		`{"name":"\udc00\ud800"}`:   "json_decode: the JSON has half a surrogate pair, which is not a character (line 1, column 10)",
		`{"\uD83Dx":1}`:             "json_decode: the JSON has half a surrogate pair, which is not a character (line 1, column 3)",
		`{"name":`:                  "json_decode: the JSON ends too early (line 1, column 9)",
		`{"inner":{"count":1e400}}`: `json_decode: field "inner.count" is a number 1e400, want a whole number that fits int (line 1, column 23)`,
	} {
		got, err := fnjson.JSONDecode[named]([]byte(text), fnjson.JSONDecodeConfig{MaxDepth: 5})
		if core.ErrorCode(err) != core.CodeInvalid || err.Error() != want || !reflect.DeepEqual(got, named{}) {
			t.Errorf("%q: %+v, %v\nwant %s", text, got, err, want)
		}
	}
}

// The input is not echoed: a number may have a million digits.
func TestJSONDecode_LongNumber(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("7", 1_000_000)
	for _, text := range []string{`{"count":` + digits + `}`, `{"name":` + digits + `}`, digits} {
		_, err := fnjson.JSONDecode[named]([]byte(text), fnjson.JSONDecodeConfig{})
		if core.ErrorCode(err) != core.CodeInvalid || len(err.Error()) > 300 {
			t.Errorf("%.20s: %d bytes: %.300v", text, len(err.Error()), err)
		}
	}
}

func TestJSONDecode_Hints(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"nmae": "did you mean name?", "zebra": "known are any, count, inner, name", strings.Repeat("x", 1000): "known are any, count, inner, name",
	} {
		_, err := fnjson.JSONDecode[named]([]byte(`{"inner":{"`+field+`":1}}`), fnjson.JSONDecodeConfig{})
		unknown, ok := errors.AsType[*fnjson.JSONFieldError](err)
		if !ok || unknown.Field != field[:min(len(field), 80)] || core.ErrorHint(err) != want {
			t.Errorf("%.20s: %v, %s", field, err, core.ErrorHint(err))
		}
	}
	if _, err := fnjson.JSONDecode[struct{}]([]byte(`{"a":1}`), fnjson.JSONDecodeConfig{}); core.ErrorHint(err) != "no fields are allowed here" {
		t.Errorf("%v, %s", err, core.ErrorHint(err))
	}
}

// A field is named by its JSON path, in which an embedded struct does not
// appear.
func TestJSONDecode_FieldOfAnotherType(t *testing.T) {
	t.Parallel()
	type Base struct {
		Size int `json:"size"`
	}
	type outer struct {
		Base
		List []struct{ Base } `json:"list"`
	}
	for text, want := range map[string]string{`{"size":"x"}`: "size", `{"list":[{"size":"x"}]}`: "list.size"} {
		_, err := fnjson.JSONDecode[outer]([]byte(text), fnjson.JSONDecodeConfig{})
		about, ok := errors.AsType[*fnjson.JSONFieldError](err)
		if !ok || about.Field != want || about.Known != nil || !strings.Contains(err.Error(), `field "`+want+`" is a string, want a whole number`) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// If JSONDecode accepts a text, encoding/json decodes it to the same value.
func FuzzJSONDecode(f *testing.F) {
	for _, seed := range []string{`{}`, `{"name":"x","count":1}`, `{"inner":{"name":"[{"}}`, `[[[[`, "\"\\\"", `{"any":{"a":[1,{}]}} x`, "\xef\xbb\xbf{}", `null`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := fnjson.JSONDecode[named]([]byte(text), fnjson.JSONDecodeConfig{MaxDepth: 8})
		if err != nil {
			if core.ErrorCode(err) != core.CodeInvalid {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		var want named
		if err := json.Unmarshal([]byte(text), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, encoding/json %+v, %v", text, got, want, err)
		}
	})
}

// color is a type whose own error callers look for.
type color string

var errColor = errors.New("no such color")

func (c *color) UnmarshalText([]byte) error { return errColor }

func TestJSONDecode_OwnError(t *testing.T) {
	t.Parallel()
	_, err := fnjson.JSONDecode[color]([]byte(`"puce"`), fnjson.JSONDecodeConfig{Op: "read"})
	if core.ErrorCode(err) != core.CodeInvalid || !errors.Is(err, errColor) || err.Error() != "read: no such color" {
		t.Errorf("%v", err)
	}
}

// Types that hold themselves without a struct in between.
type (
	tree  []tree
	names map[string]names
)

// An unknown field, a value of another type or a name that appears twice beside
// or inside a type that holds itself is an error like another: it was a stack
// overflow, which ends the program, or went on for ever.
func TestJSONDecode_TypesThatHoldThemselves(t *testing.T) {
	t.Parallel()
	type holder struct {
		Tree  tree  `json:"tree"`
		Names names `json:"names"`
	}
	for text, want := range map[string]string{
		`{"tree":[[],[[]]],"names":{"a":{"b":{}}}}`: "",
		`{"x":1}`:                   `unknown field "x"`,
		`{"trees":[]}`:              `unknown field "trees"`,
		`{"tree":[[1]]}`:            "a number, want",
		`{"names":{"a":{"b":1}}}`:   "a number, want",
		`{"names":{"a":{},"a":{}}}`: `field "a" appears twice`,
	} {
		_, err := fnjson.JSONDecode[holder]([]byte(text), fnjson.JSONDecodeConfig{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{`{"x":1}`, `[1]`, `[[[1]]]`, `[{"a":1}]`} {
		if _, err := fnjson.JSONDecode[tree]([]byte(text), fnjson.JSONDecodeConfig{}); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s: %v", text, err)
		}
	}
}

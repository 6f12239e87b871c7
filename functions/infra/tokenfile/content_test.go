package tokenfile

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/token"
)

func TestContent_RoundTrip(t *testing.T) {
	t.Parallel()
	want := map[string]string{"a": "x", "<&\u2028>": "\x00\xff", "名前": strings.Repeat("y", 1<<16)}
	plain, err := formatContent(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseContent(plain); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestContent_Refused(t *testing.T) {
	t.Parallel()
	for text, code := range map[string]core.Code{
		``:                            core.CodeInternal,
		`null`:                        core.CodeUnsupported,
		`[]`:                          core.CodeInternal,
		`{}`:                          core.CodeUnsupported,
		`{"version":0}`:               core.CodeUnsupported,
		`{"version":2}`:               core.CodeUnsupported,
		`{"version":1e99}`:            core.CodeInternal,
		`{"version":1,"x":1}`:         core.CodeInternal,
		`{"version":1} {}`:            core.CodeInternal,
		`{"version":1,"tokens":[{}]}`: core.CodeInternal,
		`{"version":1,"tokens":[{"name":"a","value":""}]}`:                                 core.CodeInternal,
		`{"version":1,"tokens":[{"name":"a\n","value":"eA=="}]}`:                           core.CodeInternal,
		`{"version":1,"tokens":[{"name":"a","value":"*"}]}`:                                core.CodeInternal,
		`{"version":1,"tokens":[{"name":"a","value":"eA=="},{"name":"a","value":"eA=="}]}`: core.CodeInternal,
		strings.Repeat("[", 100_000):                                                       core.CodeInternal,
	} {
		if got, err := parseContent([]byte(text)); core.ErrorCode(err) != code || got != nil {
			t.Errorf("%.80s: got %v, %v (%s), want %s", text, got, err, core.ErrorCode(err), code)
		}
	}
}

// Parsed content can be formatted, and is the same after a round trip; refused
// content is refused without being quoted.
func FuzzParseContent(f *testing.F) {
	for _, seed := range []string{
		`{"version":1,"tokens":[{"name":"a","value":"eA=="}]}`, `{"version":1,"tokens":null}`, `{"version":2}`, `{"Version":1,"TOKENS":[]}`,
		`{"version":1,"tokens":[{"name":"\ud800","value":"eA=="}]}`, `{"version":1,"tokens":[{"name":"a","value":[1,2]}]}`, "\xff", `{"version":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, plain []byte) {
		tokens, err := parseContent(plain)
		if err != nil {
			if tokens != nil || len(plain) > 40 && bytes.Contains([]byte(err.Error()), plain[:40]) {
				t.Errorf("%v: %v", tokens, err)
			}
			return
		}
		for name, value := range tokens {
			if err := token.TokenNameCheck(name); err != nil || value == "" {
				t.Errorf("%q, %q: %v", name, value, err)
			}
		}
		again, err := formatContent(tokens)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseContent(again); err != nil || !maps.Equal(back, tokens) {
			t.Errorf("%q: %v, %v", again, back, err)
		}
	})
}

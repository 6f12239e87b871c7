package json_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"fnregistry.dev/functions/core"
	fnjson "fnregistry.dev/functions/infra/json"
)

func TestJSONLine_Escapes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain <b> & ünï 👍":               `"plain <b> & ünï 👍"`,
		"\x1b[2J\u202e\u009b\x7f\u2028\t": `"\u001b[2J\u202e\u009b\u007f\u2028\t"`,
		"\U000e0001\u200d\n":              `"\udb40\udc01\u200d\n"`,
		"\xff":                            `"\ufffd"`,
	} {
		got, err := fnjson.JSONLine(text)
		if err != nil || string(got) != want+"\n" {
			t.Errorf("%q: %s, %v, want %s", text, got, err, want)
		}
	}
}

func TestJSONLine_Wrong(t *testing.T) {
	t.Parallel()
	if _, err := fnjson.JSONLine(map[string]any{"a": make(chan int)}); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("a channel: %v", err)
	}
}

// It is one line, prints as text, and is read as what it was made of.
func FuzzJSONLine(f *testing.F) {
	f.Add("a\x1b\u202eb", "\U000e0001")
	f.Add("\\u0000", "\"")
	f.Fuzz(func(t *testing.T, key, value string) {
		line, err := fnjson.JSONLine(map[string]any{key: []any{value}})
		if err != nil {
			t.Fatal(err)
		}
		text, ok := strings.CutSuffix(string(line), "\n")
		if !ok || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", line)
		}
		plain, err := json.Marshal(map[string]any{key: []any{value}})
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(plain, &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	})
}

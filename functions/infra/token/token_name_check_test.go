package token_test

import (
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/token"
)

func TestTokenNameCheck_Good(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"a", "matrix/@ada:example.org", "../../etc/passwd", "-rf", "it's \"quoted\"", " ", "\u00a0", "名前", "e\u0301",
		"$(id)", "%s", strings.Repeat("n", 255), strings.Repeat("é", 127),
	} {
		if err := token.TokenNameCheck(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestTokenNameCheck_Bad(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":                       "empty",
		strings.Repeat("n", 256): "256 bytes",
		strings.Repeat("é", 128): "256 bytes",
		"hunter2\xff":            "UTF-8",
		"hunter2\x00":            "control",
		"hunter2\n":              "control",
		"hunter2\x1b[31m":        "control",
		"hunter2\x7f":            "control",
		"hunter2\u0085":          "control",
	} {
		err := token.TokenNameCheck(name)
		if core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want CodeInvalid and %q", name, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q is in the error", name)
		}
	}
}

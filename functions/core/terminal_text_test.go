package core_test

import (
	"strings"
	"testing"
	"unicode"

	"fnregistry.dev/functions/core"
)

func TestTerminalText_Hostile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                   "",
		"Grüße, 世界 👩‍💻 ❤️":                   "Grüße, 世界 👩‍💻 ❤️",
		"a\nb\r\nc\td":                       "a b  c d",
		"\x1b[2J\x1b]0;title\x07gone":        " [2J ]0;title gone",
		"\u009b31mred":                       " 31mred",
		"safe\u202egnp.exe":                  "safegnp.exe",
		"\u2066hidden\u2069 zero\u200bwidth": "hidden zerowidth",
		"bad \xff byte":                      "bad \ufffd byte",
		"line\u2028paragraph\u2029end":       "line paragraph end",
	} {
		if got := core.TerminalText(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzTerminalText(f *testing.F) {
	f.Add("a\x1b[31m\u202e\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := core.TerminalText(text)
		if strings.ContainsFunc(got, unicode.IsControl) || strings.ContainsAny(got, "\u202e\u2066\u2028") {
			t.Errorf("%q became %q", text, got)
		}
		if again := core.TerminalText(got); again != got {
			t.Errorf("%q became %q and then %q", text, got, again)
		}
	})
}

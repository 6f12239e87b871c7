package core_test

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"fnregistry.dev/functions/core"
)

func TestFileNameSafe_Names(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 300)
	for text, want := range map[string]string{
		"report.pdf":                "report.pdf",
		"Größe 10 – Ünïcode 東京.txt": "Größe 10 – Ünïcode 東京.txt",
		"👩‍👩‍👧.png":                 "👩‍👩‍👧.png",
		"":                          "_",
		" ":                         "_",
		".":                         "_",
		"..":                        "_",
		"../../etc/passwd":          "_.._.._etc_passwd",
		`C:\Users\x`:                "C__Users_x",
		".bashrc":                   "_.bashrc",
		"-rf":                       "_-rf",
		" a b . ":                   "a b",
		"a\x00b\nc\x1b[31m":         "a_b_c_[31m",
		"a\xffb":                    "a_b",
		"photo\u202egnp.exe":        "photo_gnp.exe",
		"CON":                       "_CON",
		"con.txt":                   "_con.txt",
		"nul ":                      "_nul",
		"com1.log":                  "_com1.log",
		"LPT²":                      "_LPT²",
		"console.log":               "console.log",
		"com10":                     "com10",
		"what? <a|b>: \"*\"":        "what_ _a_b__ ___",
		long:                        long[:255],
		long + ".jpeg":              long[:250] + ".jpeg",
		strings.Repeat("é", 200):    strings.Repeat("é", 127),
	} {
		if got := core.FileNameSafe(text); got != want {
			t.Errorf("%.40q: %q, want %q", text, got, want)
		}
	}
}

func FuzzFileNameSafe(f *testing.F) {
	for _, seed := range []string{"../x", "con", "a. .", "\xff", "\u202e", strings.Repeat("é.", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name := core.FileNameSafe(text)
		switch {
		case name == "" || len(name) > 255 || !utf8.ValidString(name):
			t.Errorf("%q: %q", text, name)
		case filepath.Base(name) != name || !filepath.IsLocal(name) || strings.ContainsAny(name, "/\\\x00:"):
			t.Errorf("%q: %q leaves its folder", text, name)
		case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "."):
			t.Errorf("%q: %q", text, name)
		case core.FileNameSafe(name) != name:
			t.Errorf("%q: %q becomes %q", text, name, core.FileNameSafe(name))
		}
	})
}

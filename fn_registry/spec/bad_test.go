package spec

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestParse_BadFiles checks the whole result for unreadable files: one finding
// each, with its position.
func TestParse_BadFiles(t *testing.T) {
	t.Parallel()
	good := string(sample(t))
	for _, tc := range []struct{ name, src, want string }{
		{"empty", "", "1:1 schema-yaml: no frontmatter"},
		{"no frontmatter", "# README\n", "1:1 schema-yaml: no frontmatter"},
		{"no end", "---\nname: x\n\n# Heading\n", "1:1 schema-yaml: the frontmatter does not end"},
		{"nothing in it", "---\n# nothing\n---\n", "1:1 schema-missing: the frontmatter is empty"},
		{"byte order mark", "\ufeff" + good, "1:1 schema-encoding: the file starts with a byte order mark"},
		{"CRLF", strings.ReplaceAll(good, "\n", "\r\n"), "1:4 schema-encoding: the lines end in CRLF"},
		{"one CRLF", strings.Replace(good, "lang: go\n", "lang: go\r\n", 1), "4:9 schema-encoding: the lines end in CRLF"},
		{"NUL in the frontmatter", strings.Replace(good, "lang: go", "lang: g\x00", 1), "4:8 schema-encoding: a NUL byte"},
		{"NUL in the body", strings.Replace(good, "- A full", "- A \x00", 1), fmt.Sprintf("%d:5 schema-encoding: a NUL byte", lineOf(good, "- A full"))},
		{"not UTF-8", strings.Replace(good, "lang: go", "lang: é \xe9", 1), "4:10 schema-encoding: the byte 0xE9 is not UTF-8"},
		{"UTF-16", "\xff\xfe-\x00-\x00-\x00\n\x00", "1:1 schema-encoding: the file is in UTF-16"},
		{"lone CR", "---\nname: x\rkind: y\n---\n", "2:8 schema-encoding: the line break U+000D in the frontmatter"},
		{"line separator", "---\nname: x\u2028kind: y\n---\n", "2:8 schema-encoding: the line break U+2028 in the frontmatter"},
		{"escape", "---\nname: \x1b[0m\n---\n", "2:7 schema-encoding: the control character U+001B in the frontmatter"},
		{"too large", "---\nname: x\n---\n" + strings.Repeat("x", MaxSize), "1:1 schema-size: the file is larger than 1048576 bytes"},
		{"a list", "---\n- a\n---\n", "2:1 schema-yaml: the frontmatter is not made of lines key: value"},
		{"text", "---\njust text\n---\n", "2:1 schema-yaml: the frontmatter is not made of lines key: value"},
		{"anchor", "---\nname: x\ntags: [a, &b c]\n---\n", "3:11 schema-yaml: an anchor in the frontmatter"},
		{"alias bomb", "---\na: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n---\n", "2:4 schema-yaml: an anchor in the frontmatter"},
		{"alias to nothing", "---\nname: x\na: *b\n---\n", "3:1 schema-yaml: invalid YAML: unknown anchor 'b' referenced"},
		{"tag", "---\nname: !!str x\n---\n", "2:7 schema-yaml: a tag in the frontmatter"},
		{"key of two lines", "---\nname: x\n? kind\n: app\n---\n", "3:3 schema-yaml: a key that is not a word in the frontmatter"},
		{"list as key", "---\n[a]: b\n---\n", "2:1 schema-yaml: a key that is not a word in the frontmatter"},
		{"no key", "---\nname: x\n: b\n---\n", "3:1 schema-yaml: invalid YAML: did not find expected key"},
		{"end of document", "---\nname: x\n...\nkind: y\n---\n", "3:1 schema-yaml: a line of the frontmatter starts with ..., which ends a YAML document"},
		{"start of document", "---\nname: x\n--- # y\nkind: y\n---\n", "3:1 schema-yaml: a line of the frontmatter starts with ---, which ends a YAML document"},
		{"directive", "---\n%YAML 1.1\nname: x\n---\n", "2:1 schema-yaml: a line of the frontmatter starts with %, which ends a YAML document"},

		{"colon in a value", "---\nname: x\nkind: y\n\ndescription: a: b\ntags: []\n---\n", "5:1 schema-yaml: invalid YAML: mapping values are not allowed in this context"},
		{"open quote", "---\nname: x\nkind: \"y\ntags: []\nrun: z\n---\n", "3:1 schema-yaml: invalid YAML: found unexpected end of stream"},
		{"open bracket", "---\nname: x\ntags: [a, b\nkind: y\n---\n", "3:1 schema-yaml: invalid YAML: did not find expected ',' or ']'"},
		{"open bracket after a list over lines", "---\nimports: [\n  a,\n  b,\n]\nname: x\ntags: [a, b\nkind: y\n---\n", "7:1 schema-yaml: invalid YAML: did not find expected ',' or ']'"},
		{"tab", "---\nname: x\nparams:\n\t- name: y\n---\n", "4:1 schema-yaml: invalid YAML: found character that cannot start any token"},
		{"indentation", "---\nname: x\n  kind: y\n---\n", "3:3 schema-yaml: invalid YAML: mapping values are not allowed in this context"},
		{"list item too far left", "---\nname: x\ntags:\n  - a\n - b\nrun: x\n---\n", "5:2 schema-yaml: invalid YAML: did not find expected key"},
		{"no colon", "---\nname: x\nkind\nlang: go\n---\n", "3:1 schema-yaml: invalid YAML: could not find expected ':'"},
		{"bad escape", "---\nname: x\nrun: \"\\d\"\n---\n", "3:1 schema-yaml: invalid YAML: found unknown escape character"},
		{"backtick", "---\nname: x\nrun: `x`\n---\n", "3:1 schema-yaml: invalid YAML: found character that cannot start any token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := Parse("x.md", []byte(tc.src))
			if got := problems(d); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
			for _, p := range d.Problems {
				if p.Hint == "" {
					t.Errorf("%s: no hint", p.Message)
				}
			}
		})
	}
}

// problems formats a document's problems, one per line.
func problems(d *Document) string {
	var list []string
	for _, p := range d.Problems {
		list = append(list, fmt.Sprintf("%d:%d %s: %s", p.Pos.Line, p.Pos.Column, p.Rule, p.Message))
	}
	return strings.Join(list, "\n")
}

func lineOf(src, text string) int {
	return 1 + strings.Count(src[:strings.Index(src, text)], "\n")
}

// TestParse_StillReads checks that the readable parts of a file with bad
// characters are read.
func TestParse_StillReads(t *testing.T) {
	t.Parallel()
	good := string(sample(t))
	want := Parse("x.md", []byte(good)).Spec
	for name, src := range map[string]string{
		"byte order mark":          "\ufeff" + good,
		"CRLF":                     strings.ReplaceAll(good, "\n", "\r\n"),
		"NUL in the body":          good + "\x00",
		"spaces behind the fences": strings.ReplaceAll(good, "---\n", "--- \t\n"),
	} {
		if got := Parse("x.md", []byte(src)).Spec; got.ID() != want.ID() || len(got.Params) != len(want.Params) || got.Params[4] != want.Params[4] {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestFixEncoding(t *testing.T) {
	t.Parallel()
	good := sample(t)
	bad := append([]byte("\ufeff"), bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n"))...)
	d := Parse("x.md", bad)
	if len(d.Problems) != 2 {
		t.Errorf("problems: %s", problems(d))
	}
	if got := Apply(bad, d.FixEncoding()); !bytes.Equal(got, good) {
		t.Errorf("got %q", got)
	}
	if edits := Parse("x.md", good).FixEncoding(); len(edits) != 0 {
		t.Errorf("edits of a good file: %v", edits)
	}
}

// TestParse_HalfValues: a list with one bad element yields nothing, since half
// of it would be mistaken for the whole.
func TestParse_HalfValues(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"tags: [a, b]":                        `[a b] [] 0 false`,
		"tags: [a, 1, b]":                     `[] [] 0 false 1:11`,
		"tags: [a, [b]]":                      `[] [] 0 false 1:11`,
		"tags: []":                            `[] [] 0 false`,
		"tags: {a: b}":                        `[] [] 0 false 1:7`,
		"params: [{name: a, desc: b}]":        `[] [{a b}] 0 false`,
		"params: [{name: a, desc: b}, c]":     `[] [] 0 false 1:30`,
		"params: [c, {name: a, desc: b}]":     `[] [] 0 false 1:10`,
		"params: [{name: a, name: b}]":        `[] [] 0 false 1:20`,
		"params: [{name: [a], desc: b}]":      `[] [] 0 false 1:17`,
		"params: [{name: a, desc: b, to: c}]": `[] [{a b}] 0 false 1:29`,
		"params: a":                           `[] [] 0 false 1:9`,
		"binary_mb_max: 8.7":                  `[] [] 8.7 false`,
		"binary_mb_max: 1e3":                  `[] [] 1000 false`,
		"binary_mb_max: 0":                    `[] [] 0 false 1:16`,
		"binary_mb_max: -1":                   `[] [] 0 false 1:16`,
		"binary_mb_max: .inf":                 `[] [] 0 false 1:16`,
		"binary_mb_max: ten":                  `[] [] 0 false 1:16`,
		"tested: true":                        `[] [] 0 true`,
		"tested: false":                       `[] [] 0 false`,
		"tested: 1":                           `[] [] 0 false 1:9`,
	} {
		d := Parse("x.md", []byte("---\n"+src+"\n---\n"))
		got := fmt.Sprint(d.Spec.Tags, d.Spec.Params, d.Spec.BinaryMBMax, d.Spec.Tested)
		key, _, _ := strings.Cut(src, ":")
		for _, p := range d.Problems {
			if p.Key == key && p.Rule != RuleMissing {
				got += fmt.Sprintf(" %d:%d", p.Pos.Line-1, p.Pos.Column)
			}
		}
		if got = strings.Join(strings.Fields(strings.ReplaceAll(got, "][", "] [")), " "); got != want {
			t.Errorf("%s: %s, want %s\n%s", src, got, want, problems(d))
		}
	}
}

// TestParse_LongValues: a message shows 60 bytes of a value, and whole
// characters.
func TestParse_LongValues(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		strings.Repeat("a", 60):                    strings.Repeat("a", 60) + `"`,
		strings.Repeat("a", 61):                    strings.Repeat("a", 60) + `..."`,
		strings.Repeat("é", 31):                    strings.Repeat("é", 30) + `..."`,
		"a" + strings.Repeat("é", 31):              "a" + strings.Repeat("é", 29) + `..."`,
		"aa" + strings.Repeat("\U0001F600", 15):    "aa" + strings.Repeat("\U0001F600", 14) + `..."`,
		"aaa" + strings.Repeat("\u00e9\u3042", 12): "aaa" + strings.Repeat("\u00e9\u3042", 11) + `é..."`,
	} {
		d := Parse("x.md", []byte("---\nkind: "+value+"\n---\n"))
		if got := problems(d); !strings.Contains(got, `"`+want) {
			t.Errorf("%s (%d bytes): no %s in\n%s", value, len(value), want, got)
		}
	}
}

func TestIsSpec(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]bool{
		"---\nname: x\n---\n": true, "---": true, "--- \r\nx": true, "\ufeff---\n": true, "\xff\xfe-\x00-\x00-\x00": true, "\xfe\xff\x00-\x00-\x00-": true,
		"": false, "# x\n": false, "--\n": false, "----\n": false, "\n---\n": false, " ---\n": false, "--- x\n": false, "\xff\xfe#\x00": false,
	} {
		if got := IsSpec([]byte(src)); got != want {
			t.Errorf("IsSpec(%q) = %v", src, got)
		}
	}
}

// TestParse_Characters: which characters a spec may have in its frontmatter and
// in its body, at the limits of each range.
func TestParse_Characters(t *testing.T) {
	t.Parallel()
	const control, invisible, bidirectional, lineBreak = "the control character", "the invisible character", "the bidirectional control character", "the line break"
	for _, tc := range []struct {
		chars       string
		front, body string // what is wrong with each
	}{
		{"\t ~\u00a0\u00e9\u0300\u061b\u061d\u200a\u2010\u2027\u202f\u205f\u2061\u2065\u206a\ufefe\ufff0\ufffd\U0001F600", "", ""},
		{"\x01\x08\x0b\x0c\x0e\x1f\x7f\u0080\u0084\u0086\u009f\ufeff\ufffe\uffff", control, ""},
		{"\u061c\u200b\u200c\u200e\u200f\u2060", invisible, ""},
		{"\u202a\u202c\u202e\u2066\u2067\u2069", bidirectional, bidirectional},
		{"\r\u0085\u2028\u2029", lineBreak, ""},
		{"\x00", "a NUL byte", "a NUL byte"},
	} {
		for _, c := range tc.chars {
			for _, at := range []struct{ name, src, want string }{
				{"frontmatter", "---\nname: \"a" + string(c) + "b\"\n---\n", tc.front},
				{"body", "---\nname: a\n---\na" + string(c) + "b", tc.body},
			} {
				got := ""
				for _, p := range Parse("x.md", []byte(at.src)).Problems {
					if p.Rule == RuleEncoding {
						got += p.Message
					}
				}
				if at.want == "" && got != "" || !strings.HasPrefix(got, at.want) {
					t.Errorf("%U in the %s: %q, want %q", c, at.name, got, at.want)
				}
			}
		}
	}
}

// TestParse_ProblemOrder: problems are sorted by position, not in the order in
// which they are found.
func TestParse_ProblemOrder(t *testing.T) {
	t.Parallel()
	d := Parse("x.md", []byte("---\nfile_path: /a\ntested: 1\ntags: [Bad, a, Worse, a]\nodd: 1\nversion: x\nname: Bad\nkind: functoin\nlang: go\n---\n## Example\n\n## Gotchas\n"))
	var places []string
	for i, p := range d.Problems {
		places = append(places, fmt.Sprintf("%d:%d", p.Pos.Line, p.Pos.Column))
		if i == 0 {
			continue
		}
		if before := d.Problems[i-1].Pos; before.Line > p.Pos.Line || before.Line == p.Pos.Line && before.Column > p.Pos.Column {
			t.Errorf("%v comes after %v", p.Pos, before)
		}
	}
	if got := strings.Join(places, " "); !strings.HasSuffix(got, "2:12 3:9 4:8 4:16 4:23 5:1 6:10 7:7 8:7") {
		t.Errorf("problems at %s", got)
	}
}

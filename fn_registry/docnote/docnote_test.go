package docnote

import (
	"go/format"
	"strings"
	"testing"
	"unicode/utf8"

	"fnregistry.dev/fn_registry/spec"
)

func TestLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ section, want string }{
		"two of three": {
			"\n- One. And more of it.\n- Two\n  lines.\n- Three.\n",
			"// More in a.md:\n//   - One.\n//   - Two lines.",
		},
		"none": {"\n", "// More in a.md."},
		"a paragraph": {
			"\nIt is slow. Very.\n\nMore text.\n",
			"// More in a.md:\n//   - It is slow.",
		},
		"markup": {
			"- **Never** call `Stop` in [a job](x.md): `a. B` waits, e.g. For ever.\n  - nested\n\n| a | b |\n",
			"// More in a.md:\n//   - Never call Stop in a job: a. B waits, e.g. For ever.",
		},
		"wrapped": {
			"- " + strings.Repeat("word ", 16) + "- then 2. and more words here\n",
			"// More in a.md:\n//   - word word word word word word word word word word word word word word\n//     word word - then 2. and more words here",
		},
		"no marker begins a line": {
			"- " + strings.Repeat("wörd ", 14) + "abc - then\n",
			"// More in a.md:\n//   - wörd wörd wörd wörd wörd wörd wörd wörd wörd wörd wörd wörd wörd wörd\n//     abc - then",
		},
		"a quoted sentence": {
			`- It says "stop." "Go" is next. Last.`,
			"// More in a.md:\n//   - It says \"stop.\"",
		},
	} {
		got := strings.Join(Lines("a.md", c.section), "\n")
		if got != c.want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", name, got, c.want)
		}
		for line := range strings.SplitSeq(got, "\n") {
			if utf8.RuneCountInString(line) > width {
				t.Errorf("%s: too wide: %s", name, line)
			}
		}
	}
}

func TestEdits(t *testing.T) {
	t.Parallel()
	note := []string{"// More in a.md:", "//   - New."}
	for name, c := range map[string]struct{ before, after string }{
		"none yet":      {"// A is.\nfunc A() {}\n", "// A is.\n//\n// More in a.md:\n//   - New.\nfunc A() {}\n"},
		"no comment":    {"func A() {}\n", "// More in a.md:\n//   - New.\nfunc A() {}\n"},
		"another one":   {"// A is.\n//\n// More in b.md:\n//   - Old\n//     text.\n//   - Two.\nfunc A() {}\n", "// A is.\n//\n// More in a.md:\n//   - New.\nfunc A() {}\n"},
		"without list":  {"// A is.\n//\n// More in a.md.\nfunc A() {}\n", "// A is.\n//\n// More in a.md:\n//   - New.\nfunc A() {}\n"},
		"text below it": {"// A is.\n//\n// More in a.md:\n//   - Old.\n//\n// By hand.\nfunc A() {}\n", "// A is.\n//\n// By hand.\n//\n// More in a.md:\n//   - New.\nfunc A() {}\n"},
		"a list of its own": {"// A has:\n//   - this\n//\n// More in a.md.\nfunc A() {}\n",
			"// A has:\n//   - this\n//\n// More in a.md:\n//   - New.\nfunc A() {}\n"},
		"directive": {"// A is.\n//\n//go:noinline\nfunc A() {}\n", "// A is.\n//\n// More in a.md:\n//   - New.\n//\n//go:noinline\nfunc A() {}\n"},
		"link and directive": {"// A is [B].\n//\n// [B]: https://example.org\n//\n//go:noinline\nfunc A() {}\n",
			"// A is [B].\n//\n// More in a.md:\n//   - New.\n//\n// [B]: https://example.org\n//\n//go:noinline\nfunc A() {}\n"},
		"in a group": {"type (\n\t// A is.\n\tA struct{}\n)\n", "type (\n\t// A is.\n\t//\n\t// More in a.md:\n\t//   - New.\n\tA struct{}\n)\n"},
	} {
		before, after := "package p\n\n"+c.before, "package p\n\n"+c.after
		line := 1 + strings.Count(before[:strings.Index(before+"\n", declOf(before))], "\n")
		got := spec.Apply([]byte(before), Edits([]byte(before), line, note))
		if string(got) != after {
			t.Errorf("%s\ngot\n%s\nwant\n%s", name, got, after)
		}
		if formatted, err := format.Source(got); err != nil || string(formatted) != string(got) {
			t.Errorf("%s: gofmt changes it to (%v)\n%s", name, err, formatted)
		}
		line = 1 + strings.Count(after[:strings.Index(after, declOf(after))], "\n")
		if again := Edits(got, line, note); again != nil {
			t.Errorf("%s: a second time changes it: %+v", name, again)
		}
	}
	if got := Edits([]byte("package p\n"), 9, note); got != nil {
		t.Errorf("a line that does not exist: %+v", got)
	}
}

// declOf returns the start of the declaration's line.
func declOf(src string) string {
	if strings.Contains(src, "\tA struct") {
		return "\tA struct"
	}
	return "func A"
}

package spec

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse_Body(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, body, want string }{
		{"empty", "", ""},
		{"text before the first heading", "\nhello\n# x\n", "0 other \"\" 4:1\n1 other \"x\" 6:1"},
		{"Spanish", "# x\n## Ejemplo\n## Cuando usarla\n## GOTCHAS\n", "1 other \"x\" 4:1\n2 example \"Ejemplo\" 5:1\n2 when-to-use \"Cuando usarla\" 6:1\n2 gotchas \"GOTCHAS\" 7:1"},
		{"deeper headings belong to the section", "## Gotchas\n### On Windows\na\n## More\n### Example\n", "2 gotchas \"Gotchas\" 4:1\n2 other \"More\" 7:1\n3 example \"Example\" 8:1"},
		{"a deeper known heading is its own section", "## Example\n### Gotchas\n", "2 example \"Example\" 4:1\n3 gotchas \"Gotchas\" 5:1"},
		{"closed and decorated", "  ## **Example:** ##\n", "2 example \"**Example:**\" 4:3"},
		{"not headings", "#x\n####### y\n    # z\n\\# w\n", "0 other \"\" 4:1"},
		{"a # within the text", "# C# and F#\n#\n# #\n", "1 other \"C# and F#\" 4:1\n1 other \"\" 5:1\n1 other \"\" 6:1"},
		{"headings in code", "## Example\n```\n# no\n```\n# yes\n", "2 example \"Example\" 4:1 [\"\" \"# no\\n\" 6:1]\n1 other \"yes\" 8:1"},
		{"code", "## Example\n\n```Go title=x\na\n\n b\n```\n~~~~ sh\n```\n~~~\n~~~~\n", "2 example \"Example\" 4:1 [\"go\" \"a\\n\\n b\\n\" 7:1] [\"sh\" \"```\\n~~~\\n\" 12:1]"},
		{"code in a list", "# x\n- y\n  ```go\n  a\n    b\n c\n  ```\n", "1 other \"x\" 4:1 [\"go\" \"a\\n  b\\nc\\n\" 7:3]"},
		{"empty code", "# x\n```\n```\n", "1 other \"x\" 4:1 [\"\" \"\" 6:1]"},
		{"code that does not end", "# x\n```go\na", "1 other \"x\" 4:1 [\"go\" \"a\" 6:1]"},
		{"code within a line", "# x\n```a``` b\n# y\n", "1 other \"x\" 4:1\n1 other \"y\" 6:1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, eol := range []string{"\n", "\r\n"} {
				d := Parse("x.md", []byte(strings.ReplaceAll("---\nname: x\n---\n"+tc.body, "\n", eol)))
				var got []string
				for _, s := range d.Body.Sections {
					line := fmt.Sprintf("%d %s %q %d:%d", s.Level, s.Kind, s.Heading, s.Pos.Line, s.Pos.Column)
					for _, c := range s.Code {
						line += fmt.Sprintf(" [%q %q %d:%d]", c.Lang, strings.ReplaceAll(c.Text, "\r", ""), c.Pos.Line, c.Pos.Column)
					}
					got = append(got, line)
				}
				if got := strings.Join(got, "\n"); got != tc.want {
					t.Errorf("got\n%s\nwant\n%s", got, tc.want)
				}
			}
		})
	}
}

func TestDocument_Section(t *testing.T) {
	t.Parallel()
	d := Parse("x.md", sample(t))
	s, ok := d.Section(SectionGotchas)
	if want := "\n- A full buffer blocks the sync.\n- Stop returns once the goroutine has left.\n"; !ok || s.Text != want {
		t.Errorf("%v %q", ok, s.Text)
	}
	if _, ok := Parse("x.md", []byte(app)).Section(SectionExample); ok {
		t.Error("a section in a file without body")
	}
}

// TestSymbolOf: the name that a signature declares, and whether code names it.
func TestSymbolOf(t *testing.T) {
	t.Parallel()
	for signature, want := range map[string]string{
		"func F()": "F", "func F[T any](x T) T": "F", "func (s *S) M(x int) error": "M", "func (s S[T]) M()": "M", "func (s S)": "", "func ()": "", "func": "", "func F": "", "type F struct": "", "": "",
	} {
		if got := symbolOf(signature); got != want {
			t.Errorf("%q is of %q, want %q", signature, got, want)
		}
	}
	for code, want := range map[string]bool{
		"F()": true, "p.F(1)": true, "x := p.F": true, "// F()": false, "/* F() */ x()": false, "\"F\"": false, "`F`": false, "FF()": false, "p.F1()": false, "": false, "F": true, "p.G() // F": false, "type T struct{ F int }": true,
	} {
		if got := namesIdentifier(code, "F"); got != want {
			t.Errorf("%q names F: %v", code, got)
		}
	}
	for text, want := range map[string]bool{
		"": true, " \n\t": true, "<!-- a -->": true, "<!-- a --> b": false, "a <!-- b -->": false, "<!-- a --><!-- b -->": true, "<!-- a --> <!-- b --> c": false, "<!-- a": true, "a": false, "-->": false,
	} {
		if got := blank(text); got != want {
			t.Errorf("%q is blank: %v", text, got)
		}
	}
}

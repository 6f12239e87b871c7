package spec

import (
	"strings"
	"testing"
)

// hostile are texts of the largest size that make parsers work or recurse.
func hostile() map[string]string {
	fill := func(unit string) string { return strings.Repeat(unit, (MaxFrontmatter-20)/len(unit)) }
	numbered := func(format string) string {
		var b strings.Builder
		for b.Len() < MaxFrontmatter-20 {
			b.WriteString(strings.ReplaceAll(format, "N", strings.Repeat("z", 1+b.Len()%3)+string(rune('a'+b.Len()%26))+string(rune('a'+b.Len()/26%26))+string(rune('a'+b.Len()/676%26))))
		}
		return b.String()
	}
	return map[string]string{
		"open brackets":   "name: " + fill("["),
		"open braces":     "name: " + fill("{a: "),
		"nested lists":    "name:\n " + fill("- "),
		"closed brackets": "tags: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "\n",
		"keys":            numbered("N: 1\n"),
		"same key":        fill("a: 1\n"),
		"items":           "tags: [" + fill("a, ") + "]\n",
		"parameters":      "params:\n" + fill("- a: b\n"),
		"comments":        fill("#\n"),
		"comments behind": "tags:\n" + fill("- a #\n"),
		"empty lines":     "name: |\n" + fill("\n"),
		"long word":       "name: " + fill("a") + "\n",
		"quote":           "name: \"" + fill("\\n"),
		"anchors":         numbered("N: &N [*N]\n"),
		"lines that fail": fill("a: b: c\n"),
		"question marks":  fill("? a\n"),
	}
}

func TestParse_Hostile(t *testing.T) {
	t.Parallel()
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := []byte("---\n" + text + "\n---\n")
			d := Parse("x.md", src)
			if n := len(d.Problems); n == 0 || n > maxProblems {
				t.Errorf("%d problems", n)
			}
			checkSet(t, src, map[string]any{"tags": []string{"b", "a"}, "kind": KindApp})
		})
	}
	d := Parse("x.md", []byte("---\n"+strings.Repeat("#\n", MaxFrontmatter)+"---\n"))
	if got, want := problems(d), "1:1 schema-size: the frontmatter is larger than 65536 bytes"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func BenchmarkParse_Hostile(b *testing.B) {
	for name, text := range hostile() {
		src := []byte("---\n" + text + "\n---\n")
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				Parse("x.md", src)
			}
		})
	}
}

package spec

import (
	"strings"
	"testing"
)

// TestParse_UnfinishedPlaces: words of the scaffold are reported at their
// positions, even before the first heading.
func TestParse_UnfinishedPlaces(t *testing.T) {
	t.Parallel()
	const text = "---\nname: a\nkind: app\n---\nNot yet: one.\n\n# a\n\nNot yet: two.\n"
	var got []int
	for _, p := range Parse("a.md", []byte(text)).Problems {
		if p.Rule == RuleUnfinished {
			got = append(got, p.Pos.Line)
		}
	}
	var want []int
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "Not yet:") {
			want = append(want, i+1)
		}
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("lines %v, want %v", got, want)
	}
}

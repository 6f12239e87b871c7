package search

import (
	"slices"
	"testing"
)

// isKin applies the condition of segment.kin to one pair.
func isKin(a, b string) bool {
	return letters(a) && letters(b) && stem(a) != stem(b) && root(stem(a)) == root(stem(b)) && len(root(stem(a))) >= minRoot
}

// kinOf lists the kin of a word in an index of the other one.
func kinOf(word, other string) (found bool) {
	x := Build(slices.Values([]Doc{{Key: "k", Body: other}}))
	x.parts[0].seg.kin(word, func(at int) { found = found || string(x.parts[0].seg.words.at(at)) == other })
	return found
}

func TestIsKin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"migrate", "migration", true}, {"migrations", "migrate", true}, {"compress", "compression", true},
		{"supervise", "supervisors", true}, {"encryption", "encrypted", true}, {"notify", "notification", false},
		{"ration", "rate", false}, {"error", "err", false}, {"server", "serve", false}, {"sha256", "sha", false},
		{"retry", "retries", false}, // forms of one word, which stem finds
	} {
		if isKin(c.a, c.b) != c.want || isKin(c.b, c.a) != c.want || kinOf(c.a, c.b) != c.want || kinOf(c.b, c.a) != c.want {
			t.Errorf("%s and %s: %v, want %v; roots %s, %s", c.a, c.b, !c.want, c.want, root(stem(c.a)), root(stem(c.b)))
		}
	}
}

package search

import "testing"

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
		if isKin(c.a, c.b) != c.want || isKin(c.b, c.a) != c.want {
			t.Errorf("%s and %s: %v, want %v; roots %s, %s", c.a, c.b, !c.want, c.want, root(stem(c.a)), root(stem(c.b)))
		}
	}
}

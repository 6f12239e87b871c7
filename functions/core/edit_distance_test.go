package core_test

import (
	"testing"

	"fnregistry.dev/functions/core"
)

func TestEditDistance_Known(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0},
		{"kitten", "sitting", 3}, {"saturday", "sunday", 3},
		{"adress", "address", 1}, {"recieve", "receive", 1}, {"ab", "ba", 1},
		{"ca", "abc", 3}, // 2 without the restriction
		{"é", "e", 2},    // bytes, not letters
	} {
		for _, pair := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			if got := core.EditDistance(pair[0], pair[1]); got != c.want {
				t.Errorf("%q, %q: %d, want %d", pair[0], pair[1], got, c.want)
			}
		}
	}
}

func FuzzEditDistance(f *testing.F) {
	f.Add("kitten", "sitting", byte('x'))
	f.Fuzz(func(t *testing.T, a, b string, c byte) {
		if len(a) > 100 || len(b) > 100 {
			return
		}
		d := core.EditDistance(a, b)
		if d != core.EditDistance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) {
			t.Errorf("%q, %q: %d", a, b, d)
		}
		if more := core.EditDistance(a+string([]byte{c}), b); more < d-1 || more > d+1 {
			t.Errorf("%q and one more byte, %q: %d after %d", a, b, more, d)
		}
	})
}

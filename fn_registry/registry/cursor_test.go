package registry

import (
	"fmt"
	"testing"
)

// TestCursor_After: the position after the last page's unit is found with two
// queries, however long the answer is and wherever that unit has moved.
func TestCursor_After(t *testing.T) {
	t.Parallel()
	const total = 5000
	asked := 0
	of := func(offset, limit int) answer {
		asked++
		a := answer{total: total}
		for i := offset; i < min(offset+limit, total); i++ {
			a.hits = append(a.hits, hit{key: fmt.Sprintf("u%05d", 2*i)})
		}
		return a
	}
	before := func(a, b hit) bool { return a.key < b.key }
	for _, tc := range []struct {
		c    cursor
		want int
	}{
		{cursor{Offset: 20, Key: "u00038"}, 20},   // unmoved
		{cursor{Offset: 20, Key: "u09000"}, 4501}, // moved
		{cursor{Offset: 20, Key: "u09001"}, 4501}, // removed
		{cursor{Offset: 20, Key: "u"}, 0},         // removed, was the first
		{cursor{Offset: 20, Key: "v"}, total},     // removed, was the last
		{cursor{Offset: 9999, Key: "u00000"}, 1},  // beyond the end by now
	} {
		asked = 0
		if got := tc.c.after(of, before); got != tc.want || asked > 2 {
			t.Errorf("%+v: %d with %d queries, want %d with at most two", tc.c, got, asked, tc.want)
		}
	}
}

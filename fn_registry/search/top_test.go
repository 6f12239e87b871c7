package search

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// topHits keeps what sorting everything would put first: by score, then by key,
// from the offset on.
func TestTopHits(t *testing.T) {
	t.Parallel()
	var docs []Doc
	for i := range 60 {
		docs = append(docs, Doc{Key: fmt.Sprintf("k%02d", (i*37)%60), Name: fmt.Sprintf("unit_%d", i)})
	}
	x := Build(slices.Values(docs))
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		keep := 1 + r.IntN(30)
		top := newTopHits(x, Options{Limit: keep})
		var all []scored
		for _, doc := range r.Perm(len(docs)) {
			s := scored{score: float64(r.IntN(6)), doc: doc}
			all = append(all, s)
			top.offer(s)
		}
		slices.SortFunc(all, func(a, b scored) int {
			return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(x.key(a.doc), x.key(b.doc)))
		})
		got := slices.Clone(top.heap)
		slices.SortFunc(got, func(a, b scored) int {
			return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(x.key(a.doc), x.key(b.doc)))
		})
		if !slices.Equal(got, all[:keep]) || top.total != len(docs) {
			t.Fatalf("of %d, the best %d: got %v, want %v", top.total, keep, got, all[:keep])
		}
	}
}

// An offset beyond all units, or below zero, is handled as such.
func TestTopHits_Bounds(t *testing.T) {
	t.Parallel()
	x := Build(slices.Values([]Doc{{Key: "a", Name: "a"}, {Key: "b", Name: "b"}}))
	for _, c := range []struct{ offset, limit, wantOffset, wantLimit int }{
		{0, 0, 0, 2}, {-3, -1, 0, 2}, {1, 1, 1, 1}, {9, 9, 2, 2},
	} {
		top := newTopHits(x, Options{Offset: c.offset, Limit: c.limit})
		if top.offset != c.wantOffset || top.limit != c.wantLimit || top.keep != c.wantOffset+c.wantLimit {
			t.Errorf("offset %d, limit %d: %d, %d, keeps %d", c.offset, c.limit, top.offset, top.limit, top.keep)
		}
	}
}

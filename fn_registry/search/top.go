package search

import "sort"

// topHits keeps the best of the units that are offered to it.
type topHits struct {
	index        *Index
	offset, keep int
	total        int
	heap         []scored // the worst first
}

type scored struct {
	score  float64
	doc    int
	fields Field
}

func newTopHits(x *Index, o Options) *topHits {
	limit := o.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	t := &topHits{index: x, offset: min(max(0, o.Offset), x.slots)}
	t.keep = t.offset + min(limit, x.slots)
	return t
}

func (t *topHits) offer(doc int, score float64, fields Field) {
	t.total++
	s := scored{score, doc, fields}
	switch {
	case len(t.heap) < t.keep:
		t.heap = append(t.heap, s)
		t.rise(len(t.heap) - 1)
	case t.keep > 0 && t.worse(t.heap[0], s):
		t.heap[0] = s
		t.sink()
	}
}

// worse tells whether a comes after b.
func (t *topHits) worse(a, b scored) bool {
	if a.score != b.score {
		return a.score < b.score
	}
	return t.index.key(a.doc) > t.index.key(b.doc)
}

func (t *topHits) rise(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !t.worse(t.heap[i], t.heap[parent]) {
			return
		}
		t.heap[i], t.heap[parent] = t.heap[parent], t.heap[i]
		i = parent
	}
}

func (t *topHits) sink() {
	for i := 0; ; {
		worst := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(t.heap) && t.worse(t.heap[child], t.heap[worst]) {
				worst = child
			}
		}
		if worst == i {
			return
		}
		t.heap[i], t.heap[worst] = t.heap[worst], t.heap[i]
		i = worst
	}
}

// hits returns the page that was asked for, best first.
func (t *topHits) hits() []Hit {
	sort.Slice(t.heap, func(i, j int) bool { return t.worse(t.heap[j], t.heap[i]) })
	var hits []Hit
	for _, s := range t.heap[min(t.offset, len(t.heap)):] {
		hits = append(hits, Hit{Key: t.index.key(s.doc), Score: s.score, Fields: s.fields, doc: s.doc})
	}
	return hits
}

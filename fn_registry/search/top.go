package search

import "sort"

// topHits keeps the best of the units offered to it.
type topHits struct {
	index         *Index
	offset, limit int
	keep          int
	total         int
	heap          []scored // the worst first
}

type scored struct {
	score  float64
	more   float64 // added for a name that is entirely in the query
	doc    int
	fields Field
}

func newTopHits(x *Index, o Options) *topHits {
	limit := o.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	t := &topHits{index: x, offset: min(max(0, o.Offset), x.slots)}
	t.limit = min(limit, x.slots)
	t.keep = t.offset + t.limit
	return t
}

func (t *topHits) offer(s scored) {
	t.total++
	switch {
	case len(t.heap) < t.keep:
		t.heap = append(t.heap, s)
		t.rise(len(t.heap) - 1)
	case t.worse(t.heap[0], s):
		t.heap[0] = s
		t.sink()
	}
}

// isBelow reports whether a unit with this score is too low to be kept.
func (t *topHits) isBelow(score float64) bool {
	return len(t.heap) == t.keep && score < t.heap[0].score
}

// worse reports whether a comes after b.
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

// namedHits is how many of the best hits are also ordered by their names:
// reading the names of all matches would cost more than the search.
const namedHits = 50

// hits returns the requested page, best first. Scores rise by the share of the
// units' names in the query; only the best are compared, and those below them
// keep their places.
func (t *topHits) hits(said *spoken) []Hit {
	t.sort(t.heap)
	best := t.heap[:min(namedHits, len(t.heap))]
	for i := range best {
		if s := &best[i]; s.more > 0 {
			s.score += s.more * said.cover(s.doc)
		}
	}
	t.sort(best)
	var hits []Hit
	for _, s := range t.heap[min(t.offset, len(t.heap)):min(t.offset+t.limit, len(t.heap))] {
		hits = append(hits, Hit{Key: t.index.key(s.doc), Score: s.score, Fields: s.fields, doc: s.doc})
	}
	return hits
}

func (t *topHits) sort(list []scored) {
	sort.Slice(list, func(i, j int) bool { return t.worse(list[j], list[i]) })
}

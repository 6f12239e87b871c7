package search

// How much the score of a signature drops for each difference from the queried
// one. The order is: identical; other order; more parameters or results; holes.
const (
	scoreReordered = 0.96
	scoreExpected  = 0.95 // one more context, error or variadic parameter: easy to supply
	scoreExtra     = 0.88 // one more of anything else
	maxSteps       = 400  // assignments tried for one unit
)

// slot is a type of the query, other than a hole, that must be filled by a type
// of the unit.
type slot struct {
	side int
	at   int // position on its side, counting holes
	typ  *typ
}

// sigQuery is a signature prepared for a scan.
type sigQuery struct {
	slots []slot
	size  [2]int  // types on each side, counting holes
	any   [2]bool // this side is not specified
	holes int
	open  bool // a type parameter is in the query
}

func newSigQuery(s Signature) *sigQuery {
	q := &sigQuery{any: [2]bool{s.anyParams, s.anyResults}}
	for side, list := range [2][]*typ{s.params, s.results} {
		q.size[side] = len(list)
		for i, t := range list {
			if t.kind == kindHole {
				q.holes++
				continue
			}
			q.open = q.open || t.open()
			q.slots = append(q.slots, slot{side, i, t})
		}
	}
	return q
}

// solver matches one segment's signatures against a query.
type solver struct {
	*sigQuery
	seg    *segment
	named  *NamedTypes
	scores []typeScores // by slot
	types  map[int]*typ // decoded
	shape  shape
	chosen []int // by slot: the place on its side
	used   [2]uint64
	steps  int
	best   float64
}

func newSolver(q *sigQuery, seg *segment, named *NamedTypes) *solver {
	s := &solver{sigQuery: q, seg: seg, named: named, types: map[int]*typ{}, chosen: make([]int, len(q.slots))}
	for _, sl := range q.slots {
		s.scores = append(s.scores, scoreTypes(seg, sl, named))
	}
	return s
}

// score is how well a unit's signature matches the query: 0 (not) to 1
// (exactly).
func (s *solver) score(doc int) float64 {
	if !s.shape.read(s.seg.sigs.at(doc)) || !s.possible() {
		return 0
	}
	s.best, s.steps, s.used = 0, maxSteps, [2]uint64{}
	if !s.inOrder() {
		s.assign(0)
	}
	return s.best
}

// possible checks each slot by itself.
func (s *solver) possible() bool {
	for side, n := range s.size {
		if len(s.shape.list(side)) < n {
			return false
		}
	}
slots:
	for i, sl := range s.slots {
		for _, t := range s.shape.list(sl.side) {
			if s.scores[i][t] > 0 {
				continue slots
			}
		}
		return false
	}
	return true
}

// inOrder handles the common case: each type is exactly the queried one, at the
// same position.
func (s *solver) inOrder() bool {
	if s.open || s.shape.open {
		return false
	}
	for i, sl := range s.slots {
		if s.scores[i][s.shape.list(sl.side)[sl.at]] != sameType {
			return false
		}
		s.chosen[i] = sl.at
	}
	s.best = s.rate()
	return true
}

// assign tries every type of the unit for the i-th slot.
func (s *solver) assign(i int) {
	if s.steps--; s.steps < 0 {
		return
	}
	if i == len(s.slots) {
		s.best = max(s.best, s.rate())
		return
	}
	side := s.slots[i].side
	for at, t := range s.shape.list(side) {
		if s.used[side]&(1<<at) == 0 && s.scores[i][t] > 0 {
			s.used[side] |= 1 << at
			s.chosen[i] = at
			s.assign(i + 1)
			s.used[side] &^= 1 << at
		}
	}
}

// rate scores the current assignment, 0 if its type parameters don't fit
// together, or if everything that fits is any.
func (s *solver) rate() float64 {
	sum := s.sum()
	if sum <= matchAny*float64(len(s.slots)) && len(s.slots) > 0 {
		return 0
	}
	score := 1.0
	if len(s.slots) > 0 {
		score = sum / float64(len(s.slots))
	}
	for i := 1; i < len(s.slots); i++ {
		if s.slots[i].side == s.slots[i-1].side && s.chosen[i] < s.chosen[i-1] {
			score *= scoreReordered
			break
		}
	}
	for range s.holes {
		score *= matchHole
	}
	for side := range s.size {
		score *= s.extras(side)
	}
	return score
}

func (s *solver) sum() float64 {
	sum := 0.0
	if !s.open && !s.shape.open {
		for i, sl := range s.slots {
			sum += float64(s.scores[i][s.shape.list(sl.side)[s.chosen[i]]]) / sameType
		}
		return sum
	}
	b := binding{named: s.named}
	for i, sl := range s.slots {
		v := b.matchTop(sl.side, sl.typ, s.typ(s.shape.list(sl.side)[s.chosen[i]]))
		if v == 0 {
			return 0
		}
		sum += v
	}
	return sum
}

// extras is the price of the unit's additional types. Holes are filled with the
// most expensive of them.
func (s *solver) extras(side int) float64 {
	list := s.shape.list(side)
	extra := len(list) - s.size[side]
	if extra == 0 || s.any[side] {
		return 1
	}
	expected := 0
	for at, t := range list {
		if !s.taken(side, at) {
			switch s.seg.classes[t] {
			case classContext, classError, classVariadic:
				expected++
			}
		}
	}
	price := 1.0
	for i := range extra {
		if i < expected {
			price *= scoreExpected
		} else {
			price *= scoreExtra
		}
	}
	return price
}

func (s *solver) taken(side, at int) bool {
	for i, sl := range s.slots {
		if sl.side == side && s.chosen[i] == at {
			return true
		}
	}
	return false
}

func (s *solver) typ(i int) *typ {
	t, ok := s.types[i]
	if !ok {
		t, _ = decodeType(s.seg.types.at(i))
		s.types[i] = t
	}
	return t
}

package search

import "sort"

// likeness is how similar the shapes of a unit and a draft are.
type likeness struct {
	like     float32 // 0 to 1
	evidence float32 // how significant that is: little if everything is strings and errors; 0 to 1
}

// shapes compares a signature with that of each unit; nil if there is none.
func (x *Index) shapes(sig *Signature) []likeness {
	if sig == nil {
		return nil
	}
	q := newSigQuery(*sig)
	sort.SliceStable(q.slots, func(i, j int) bool { // significant types choose first
		return q.slots[i].typ.class().weight() > q.slots[j].typ.class().weight()
	})
	out := make([]likeness, x.slots)
	for i := range x.parts {
		p := &x.parts[i]
		s := newSolver(q, p.seg, x.namedTypes())
		for doc := range p.seg.len() {
			if !p.dead.has(doc) && s.shape.read(p.seg.sigs.at(doc)) {
				out[p.base+doc] = s.likeness()
			}
		}
	}
	return out
}

// likeness is the weighted share of types that both have: each slot takes the
// best remaining type.
func (s *solver) likeness() likeness {
	var shared, all, evidence float64
	used := [2]uint64{}
	for i, sl := range s.slots {
		best, bestAt := uint8(0), 0
		for at, t := range s.shape.list(sl.side) {
			if score := s.scores[i][t]; used[sl.side]&(1<<at) == 0 && score > best {
				best, bestAt = score, at
			}
		}
		w := sl.typ.class().weight()
		all += w
		if best > 0 {
			used[sl.side] |= 1 << bestAt
			shared += w * float64(best) / sameType
			evidence += sl.typ.class().evidence()
		}
	}
	for side := range used {
		for at, t := range s.shape.list(side) {
			if used[side]&(1<<at) == 0 {
				all += s.seg.classes[t].weight()
			}
		}
	}
	if all == 0 { // func() on both sides
		return likeness{like: 1}
	}
	return likeness{like: float32(shared / all), evidence: float32(evidence / (evidence + 1))}
}

// match weighs words and shape of a unit against the draft.
func (t *draftText) match(doc int, shapes []likeness) Match {
	m := Match{Key: t.index.key(doc)}
	m.Text = 0.7*t.cover(doc) + 0.3*t.said.cover(doc)
	if t.whole != nil && t.whole.cells[doc].value > 0 {
		m.Text = max(m.Text, 0.9)
	}
	m.Score = m.Text
	if shapes != nil {
		s := shapes[doc]
		m.Shape = float64(s.like)
		m.Score += (1 - m.Text) * 0.5 * m.Shape * float64(s.evidence)
		m.Score *= 0.85 + 0.15*m.Shape
	}
	m.Why = t.words.why(doc)
	sort.SliceStable(m.Why, func(i, j int) bool { return m.Why[i].weight > m.Why[j].weight })
	for _, w := range m.Why {
		m.Words = append(m.Words, w.Text)
	}
	return m
}

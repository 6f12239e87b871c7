package search

import "math"

// Boosts: each step of e in a unit's uses raises its relevance by boostStep, up
// to boostMax.
const (
	boostStep = 0.03
	boostMax  = 0.5
)

// shapeTie is the share of use in the score of a shape alone: less than any
// difference between two shapes, since it only breaks ties.
const shapeTie = 0.01

const (
	weakFactor = 0.2 // how much of its rarity a weak word counts
	coverShare = 0.5 // share of the score that depends on how much of the query a unit has
	nameShare  = 0.2 // share of the score that depends on how much of the unit's name is in the query
	minCover   = 0.5 // a unit is listed if its cover is at least this share of the best one's
)

func boostFactor(boost float32) float64 {
	if i := int(boost); i < len(fewUses) && float32(i) == boost {
		return fewUses[i]
	}
	return boostOf(float64(boost))
}

func boostOf(uses float64) float64 { return 1 + min(boostMax, boostStep*math.Log1p(uses)) }

// fewUses holds the factors of units with common numbers of uses: their
// logarithms would be a fifth of a search for frequent words.
var fewUses = func() (t [64]float64) {
	for i := range t {
		t[i] = boostOf(float64(i))
	}
	return t
}()

// idf returns the weight of a word that occurs in df of n units.
func idf(n, df int) float64 {
	return math.Log1p((float64(n-df) + 0.5) / (float64(df) + 0.5))
}

// asked is a word that units should have.
type asked struct {
	want *want
	leaf *leaf
	idf  float64 // how significant the word is
}

// ranker scores units that match a query.
type ranker struct {
	index *Index
	words []asked
	total float64 // of the words' idf
	// telling is the number of words that some unit has.
	telling int
	not     []*leaf // excluded words
	exact   *leaf   // units whose whole name or key the query is; may be nil
	said    *spoken // the words
	shape   *leaf   // how well the signature fits; nil if the query has none
}

// add adds a word that units should have. One that no unit has counts for
// nothing: it can't distinguish units.
func (r *ranker) add(w *want, l *leaf) {
	// The square root keeps an accidental rare word from outweighing several
	// that say what the unit does.
	a := asked{want: w, leaf: l, idf: math.Sqrt(idf(r.index.live, len(l.docs)))}
	if w.weak {
		a.idf *= weakFactor
	}
	if len(l.docs) == 0 {
		a.idf = 0
	} else {
		r.telling++
	}
	r.words = append(r.words, a)
	r.total += a.idf
}

// rated is what a unit has of a query.
type rated struct {
	cover  float64 // share of the query, by weight: 0 to 1
	impact float64 // sum of its words' impacts, by weight
	words  uint16  // of the query
	fields Field
}

// rate computes how much of the query a unit has.
func (r *ranker) rate(doc int) rated {
	var out rated
	for i := range r.words {
		w := &r.words[i]
		c := w.leaf.cells[doc]
		if c.value == 0 {
			continue
		}
		out.words++
		out.fields |= c.fields
		out.cover += w.idf * float64(coverTable[c.how][c.fields&allFields])
		out.impact += w.idf * float64(c.value)
	}
	if r.total > 0 {
		out.cover /= r.total
	}
	if r.isWhole(doc) {
		out.words, out.cover = uint16(len(r.words)), 1
		out.fields |= FieldName
	}
	out.fields &= allFields
	return out
}

// isWhole reports whether the query is the unit's whole name or key.
func (r *ranker) isWhole(doc int) bool { return r.exact != nil && r.exact.cells[doc].value > 0 }

// score orders the units: the mean impact of the query's words, weighted by
// their significance, and reduced by the share of the query that the unit
// lacks; plus 1 if the query is its whole name or key. A queried shape adds up
// to 1.
func (r *ranker) score(doc int, v rated) scored {
	p := &r.index.parts[r.index.partOf(doc)]
	boost := boostFactor(p.boosts.at(doc-p.base)) / (1 + boostMax)
	relevance := boost * r.relevance(v)
	more := 0.0
	if r.total > 0 {
		more = nameShare * relevance
	} else if r.shape != nil && len(r.words) == 0 {
		relevance = shapeTie * boost
	}
	return scored{score: r.certain(doc) + relevance - more, more: more, doc: doc, fields: v.fields}
}

// relevance is the part of a unit's score by words, before its boost: 0 to 1.
func (r *ranker) relevance(v rated) float64 {
	if r.total == 0 {
		return 1
	}
	return v.impact / (r.total * scaleMax) * (1 - coverShare + coverShare*v.cover)
}

// certain is the part of a unit's score that does not depend on words.
func (r *ranker) certain(doc int) float64 {
	score := 0.0
	if r.isWhole(doc) {
		score = 1
	}
	if r.shape != nil {
		score += (1 - shapeTie) * float64(r.shape.cells[doc].value) / math.MaxUint16
	}
	return score
}

// most is an upper bound of the unit's score that does not depend on its uses.
func (r *ranker) most(doc int, v rated) float64 { return r.certain(doc) + r.relevance(v) }

// refused reports whether the unit has an excluded word.
func (r *ranker) refused(doc int) bool {
	for _, l := range r.not {
		if l.cells[doc].value > 0 {
			return true
		}
	}
	return r.shape != nil && r.shape.cells[doc].value == 0
}

// coverTable is how much of a word is covered by a unit that has it in a given
// way and fields.
var coverTable = func() (t [len(howRules)][allFields + 1]float32) {
	for how, rule := range howRules {
		for f := range t[how] {
			t[how][f] = float32(coverage(Field(f)) * float64(rule.scale) / scaleExact)
		}
	}
	return t
}()

package search

import "math"

// Boosts: each step of e in a unit's uses raises its relevance by boostStep, up to boostMax.
const (
	boostStep = 0.05
	boostMax  = 0.5
)

// shapeTie is the share of use in the score of a shape alone: less than any difference between two shapes, since it is
// only to settle ties.
const shapeTie = 0.01

func boostFactor(boost float32) float64 {
	if boost == 0 {
		return 1
	}
	return 1 + min(boostMax, boostStep*math.Log1p(float64(boost)))
}

// idf says how much a word tells, that is in df of n units.
func idf(n, df int) float64 {
	return math.Log1p((float64(n-df) + 0.5) / (float64(df) + 0.5))
}

// ranker scores units that match a query.
type ranker struct {
	index *Index
	words []*leaf   // of the words that units must have
	idf   []float64 // of each word
	total float64   // of idf
	not   []*leaf   // of the words that they must not have
	exact *leaf     // units whose whole name or key the query is; may be nil
	shape *leaf     // how well the signature fits; nil where none was asked for
}

// score is a unit's score and the number of words that it has. The score's whole part is the number of words that it
// has, one more if the query is its whole name or key, less if typing errors had to be forgiven; the fraction is its
// relevance. So relevance never outweighs a word. A shape that was asked for adds up to 1.
func (r *ranker) score(doc int) (score float64, words int, fields Field) {
	loose, sum := 0, 0.0
	for i, l := range r.words {
		c := l.cells[doc]
		if c.value == 0 {
			continue
		}
		words++
		if c.value&sure == 0 {
			loose++
		}
		fields |= c.fields
		sum += r.idf[i] * float64(c.value&^sure)
	}
	p := &r.index.parts[r.index.partOf(doc)]
	boost := boostFactor(p.boosts.at(doc-p.base)) / (1 + boostMax)
	relevance := boost
	if r.total > 0 {
		relevance *= sum / (r.total * scaleMax)
	}
	slots := float64(len(r.words) + 1)
	if r.exact != nil && r.exact.cells[doc].value > 0 {
		words, loose = len(r.words), 0
		fields |= FieldName
		score = 1
	}
	score += float64(words) - float64(loose)/slots
	if r.shape != nil {
		score += (1 - shapeTie) * float64(r.shape.cells[doc].value) / math.MaxUint16
		if len(r.words) == 0 {
			relevance = shapeTie * boost
		}
	}
	return score + relevance/slots, words, fields & allFields
}

// refused tells whether the unit has a word that it must not have.
func (r *ranker) refused(doc int) bool {
	for _, l := range r.not {
		if l.cells[doc].value > 0 {
			return true
		}
	}
	return r.shape != nil && r.shape.cells[doc].value == 0
}

package search

import (
	"math"
	"slices"
	"sort"
	"sync"
)

// Options are the rest of a request.
type Options struct {
	Limit  int                   // maximum hits returned; 0 means 20
	Offset int                   // hits skipped before the first returned
	Accept func(key string) bool // called once for each unit that may be listed; nil accepts all
}

const (
	defaultLimit = 20
	maxExplained = 200 // hits that are explained; nobody would read more
)

// Result is the answer to a query.
type Result struct {
	Hits    []Hit     // best first; ties by key
	Total   int       // units that match and are accepted
	Partial bool      // no unit has all the words; these have some
	Words   []WordUse // how the query's words were used; without stop words

	wants []*want
}

// Hit is a unit that was found.
type Hit struct {
	Key string
	// Score orders the hits, from 0 to 1: how well the unit fits the words, the
	// rare ones counting most. 1 is added if the query is its whole name or
	// key. A signature adds up to 1: 0.99 or more for the very same. Without
	// words and signature it says how much used.
	Score  float64
	Fields Field // where words were found
	Full   bool  // it has all words of the query, except those that no unit has
	Why    []Why // how it matches each word of the query; for the first 200 hits

	doc int
}

// Why says how a unit has a word of a query.
type Why struct {
	Text   string // the word as typed
	How    How
	As     string // what the unit has instead; empty if How is HowExact
	Fields Field  // where

	weight float64
}

// WordUse says how a word of the query was understood.
type WordUse struct {
	Text  string
	Units int      // number of units that have it
	Loose bool     // typos were tolerated, or it was used as a prefix, since no unit has it exactly
	Near  []string // words used instead, likeliest first
}

// Search answers a query. What a unit lacks of it lowers its score, so those
// that have all words come first as a rule. Left out is what has neither all
// words that some unit has, nor half of what the best has.
func (x *Index) Search(q Query, o Options) Result {
	r := &ranker{index: x, said: newSpoken(x)}
	defer r.release()
	var res Result
	res.wants = analyze(q.Words)
	for i := 0; i < len(res.wants); i++ {
		w := res.wants[i]
		l := w.find(x)
		if w.Negated {
			r.not = append(r.not, l)
			continue
		}
		if len(l.docs) == 0 && w.separable() {
			l.release()
			res.wants = slices.Concat(res.wants[:i], w.separate(), res.wants[i+1:])
			i--
			continue
		}
		r.add(w, l)
		r.said.learn(w)
		res.Words = append(res.Words, WordUse{w.Text, len(l.docs), w.loose, w.near})
	}
	r.exact = x.findWhole(q.Words)
	if q.Signature != nil {
		r.shape = x.findShape(*q.Signature)
		if r.exact == nil {
			r.exact = x.findWhole([]Word{{Text: q.Signature.name}})
		}
	}
	if r.exact != nil && len(r.exact.docs) == 0 {
		r.exact.release()
		r.exact = nil // nothing to look up for each unit
	}
	top := newTopHits(x, o)
	top.keep = max(top.keep, min(namedHits, x.slots))
	best := r.collect(top, o.Accept)
	res.Hits, res.Total = top.hits(r.said), top.total
	res.Partial = res.Total > 0 && int(best.words) < len(r.words)
	for i := range res.Hits {
		if i < maxExplained {
			r.explain(&res.Hits[i])
		}
		res.Hits[i].doc = 0
	}
	return res
}

// listed reports whether a unit has all of the query, or at least minCover of
// the best unit's cover.
func (r *ranker) listed(v, best rated) bool {
	return int(v.words) == r.telling || v.cover >= minCover*best.cover
}

// collect offers the matching units to top, and returns the greatest cover of
// any unit.
func (r *ranker) collect(top *topHits, accept func(key string) bool) (best rated) {
	found := ratedPool.Get().(*[]ratedDoc)
	defer ratedPool.Put(found)
	*found = (*found)[:0]
	r.candidates(&best, func(doc int) {
		if r.refused(doc) {
			return
		}
		v := r.rate(doc)
		if !r.listed(v, best) || accept != nil && !accept(r.index.key(doc)) {
			return
		}
		best.cover, best.words = max(best.cover, v.cover), max(best.words, v.words)
		*found = append(*found, ratedDoc{v, int32(doc)})
	})
	for _, f := range *found {
		doc := int(f.doc)
		switch {
		case !r.listed(f.rated, best):
		case top.isBelow(r.most(doc, f.rated)):
			top.total++
		default:
			top.offer(r.score(doc, f.rated))
		}
	}
	return best
}

// A ratedDoc is small, since there are many for frequent words.
type ratedDoc struct {
	rated
	doc int32
}

// ratedPool holds lists of candidates.
var ratedPool = sync.Pool{New: func() any { return new([]ratedDoc) }}

// candidates calls yield once with each unit that may be listed, given the best
// cover so far. The most significant words come first; once all remaining words
// together fall short of minCover of the best, they can't list a unit by
// themselves, and are not walked.
func (r *ranker) candidates(best *rated, yield func(doc int)) {
	switch {
	case len(r.words) == 0 && r.shape != nil:
		for _, doc := range r.shape.docs {
			yield(doc)
		}
		return
	case len(r.words) == 0:
		r.index.eachLive(yield)
		return
	}
	words := slices.Clone(r.words)
	sort.SliceStable(words, func(i, j int) bool { return words[i].idf > words[j].idf })
	left := r.total
	var walked []*leaf
	walk := func(l *leaf) {
	docs:
		for _, doc := range l.docs {
			for _, before := range walked {
				if before.cells[doc].value > 0 {
					continue docs
				}
			}
			yield(doc)
		}
		walked = append(walked, l)
	}
	if r.exact != nil {
		walk(r.exact)
	}
	for _, w := range words {
		if r.total > 0 && left/r.total < minCover*best.cover {
			return
		}
		walk(w.leaf)
		left -= w.idf
	}
}

func (r *ranker) release() {
	for _, w := range r.words {
		w.leaf.release()
	}
	for _, l := range append(r.not, r.exact, r.shape) {
		l.release()
	}
}

func (x *Index) eachLive(yield func(doc int)) {
	for i := range x.parts {
		p := &x.parts[i]
		for doc := range p.seg.len() {
			if !p.dead.has(doc) {
				yield(p.base + doc)
			}
		}
	}
}

// findWhole returns the units whose whole name or key consists of the query's
// words, or nil.
func (x *Index) findWhole(words []Word) *leaf {
	var a analyzer
	var whole []byte
	types := false
	for _, w := range words {
		if !w.Negated {
			whole = a.squash(whole, w.Text)
			types = types || w.Type
		}
	}
	if len(whole) == 0 || len(whole) > maxWhole {
		return nil
	}
	l := newLeaf(x.slots)
	for i := range x.parts {
		p := &x.parts[i]
		if at := p.seg.word(string(whole)); at >= 0 {
			l.add(p, p.seg.posts.at(at), 1, HowExact)
		}
	}
	l.keep(func(doc int) bool { return l.cells[doc].fields&fieldWhole != 0 && !(types && x.isFunction(doc)) })
	return l
}

// isFunction reports whether a unit has the signature of a function.
func (x *Index) isFunction(doc int) bool {
	p := &x.parts[x.partOf(doc)]
	return len(p.seg.sigs.at(doc-p.base)) > 0
}

// fewShapes is the number of results below which a signature also finds units
// that accept and return only part of it.
const fewShapes = 3

// partShape is the maximum score of such a unit: less than any full match.
const partShape = 0.25

// findShape returns the units whose signature matches s, with the score as the
// cells' value.
func (x *Index) findShape(s Signature) *leaf {
	l := newLeaf(x.slots)
	q := newSigQuery(s)
	for i := range x.parts {
		p := &x.parts[i]
		sol := newSolver(q, p.seg, x.namedTypes())
		for doc := range p.seg.len() {
			if p.dead.has(doc) {
				continue
			}
			if score := sol.score(doc); score > 0 {
				l.put(p.base+doc, uint16(math.Ceil(score*math.MaxUint16)), 0, HowExact)
			}
		}
	}
	if len(l.docs) < fewShapes {
		x.addPartShapes(l, s)
	}
	return l
}

// addPartShapes adds the units that share significant types with a signature.
func (x *Index) addPartShapes(l *leaf, s Signature) {
	for doc, is := range x.shapes(&s) {
		if is.like >= 0.4 && is.evidence >= 0.25 && l.cells[doc].value == 0 {
			l.put(doc, uint16(partShape*is.like*math.MaxUint16), 0, HowKin)
		}
	}
}

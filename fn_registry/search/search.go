package search

import (
	"math"
	"slices"
)

// Options are the rest of a request.
type Options struct {
	Limit  int                   // hits returned at most; 0 means 20
	Offset int                   // hits left out before the first returned
	Accept func(key string) bool // called for each unit that matches the query; nil accepts all
}

const defaultLimit = 20

// Result is the answer to a query.
type Result struct {
	Hits    []Hit     // best first; of equals, the lesser key first
	Total   int       // units that match and are accepted
	Partial bool      // no unit has all the words: these have some of them
	Words   []WordUse // what became of the query's words; stop words are missing

	wants []*want
}

// Hit is a unit that was found.
type Hit struct {
	Key string
	// Score orders the hits. Its whole part is the number of the query's words that the unit has; 1 more if the query
	// is its whole name or key, a fraction of 1 less for each word of which typing errors were forgiven. The rest is
	// relevance. A signature adds up to 1: 0.99 or more for the very same. Without words and signature it says how much used.
	Score  float64
	Fields Field // where words were found
}

// WordUse says how a word of the query was understood.
type WordUse struct {
	Text  string
	Units int      // how many have it
	Loose bool     // typing errors were forgiven, or it was taken as a beginning, since hardly any unit has it as it is
	Near  []string // words that were taken for it, the likeliest first
}

// Search answers a query.
func (x *Index) Search(q Query, o Options) Result {
	r := &ranker{index: x}
	defer r.release()
	var res Result
	res.wants = analyze(q.Words)
	for _, w := range res.wants {
		l := w.find(x)
		if w.Negated {
			r.not = append(r.not, l)
			continue
		}
		r.words = append(r.words, l)
		r.idf = append(r.idf, idf(x.live, len(l.docs)))
		r.total += r.idf[len(r.idf)-1]
		res.Words = append(res.Words, WordUse{w.Text, len(l.docs), w.loose, w.near})
	}
	r.exact = x.findWhole(q.Words)
	if q.Signature != nil {
		r.shape = x.findShape(*q.Signature)
	}
	top := newTopHits(x, o)
	r.collect(top, o.Accept, true)
	if top.total == 0 && len(r.words) > 1 {
		r.collect(top, o.Accept, false)
		res.Partial = top.total > 0
	}
	res.Hits, res.Total = top.hits(), top.total
	return res
}

// collect offers all units that match to top: those that have all words, or else those that have some.
func (r *ranker) collect(top *topHits, accept func(key string) bool, all bool) {
	r.candidates(all, func(doc int) {
		if r.refused(doc) {
			return
		}
		score, words, fields := r.score(doc)
		if all && words < len(r.words) || accept != nil && !accept(r.index.key(doc)) {
			return
		}
		top.offer(doc, score, fields)
	})
}

// candidates calls yield once with each unit that may match.
func (r *ranker) candidates(all bool, yield func(doc int)) {
	sources := slices.Clone(r.words)
	switch {
	case len(r.words) == 0 && r.shape != nil:
		sources = []*leaf{r.shape}
	case len(r.words) == 0:
		r.index.eachLive(yield)
		return
	case all:
		slices.SortFunc(sources, func(a, b *leaf) int { return len(a.docs) - len(b.docs) })
		sources = sources[:1]
		if r.exact != nil {
			sources = append(sources, r.exact)
		}
	}
	for i, l := range sources {
	docs:
		for _, doc := range l.docs {
			for _, before := range sources[:i] {
				if before.cells[doc].value > 0 {
					continue docs
				}
			}
			yield(doc)
		}
	}
}

func (r *ranker) release() {
	for _, l := range slices.Concat(r.words, r.not, []*leaf{r.exact, r.shape}) {
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

// findWhole returns the units whose whole name or key the query's words are, or nil.
func (x *Index) findWhole(words []Word) *leaf {
	var a analyzer
	var whole []byte
	for _, w := range words {
		if !w.Negated {
			whole = a.squash(whole, w.Text)
		}
	}
	if len(whole) == 0 || len(whole) > maxWhole {
		return nil
	}
	l := newLeaf(x.slots)
	for i := range x.parts {
		p := &x.parts[i]
		if at := p.seg.word(string(whole)); at >= 0 {
			l.add(p, p.seg.posts.at(at), 1, 0)
		}
	}
	l.keep(func(doc int) bool { return l.cells[doc].fields&fieldWhole != 0 })
	return l
}

// findShape returns the units whose signature answers s, with its score as the cells' value.
func (x *Index) findShape(s Signature) *leaf {
	l := newLeaf(x.slots)
	q := newSigQuery(s)
	for i := range x.parts {
		p := &x.parts[i]
		sol := newSolver(q, p.seg)
		for doc := range p.seg.len() {
			if p.dead.has(doc) {
				continue
			}
			if score := sol.score(doc); score > 0 {
				l.put(p.base+doc, uint16(math.Ceil(score*math.MaxUint16)), 0)
			}
		}
	}
	return l
}

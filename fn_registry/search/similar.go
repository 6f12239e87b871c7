package search

import (
	"fmt"
	"math"
	"sort"
	"strings"
)

// Draft describes a unit about to be written. Any field may be empty.
type Draft struct {
	Name        string
	Signature   string // as ParseSignature reads it
	Description string
	Tags        []string
}

// Match is a unit that is like a draft.
type Match struct {
	Key string
	// Score says how likely the unit already does what the draft is to do, 0 to
	// 1. It is calibrated on the package's golden files: from SimilarUse on, a
	// unit is worth using or extending instead; below SimilarLook, what is
	// shared is most likely chance.
	Score float64
	Words []string // words shared with the draft, most significant first
	Why   []Why    // how it has them, in the same order
	Text  float64  // similarity of words, 0 to 1
	Shape float64  // similarity of parameters and results, 0 to 1
}

// Thresholds of [Match.Score].
const (
	SimilarUse  = 0.62
	SimilarLook = 0.35
)

// SameShape reports whether the unit takes and returns the same types as the
// draft, in whatever order.
func (m Match) SameShape() bool { return m.Shape > 0.95 }

const (
	maxDraftWords = 64      // words of a draft that are compared; more are ignored
	maxDraftText  = 8 << 10 // bytes of its name, description and each tag that are read
	reranked      = 200     // units that are compared in detail
)

// Similar finds the units most like a draft, best first, at most limit of them
// (0 means 5), none below a score of 0.1. The only error is that of a signature
// that is not empty and can't be read; it wraps [ErrSignature].
func (x *Index) Similar(d Draft, limit int) ([]Match, error) {
	if limit <= 0 {
		limit = 5
	}
	var sig *Signature
	if name := declaredType(d.Signature); name != "" { // a type has no shape
		d.Name, d.Signature = strings.TrimSpace(d.Name+" "+name), ""
	}
	if strings.TrimSpace(d.Signature) != "" {
		s, err := ParseSignature(d.Signature)
		if err != nil {
			return nil, fmt.Errorf("draft: %w", err)
		}
		sig = &s
	}
	t := x.draftText(d)
	defer t.release()
	shapes := x.shapes(sig)
	top := newTopHits(x, Options{Limit: reranked})
	x.eachLive(func(doc int) {
		rough := t.cover(doc)
		if shapes != nil {
			rough += float64(shapes[doc].like) / 3
		}
		if rough > 0 {
			top.offer(scored{score: rough, doc: doc})
		}
	})
	var out []Match
	for _, c := range top.heap {
		if m := t.match(c.doc, shapes); m.Score >= 0.1 {
			out = append(out, m)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		return out[i].Score > out[j].Score || out[i].Score == out[j].Score && out[i].Key < out[j].Key
	})
	return out[:min(limit, len(out))], nil
}

// draftText is a draft's words, and what each unit has of them.
type draftText struct {
	index *Index
	words ranker  // the draft as a query
	total float64 // weight of its words, including unknown ones
	said  *spoken
	whole *leaf // units with exactly this name
}

// The position of a unit's word decides how much of a draft's word it covers.
const (
	coverParams = 0.5
	coverBody   = 0.35
)

func (x *Index) draftText(d Draft) *draftText {
	t := &draftText{index: x, words: ranker{index: x}, said: newSpoken(x)}
	for _, w := range analyze(x.draftWords(d)) {
		l := w.find(x)
		t.words.add(w, l)
		t.total += t.words.words[len(t.words.words)-1].idf
		if len(l.docs) == 0 {
			t.total += t.unknown(w)
		}
		t.said.learn(w)
	}
	t.whole = x.findWhole([]Word{{Text: d.Name}})
	return t
}

// unknown is the weight of a word that no unit has. It may be a synonym for
// what units do, so it counts as a frequent one.
func (t *draftText) unknown(w *want) float64 {
	n := t.index.live
	weight := math.Sqrt(idf(n, n/20))
	if w.weak {
		weight *= weakFactor
	}
	return weight
}

// draftWords lists a draft's words, each once in one form. Identifiers are
// split into their parts, except those that are one word to the index or the
// thesaurus: SQLite, ChatGPT.
func (x *Index) draftWords(d Draft) []Word {
	var words []Word
	seen := map[string]bool{}
	add := func(w string) {
		if key := stem(w); !seen[key] && len(words) < maxDraftWords {
			seen[key] = true
			words = append(words, Word{Text: w})
		}
	}
	var a analyzer
	for _, text := range append([]string{d.Name, d.Description}, d.Tags...) {
		text = text[:min(len(text), maxDraftText)]
		for pos, ok := a.next(text, 0); ok; pos, ok = a.next(text, pos) {
			if a.parts() == 1 || x.isOneWord(&a) {
				add(string(a.buf))
				continue
			}
			for i := range a.parts() {
				add(string(a.run(i, i+1)))
			}
		}
	}
	return words
}

// isOneWord reports whether an identifier only looks like several words.
func (x *Index) isOneWord(a *analyzer) bool {
	for i := 1; i < a.parts(); i++ {
		if a.to[i-1] != a.from[i] {
			return false // a hyphen or an underscore says so
		}
	}
	return x.has(string(a.buf)) || len(theThesaurus()[stem(string(a.buf))]) > 0
}

// has reports whether some unit has exactly this word.
func (x *Index) has(word string) bool {
	l := newLeaf(x.slots)
	defer l.release()
	x.addPlain(l, word, HowExact)
	return len(l.docs) > 0
}

func (t *draftText) release() {
	t.words.release()
	t.whole.release()
}

func coverage(f Field) float64 {
	switch {
	case f&(FieldName|FieldTags|FieldDescription) != 0:
		return 1
	case f&FieldParams != 0:
		return coverParams
	}
	return coverBody
}

// cover is how much of the draft's words a unit has, by weight: 0 to 1.
func (t *draftText) cover(doc int) float64 {
	if t.total == 0 {
		return 0
	}
	return t.words.rate(doc).cover * t.words.total / t.total
}

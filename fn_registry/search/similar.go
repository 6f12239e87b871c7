package search

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Draft is what somebody is about to write. Any field may be empty.
type Draft struct {
	Name        string
	Signature   string // as ParseSignature reads it
	Description string
	Tags        []string
}

// Match is a unit that is like a draft.
type Match struct {
	Key string
	// Score says how likely the unit already does what the draft is to do, 0 to 1. It is calibrated on the package's
	// golden files: from SimilarUse on, a unit is worth using or extending instead; below SimilarLook, what is shared
	// is most likely chance.
	Score float64
	Words []string // words of the draft that the unit has, the most telling first
	Text  float64  // how much alike in words, 0 to 1
	Shape float64  // how much alike in parameters and results, 0 to 1
}

// Thresholds of [Match.Score].
const (
	SimilarUse  = 0.58
	SimilarLook = 0.35
)

// SameShape tells whether the unit takes and returns the same types as the draft, in whatever order.
func (m Match) SameShape() bool { return m.Shape > 0.95 }

const (
	maxDraftWords = 64      // words of a draft that are compared; more are ignored
	maxDraftText  = 8 << 10 // bytes of its name, description and each tag that are read
	reranked      = 200     // units that are looked at closely
)

// Similar finds the units most like a draft, best first, at most limit of them (0 means 5), none below a score of 0.1.
// The only error is that of a signature that is not empty and can't be read; it wraps [ErrSignature].
func (x *Index) Similar(d Draft, limit int) ([]Match, error) {
	if limit <= 0 {
		limit = 5
	}
	var sig *Signature
	if strings.TrimSpace(d.Signature) != "" {
		s, err := ParseSignature(d.Signature)
		if err != nil {
			return nil, fmt.Errorf("draft: %w", err)
		}
		sig = &s
	}
	t := x.draftText(d)
	defer t.whole.release()
	shapes := x.shapes(sig)
	top := newTopHits(x, Options{Limit: reranked})
	x.eachLive(func(doc int) {
		rough := t.cover(doc)
		if shapes != nil {
			rough += float64(shapes[doc].like) / 3
		}
		if rough > 0 {
			top.offer(doc, rough, 0)
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

// draftWord is a word of a draft.
type draftWord struct {
	text   string
	stem   string
	weight float64
}

// draftText is a draft's words, and what each unit has of them.
type draftText struct {
	index  *Index
	words  []draftWord
	total  float64
	sums   []float64 // by unit, the weights of the words that it has
	shared []uint64  // by unit, which words it has
	whole  *leaf     // units of the very name
}

// Where a unit's word stands decides how much of a draft's word it covers.
const (
	coverParams = 0.5
	coverBody   = 0.35
)

func (x *Index) draftText(d Draft) *draftText {
	t := &draftText{index: x, sums: make([]float64, x.slots), shared: make([]uint64, x.slots)}
	for _, text := range append([]string{d.Name, d.Description}, d.Tags...) {
		t.add(text)
	}
	for i := range t.words {
		w := &t.words[i]
		l := newLeaf(x.slots)
		x.addExact(l, w.text, false)
		w.weight = draftWeight(x.live, len(l.docs))
		t.total += w.weight
		for _, doc := range l.docs {
			t.sums[doc] += w.weight * coverage(l.cells[doc].fields)
			t.shared[doc] |= 1 << i
		}
		l.release()
	}
	t.whole = x.findWhole([]Word{{Text: d.Name}})
	return t
}

// draftWeight is a word's weight. One that no unit has may be just another word for what units do, so it counts less
// than its rarity would say.
func draftWeight(n, df int) float64 {
	if df == 0 {
		return idf(n, n/20)
	}
	return idf(n, max(df, n/200))
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

// add adds the words of a text that are not there yet in some form.
func (t *draftText) add(text string) {
	var a analyzer
	text = text[:min(len(text), maxDraftText)]
	for pos, ok := a.next(text, 0); ok; pos, ok = a.next(text, pos) {
		if a.parts() > 1 && t.isOneWord(&a) {
			t.addWord(string(a.buf))
			continue
		}
		for i := range a.parts() {
			t.addWord(string(a.run(i, i+1)))
		}
	}
}

func (t *draftText) addWord(w string) {
	s := stem(w)
	known := slices.ContainsFunc(t.words, func(d draftWord) bool { return d.stem == s })
	if !stopWords[w] && !known && len(t.words) < maxDraftWords {
		t.words = append(t.words, draftWord{text: w, stem: s})
	}
}

// isOneWord tells whether an identifier only looks like several words: as SQLite, whose parts are as rare as itself.
func (t *draftText) isOneWord(a *analyzer) bool {
	for i := 1; i < a.parts(); i++ {
		if a.to[i-1] != a.from[i] {
			return false // a hyphen or an underscore says so
		}
	}
	joined := t.units(string(a.buf))
	if joined == 0 {
		return false
	}
	for i := range a.parts() {
		if t.units(string(a.run(i, i+1))) <= joined {
			return true
		}
	}
	return false
}

// units is how many units have a word.
func (t *draftText) units(word string) int {
	l := newLeaf(t.index.slots)
	defer l.release()
	t.index.addExact(l, word, false)
	return len(l.docs)
}

// cover is how much of the draft's words a unit has, by weight: 0 to 1.
func (t *draftText) cover(doc int) float64 {
	if t.total == 0 {
		return 0
	}
	return t.sums[doc] / t.total
}

// nameCover is how much of the unit's name is in the draft: 0 to 1.
func (t *draftText) nameCover(doc int) float64 {
	p := &t.index.parts[t.index.partOf(doc)]
	words, known := 0, 0
	eachForward(p.seg.forward.at(doc-p.base), func(word int) bool {
		if word < 0 {
			return false
		}
		words++
		s := stem(string(p.seg.words.at(word)))
		if slices.ContainsFunc(t.words, func(d draftWord) bool { return d.stem == s }) {
			known++
		}
		return true
	})
	return float64(known) / float64(max(1, words))
}

package search

// spoken holds the stems that a query or a draft contains, to compute how much
// of a unit's name is in it.
type spoken struct {
	index *Index
	stems map[string]bool
	roots map[string]bool
}

func newSpoken(x *Index) *spoken {
	return &spoken{index: x, stems: map[string]bool{}, roots: map[string]bool{}}
}

// learn records the stems by which a unit's name may express a word.
func (s *spoken) learn(w *want) {
	for _, words := range [][]string{w.parts, w.also, w.near} {
		for _, word := range words {
			s.stems[stem(word)] = true
		}
	}
	for _, p := range w.parts {
		if letters(p) {
			s.roots[root(stem(p))] = true
		}
	}
}

// cover is how much of a unit's name is in the query: 0 to 1.
func (s *spoken) cover(doc int) float64 {
	p := &s.index.parts[s.index.partOf(doc)]
	words, known := 0, 0
	eachForward(p.seg.forward.at(doc-p.base), func(word int) bool {
		if word < 0 {
			return false
		}
		words++
		if base := stem(string(p.seg.words.at(word))); s.stems[base] || s.roots[root(base)] {
			known++
		}
		return true
	})
	return float64(known) / float64(max(1, words))
}

package search

import (
	"slices"
	"strings"
)

// Span is a piece of a text, from byte Start to before byte End.
type Span struct{ Start, End int }

// Spans finds what of a text (for example a hit's description) matches the
// query's words, in order and without overlaps, so that a page can mark it. A
// word of a phrase is marked wherever it stands.
func (r Result) Spans(text string) []Span {
	var spans []Span
	var a analyzer
	for pos, ok := a.next(text, 0); ok; pos, ok = a.next(text, pos) {
		n := a.parts()
		for i := 0; i < n; i++ {
			for j := min(n, i+maxRuns); j > i; j-- { // the longest run first
				if r.marks(string(a.run(i, j)), j-i > 1) {
					spans = append(spans, Span{a.from[i], a.to[j-1]})
					i = j - 1
					break
				}
			}
		}
	}
	return spans
}

// marks reports whether some word of the query matches this word, or identifier
// joined of several.
func (r Result) marks(word string, joined bool) bool {
	return slices.ContainsFunc(r.wants, func(w *want) bool {
		if w.Negated {
			return false
		}
		if w.joined != "" && w.fits(w.joined, word, w.Prefix) {
			return true
		}
		for i, p := range w.parts {
			// For a run of parts, only matches that can't be marked part by
			// part matter.
			if prefix := w.Prefix && i == len(w.parts)-1; w.fits(p, word, prefix && !joined) {
				return true
			}
		}
		return false
	})
}

// fits reports whether a word of a text matches a queried word.
func (w *want) fits(sought, word string, prefix bool) bool {
	switch {
	case sought == word, stem(sought) == stem(word), prefix && strings.HasPrefix(word, sought):
		return true
	case !w.loose:
		return false
	}
	return slices.Contains(w.near, word) || isNear(sought, word, typoLimit(sought))
}

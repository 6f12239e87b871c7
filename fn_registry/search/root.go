package search

import "strings"

// derivations are suffixes that derive other words from a root: migrate,
// migration and migrator. Longer ones come first.
var derivations = []string{"ization", "isation", "ation", "ator", "ment", "ness", "able", "ible", "ance", "ence", "ion", "ure", "ive",
	"ize", "ise", "or", "er", "al", "ly", "e"}

// minRoot is the minimum length of a root: unrelated words share shorter ones.
const minRoot = 5

// root removes the derivational suffix from a stem.
func root(stemmed string) string {
	for _, d := range derivations {
		if len(stemmed)-len(d) >= minRoot && strings.HasSuffix(stemmed, d) {
			return stemmed[:len(stemmed)-len(d)]
		}
	}
	return stemmed
}

// kin calls yield with the words related to w: those with the same root, as
// their prefix, but another stem.
func (s *segment) kin(w string, yield func(word int)) {
	own := stem(w)
	base := root(own)
	if len(base) < minRoot || !letters(w) {
		return
	}
	at := s.words.lowerBound(base)
	for end := s.words.afterPrefix(at, base); at < end; at++ {
		other := string(s.words.at(at))
		if !letters(other) {
			continue
		}
		if other = stem(other); other != own && root(other) == base {
			yield(at)
		}
	}
}

// addKin adds the units that have a word with the same root.
func (x *Index) addKin(l *leaf, word string) {
	for i := range x.parts {
		p := &x.parts[i]
		p.seg.kin(word, func(at int) { l.add(p, p.seg.posts.at(at), howRules[HowKin].scale, HowKin) })
	}
}

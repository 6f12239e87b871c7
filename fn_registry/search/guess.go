package search

import (
	"slices"
	"sort"
)

// minGuess is the minimum length of a word that may be guessed to be the
// beginning of another.
const minGuess = 3

// addNear adds the units that have a word similar to this one, and returns the
// most similar words.
func (x *Index) addNear(l *leaf, word string) []string {
	type candidate struct {
		word     string
		distance int
	}
	var found []candidate
	add := func(p *part, at, distance int, scale uint16, how How) {
		before := len(l.docs)
		l.add(p, p.seg.posts.at(at), scale, how)
		if len(l.docs) > before {
			found = append(found, candidate{string(p.seg.words.at(at)), distance})
		}
	}
	for i := range x.parts {
		p := &x.parts[i]
		if limit := typoLimit(word); limit > 0 {
			p.seg.near(word, limit, func(at, distance int) {
				switch {
				case distance == 1:
					add(p, at, distance, howRules[HowTypo].scale, HowTypo)
				case distance == 2:
					add(p, at, distance, scaleTwoTypo, HowTypo)
				}
			})
		}
		if len(word) >= minGuess {
			at := p.seg.words.lowerBound(word)
			for end := p.seg.words.afterPrefix(at, word); at < end; at++ {
				add(p, at, 3, scaleGuess, HowBeginning)
			}
		}
	}
	sort.Slice(found, func(i, j int) bool {
		a, b := found[i], found[j]
		return a.distance < b.distance || a.distance == b.distance && a.word < b.word
	})
	var names []string
	for _, c := range found {
		if c.word != word && !slices.Contains(names, c.word) && len(names) < maxNear {
			names = append(names, c.word)
		}
	}
	return names
}

package search

import "slices"

// want is a word or phrase of a query, analysed.
type want struct {
	Word
	joined string   // an identifier of several parts, joined; else empty
	parts  []string // without stop words
	loose  bool     // typing errors were forgiven
	near   []string // words of the index that were taken for it
}

// analyze analyses the words of a query. Stop words and mere punctuation are dropped, unless there is nothing else.
func analyze(words []Word) []*want {
	var wants []*want
	asked := 0
	for _, w := range words {
		if len(wants) == maxWords {
			break
		}
		if !w.Negated {
			asked++
		}
		if x := newWant(w, false); x.joined != "" || len(x.parts) > 0 {
			wants = append(wants, x)
		}
	}
	if asked > 0 && !slices.ContainsFunc(wants, func(w *want) bool { return !w.Negated }) {
		for _, w := range words {
			if !w.Negated && len(wants) < 2*maxWords {
				wants = append(wants, newWant(w, true))
			}
		}
	}
	return wants
}

func newWant(w Word, keepStops bool) *want {
	x := &want{Word: w}
	var a analyzer
	identifiers := 0
	for pos, ok := a.next(w.Text, 0); ok; pos, ok = a.next(w.Text, pos) {
		for i := range a.parts() {
			if p := string(a.run(i, i+1)); len(x.parts) < maxParts && (keepStops || !stopWords[p]) {
				x.parts = append(x.parts, p)
			}
		}
		if a.parts() > 1 && len(a.buf) <= maxWhole {
			x.joined = string(a.buf)
		}
		identifiers++
	}
	if identifiers > 1 || w.Phrase {
		x.joined = ""
	}
	return x
}

// few is the number of units below which typing errors are forgiven.
const few = 3

// find returns the units that match the word. The leaf must be released.
func (w *want) find(x *Index) *leaf {
	strings := w.parts
	if w.joined != "" {
		strings = append(slices.Clone(w.parts), w.joined)
	}
	leaves := make([]*leaf, len(strings))
	for i, s := range strings {
		leaves[i] = newLeaf(x.slots)
		last := i >= len(w.parts)-1
		x.addExact(leaves[i], s, w.Prefix && last)
	}
	found := w.combine(x, leaves)
	if len(found.docs) < few && !w.Phrase && !w.Negated {
		for i, s := range strings {
			if len(leaves[i].docs) < few {
				w.near = append(w.near, x.addNear(leaves[i], s)...)
			}
		}
		if again := w.combine(x, leaves); again != found {
			found.release()
			found = again
		}
		w.loose = slices.ContainsFunc(found.docs, func(doc int) bool { return found.cells[doc].value&sure == 0 })
	}
	for _, l := range leaves {
		if l != found {
			l.release()
		}
	}
	return found
}

// combine makes one leaf of those of the parts and the joined form. A single one is returned as it is.
func (w *want) combine(x *Index, leaves []*leaf) *leaf {
	if len(leaves) == 1 && !w.Phrase {
		return leaves[0]
	}
	found := newLeaf(x.slots)
	if w.Phrase {
		for _, l := range leaves {
			l.keep(func(doc int) bool { return l.cells[doc].fields&forwardFields != 0 })
		}
	}
	found.addAll(leaves[:len(w.parts)])
	if w.Phrase {
		x.keepPhrase(found, w.parts)
	}
	for _, l := range leaves[len(w.parts):] {
		for _, doc := range l.docs {
			found.put(doc, l.cells[doc].value, l.cells[doc].fields)
		}
	}
	return found
}

// addExact puts the units that have the word, another form of it, or, with prefix, a word that begins so.
func (x *Index) addExact(l *leaf, word string, prefix bool) {
	for i := range x.parts {
		p := &x.parts[i]
		at := p.seg.words.lowerBound(word)
		if at < p.seg.words.len() && string(p.seg.words.at(at)) == word {
			l.add(p, p.seg.posts.at(at), scaleExact, sure)
		}
		p.seg.related(word, func(i int) { l.add(p, p.seg.posts.at(i), scaleStem, sure) })
		if prefix {
			for end := p.seg.words.afterPrefix(at, word); at < end; at++ {
				l.add(p, p.seg.posts.at(at), scalePrefix, sure)
			}
		}
	}
}

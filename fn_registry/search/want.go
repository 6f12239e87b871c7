package search

import (
	"slices"
	"strings"
)

// want is a word or phrase of a query, analysed.
type want struct {
	Word
	joined string   // an identifier of several parts, joined; else empty
	parts  []string // without stop words
	also   []string // words of the thesaurus that mean the same
	weak   bool     // it carries little information about what a unit does
	loose  bool     // typos were tolerated
	near   []string // words of the index used instead
}

// analyze analyses the words of a query. Stop words and punctuation are
// dropped, unless there is nothing else.
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
	addSynonyms(wants, words)
	return wants
}

func newWant(w Word, keepStops bool) *want {
	x := &want{Word: w}
	var a analyzer
	identifiers := 0
	for pos, ok := a.next(w.Text, 0); ok; pos, ok = a.next(w.Text, pos) {
		for i := range a.parts() {
			if p := string(a.run(i, i+1)); len(x.parts) < maxParts && (keepStops || !isStop([]byte(p))) {
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
	x.weak = len(x.parts) == 1 && weakWords()[stem(x.parts[0])]
	return x
}

// addSynonyms looks the words up in the thesaurus, by themselves and up to
// maxTerm consecutive ones, including stop words among them. A term begins and
// ends with a word: ChatGPT is not looked up as chat.
func addSynonyms(wants []*want, words []Word) {
	keys := make([]string, len(words))
	owner := make([]*want, len(words)) // nil for a stop word
	for i, w := range words {
		if w.Negated || w.Phrase {
			continue
		}
		keys[i] = stemAll(strings.Join(partsOf(w.Text), " "))
		if at := slices.IndexFunc(wants, func(x *want) bool { return x.Word == w }); at >= 0 {
			owner[i] = wants[at]
			if owner[i].joined != "" {
				owner[i].learn(theThesaurus()[stem(owner[i].joined)], false)
			}
		}
	}
	for i := range keys {
		for n := min(maxTerm, len(keys)-i); n > 0; n-- {
			also := theThesaurus()[strings.Join(keys[i:i+n], " ")]
			if len(also) == 0 || slices.Contains(keys[i:i+n], "") {
				continue
			}
			for _, x := range owner[i : i+n] {
				if x != nil {
					x.learn(also, n > 1)
				}
			}
		}
	}
}

// learn adds synonyms. Part of a longer term is significant even if it is weak
// by itself.
func (w *want) learn(also []string, term bool) {
	if term {
		w.weak = false
	}
	for _, a := range also {
		if !slices.Contains(w.also, a) {
			w.also = append(w.also, a)
		}
	}
}

// separable reports whether the word may be split into several that need not be
// adjacent: M_LIMIT_EXCEEDED if no unit has it.
func (w *want) separable() bool { return len(w.parts) > 1 && !w.Phrase && !w.Negated }

// separate makes a word of each part.
func (w *want) separate() []*want {
	var words []Word
	for _, p := range w.parts {
		words = append(words, Word{Text: p})
	}
	return analyze(words)
}

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
		w.addKnown(x, leaves[i], s, w.Prefix && last)
	}
	found := w.combine(x, leaves)
	for _, a := range w.also {
		x.addWord(found, a, HowSynonym)
	}
	if len(found.docs) == 0 && !w.weak && !w.Phrase && !w.Negated {
		for i, s := range strings {
			if len(leaves[i].docs) == 0 && !isWord(s) {
				w.near = append(w.near, x.addNear(leaves[i], s)...)
			}
		}
		if again := w.combine(x, leaves); again != found {
			found.release()
			found = again
		}
		w.loose = len(found.docs) > 0
	}
	for _, l := range leaves {
		if l != found {
			l.release()
		}
	}
	return found
}

// addKnown adds the units that have a part of the word, without typos.
func (w *want) addKnown(x *Index, l *leaf, s string, prefix bool) {
	x.addWord(l, s, HowExact)
	if w.Phrase || w.Negated {
		return
	}
	x.addKin(l, s)
	if prefix && !w.weak {
		x.addBeginning(l, s)
	}
}

// combine combines the leaves of the parts and the joined form. A single one is
// returned unchanged.
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
			c := l.cells[doc]
			found.put(doc, c.value, c.fields, c.how)
		}
	}
	return found
}

// addWord adds the units that have the word or another form of it.
func (x *Index) addWord(l *leaf, word string, how How) {
	x.addPlain(l, word, how)
	form := max(how, HowForm)
	for i := range x.parts {
		p := &x.parts[i]
		p.seg.related(word, func(i int) { l.add(p, p.seg.posts.at(i), howRules[form].scale, form) })
	}
}

// addPlain adds the units that have exactly this word.
func (x *Index) addPlain(l *leaf, word string, how How) {
	for i := range x.parts {
		p := &x.parts[i]
		if at := p.seg.word(word); at >= 0 {
			l.add(p, p.seg.posts.at(at), howRules[how].scale, how)
		}
	}
}

// addBeginning adds the units that have a word with this prefix.
func (x *Index) addBeginning(l *leaf, word string) {
	for i := range x.parts {
		p := &x.parts[i]
		at := p.seg.words.lowerBound(word)
		for end := p.seg.words.afterPrefix(at, word); at < end; at++ {
			if len(p.seg.words.at(at)) > len(word) {
				l.add(p, p.seg.posts.at(at), howRules[HowBeginning].scale, HowBeginning)
			}
		}
	}
}

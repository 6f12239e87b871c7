package search

import (
	"encoding/binary"
	"slices"
)

// The forward list of a unit holds its name, its description and its tags as
// numbers of words plus one, with a 0 after the name, after the description and
// after each tag. Stop words are omitted. It is used to find phrases and to
// compare units with a draft.

// forwardFields are the fields in the forward list.
const forwardFields = FieldName | FieldDescription | FieldTags

// textEnd separates two texts, so that no phrase extends from one into the
// other.
const textEnd = 0

// eachForward calls yield with each word's number, or -1 at the end of a text,
// until it returns false.
func eachForward(list []byte, yield func(word int) bool) {
	for len(list) > 0 {
		n, size := binary.Uvarint(list)
		if !yield(int(n) - 1) {
			return
		}
		list = list[size:]
	}
}

// phrase is a phrase in one segment: for each of its words, the numbers of that
// word's forms.
type phrase [][]int

func (s *segment) phrase(words []string) phrase {
	forms := make(phrase, len(words))
	for i, w := range words {
		if n := s.word(w); n >= 0 {
			forms[i] = append(forms[i], n)
		}
		s.related(w, func(n int) { forms[i] = append(forms[i], n) })
	}
	return forms
}

// in reports whether the words are adjacent in a forward list.
func (p phrase) in(list []byte, scratch []int) (bool, []int) {
	scratch = scratch[:0]
	eachForward(list, func(word int) bool {
		scratch = append(scratch, word)
		return true
	})
	for i := range len(scratch) - len(p) + 1 {
		if p.at(scratch[i:]) {
			return true, scratch
		}
	}
	return false, scratch
}

func (p phrase) at(words []int) bool {
	for i, forms := range p {
		if !slices.Contains(forms, words[i]) {
			return false
		}
	}
	return true
}

// keepPhrase keeps the units in whose name, description or tags the words are
// adjacent.
func (x *Index) keepPhrase(l *leaf, words []string) {
	phrases := make([]phrase, len(x.parts))
	for i := range x.parts {
		phrases[i] = x.parts[i].seg.phrase(words)
	}
	var scratch []int
	l.keep(func(doc int) bool {
		i := x.partOf(doc)
		p := &x.parts[i]
		var found bool
		found, scratch = phrases[i].in(p.seg.forward.at(doc-p.base), scratch)
		return found
	})
}

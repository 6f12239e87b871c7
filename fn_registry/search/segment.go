package search

import "sort"

// segment is an immutable part of the index: some units, and their words.
type segment struct {
	keys    items
	keyText string // the keys again, so that they can be handed out as strings without a copy
	byKey   u32s   // the units' numbers, in the order of their keys

	words     items // as they occur in the units, folded; sorted
	inflected u32s  // numbers of the words that are not their own stem, in stem order
	posts     items // for each word, where it occurs: see appendPosting

	forward items // for each unit, the words of name, description and tags in order: see forward.go

	types items // the distinct types in signatures, encoded: see sigencode.go
	heads u32s  // for each type, a hash that distinguishes most types
	sigs  items // for each unit, its signature as numbers of types, or nothing

	classes []typeClass // for each type; derived when the segment is made or loaded
}

func (s *segment) len() int { return s.keys.len() }

func (s *segment) key(doc int) string { return s.keyText[s.keys.start(doc):s.keys.ends.at(doc)] }

// find returns the number of the unit with this key, or -1.
func (s *segment) find(key string) int {
	i := sort.Search(s.byKey.len(), func(i int) bool { return s.key(s.byKey.at(i)) >= key })
	if i < s.byKey.len() && s.key(s.byKey.at(i)) == key {
		return s.byKey.at(i)
	}
	return -1
}

// word returns the number of a word, or -1.
func (s *segment) word(w string) int {
	i := s.words.lowerBound(w)
	if i < s.words.len() && string(s.words.at(i)) == w {
		return i
	}
	return -1
}

// related calls yield with the words, other than w, that share w's stem.
func (s *segment) related(w string, yield func(word int)) {
	base := stem(w)
	if base != w {
		if i := s.word(base); i >= 0 {
			yield(i)
		}
	}
	at := func(i int) string { return string(s.words.at(s.inflected.at(i))) }
	i := sort.Search(s.inflected.len(), func(i int) bool { return stem(at(i)) >= base })
	for ; i < s.inflected.len() && stem(at(i)) == base; i++ {
		if at(i) != w {
			yield(s.inflected.at(i))
		}
	}
}

// derive computes what is not stored in the file.
func (s *segment) derive() {
	s.keyText = string(s.keys.blob)
	s.classes = make([]typeClass, s.types.len())
	for i := range s.classes {
		s.classes[i] = classify(s.types.at(i))
	}
}

// leastPosting is the minimum size of a posting in bytes.
const leastPosting = 3

// appendPosting appends the posting of a unit whose number is gap above the
// previous one's (for the first one, above -1).
func appendPosting(b []byte, gap int, impact uint8, fields Field) []byte {
	for gap >= 0x80 {
		b = append(b, byte(gap)|0x80)
		gap >>= 7
	}
	return append(b, byte(gap), impact, byte(fields))
}

// posting decodes the posting at i: the gap to the next unit, and the positions
// of its impact and its fields.
func posting(b []byte, i int) (gap, at int) {
	c := int(b[i])
	i++
	if c < 0x80 {
		return c, i
	}
	gap = c & 0x7f
	for shift := 7; ; shift += 7 {
		c = int(b[i])
		i++
		gap |= (c & 0x7f) << shift
		if c < 0x80 {
			return gap, i
		}
	}
}

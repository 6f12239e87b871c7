package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// check validates everything that the rest of the package assumes about a part.
func (p *part) check() error {
	s := p.seg
	for _, u := range []u32s{s.keys.ends, s.byKey, s.words.ends, s.inflected, s.posts.ends, s.forward.ends,
		s.types.ends, s.heads, s.sigs.ends, u32s(p.boosts)} {
		if len(u)%4 != 0 {
			return errors.New("a list ends in the middle of a number")
		}
	}
	docs, words, types := s.keys.len(), s.words.len(), s.types.len()
	switch {
	case docs == 0:
		return errors.New("it has an empty part")
	case s.byKey.len() != docs, s.forward.len() != docs, s.sigs.len() != docs, p.boosts.len() != docs,
		p.dead != nil && len(p.dead) != len(newBitmap(docs)):
		return errors.New("its lists of units differ in length")
	case s.posts.len() != words:
		return errors.New("its lists of words differ in length")
	case s.heads.len() != types:
		return errors.New("its lists of types differ in length")
	}
	for _, t := range []items{s.keys, s.words, s.posts, s.forward, s.types, s.sigs} {
		if err := t.check(); err != nil {
			return err
		}
	}
	for _, check := range []func() error{s.checkTypes, s.checkKeys, s.checkWords, s.checkPostings, s.checkForward,
		s.checkSignatures, p.checkBoosts} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (t items) check() error {
	last := 0
	for i := range t.len() {
		end := t.ends.at(i)
		if end < last || end > len(t.blob) {
			return errors.New("an item ends outside of its list")
		}
		last = end
	}
	if last != len(t.blob) {
		return errors.New("a list has bytes that belong to no item")
	}
	return nil
}

// checkTypes runs first: the segment's derived data is computed from the types.
func (s *segment) checkTypes() error {
	for i := range s.types.len() {
		t, err := decodeType(s.types.at(i))
		if err != nil {
			return err
		}
		if uint32(s.heads.at(i)) != t.head() {
			return errors.New("a type has the head of another")
		}
	}
	s.derive()
	return nil
}

// checkKeys checks that byKey is in strict order, which makes it a permutation.
func (s *segment) checkKeys() error {
	for i := range s.byKey.len() {
		doc := s.byKey.at(i)
		if doc >= s.len() || i > 0 && s.key(s.byKey.at(i-1)) >= s.key(doc) {
			return errors.New("its keys are out of order")
		}
	}
	return nil
}

func (s *segment) checkWords() error {
	for i := 1; i < s.words.len(); i++ {
		if string(s.words.at(i-1)) >= string(s.words.at(i)) {
			return errors.New("its words are out of order")
		}
	}
	for i := range s.inflected.len() {
		if s.inflected.at(i) >= s.words.len() {
			return errors.New("an inflected word is missing")
		}
	}
	return nil
}

func (s *segment) checkPostings() error {
	for w := range s.posts.len() {
		if err := checkList(s.posts.at(w), s.len()); err != nil {
			return fmt.Errorf("word %d: %w", w, err)
		}
	}
	return nil
}

var errPostings = errors.New("its postings are damaged")

// checkList decodes like posting, but trusts nothing.
func checkList(list []byte, docs int) error {
	doc := -1
	for i := 0; i < len(list); {
		gap := uint64(list[i])
		size := 1
		if gap >= 0x80 {
			if gap, size = binary.Uvarint(list[i:]); size <= 0 || size > 5 {
				return errPostings
			}
		}
		i += size + 2
		if gap == 0 || gap > uint64(docs) || i > len(list) {
			return errPostings
		}
		if doc += int(gap); doc >= docs || list[i-2] == 0 {
			return errPostings
		}
	}
	return nil
}

func (s *segment) checkForward() error {
	for doc := range s.forward.len() {
		for list := s.forward.at(doc); len(list) > 0; {
			n, size := binary.Uvarint(list)
			if size <= 0 || n > uint64(s.words.len()) {
				return errors.New("a unit's list of words is damaged")
			}
			list = list[size:]
		}
	}
	return nil
}

func (s *segment) checkSignatures() error {
	for doc := range s.sigs.len() {
		if !s.validSignature(s.sigs.at(doc)) {
			return errors.New("a signature is damaged")
		}
	}
	return nil
}

func (s *segment) validSignature(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if len(b) < 3 || b[1] > maxTypes || b[2] > maxTypes {
		return false
	}
	n := int(b[1]) + int(b[2])
	for b = b[3:]; n > 0; n-- {
		t, size := binary.Uvarint(b)
		if size <= 0 || t >= uint64(s.types.len()) {
			return false
		}
		b = b[size:]
	}
	return len(b) == 0
}

func (p *part) checkBoosts() error {
	for i := range p.boosts.len() {
		if v := p.boosts.at(i); !(v >= 0) || math.IsInf(float64(v), 0) {
			return errors.New("a boost is not a number")
		}
	}
	return nil
}

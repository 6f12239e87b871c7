package search

import (
	"encoding/binary"
	"errors"
)

// A type is encoded before its elements: kind, aux, package, name, number of
// elements, each element. Strings carry their length; numbers are uvarints.

func (t *typ) append(b []byte) []byte {
	b = append(b, byte(t.kind))
	b = appendUvarint(b, uint64(t.aux))
	b = appendString(appendString(b, t.pkg), t.name)
	b = appendUvarint(b, uint64(len(t.elems)))
	for _, e := range t.elems {
		b = e.append(b)
	}
	return b
}

func appendString(b []byte, s string) []byte { return append(appendUvarint(b, uint64(len(s))), s...) }

var errEncoding = errors.New("damaged type")

// decodeType reads a whole encoded type. It accepts what append writes for
// types that parseDeclaration returns, and nothing that later code can't
// handle.
func decodeType(b []byte) (*typ, error) {
	r := typeReader{rest: b}
	t := r.typ(0)
	if r.bad || len(r.rest) > 0 {
		return nil, errEncoding
	}
	return t, nil
}

type typeReader struct {
	rest []byte
	bad  bool
}

func (r *typeReader) number(limit int) int {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > uint64(limit) {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

func (r *typeReader) bytes() []byte {
	n := r.number(len(r.rest))
	if n > len(r.rest) { // the number itself took some of it
		r.bad, r.rest = true, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *typeReader) typ(depth int) *typ {
	t := &typ{kind: typeKind(r.number(int(kindLast)))}
	t.aux = r.number(maxTypes)
	t.pkg, t.name = string(r.bytes()), string(r.bytes())
	n := r.number(2 * maxTypes)
	if depth++; depth > maxTypeDepth || !t.fits(n) {
		r.bad = true
	}
	for range n {
		if r.bad {
			return t
		}
		t.elems = append(t.elems, r.typ(depth))
	}
	return t
}

// fits reports whether a type of this kind and aux may have n elements.
func (t *typ) fits(n int) bool {
	switch t.kind {
	case kindNamed:
		return n <= maxParameters
	case kindVar:
		return n == 0 && t.aux < maxParameters
	case kindAny, kindOpaque:
		return n == 0
	case kindPointer, kindSlice, kindVariadic, kindArray, kindChan:
		return n == 1
	case kindMap:
		return n == 2
	case kindFunc:
		return t.aux <= n
	}
	return false
}

// typeTable collects the distinct types of many signatures.
type typeTable struct {
	ids   map[string]int
	list  items
	heads u32s
	buf   []byte
}

func newTypeTable() typeTable { return typeTable{ids: map[string]int{}} }

// add returns the number of an encoded type; head is its head.
func (tt *typeTable) add(encoded []byte, head uint32) int {
	id, ok := tt.ids[string(encoded)]
	if !ok {
		id = len(tt.ids)
		tt.ids[string(encoded)] = id
		tt.list.add(encoded)
		tt.heads = tt.heads.add(int(head))
	}
	return id
}

func (tt *typeTable) addType(t *typ) int {
	tt.buf = t.append(tt.buf[:0])
	return tt.add(tt.buf, t.head())
}

// A unit's signature is encoded as: whether a type in it is open, the number of
// parameters, the number of results, and the numbers of their types. For a unit
// without a shape the encoding is empty.

// appendSignature appends a unit's encoded signature.
func (tt *typeTable) appendSignature(b []byte, declaration string) []byte {
	s, ok := parseDeclaration(declaration)
	if !ok {
		return b
	}
	open := byte(0)
	for _, list := range [][]*typ{s.params, s.results} {
		for _, t := range list {
			if t.open() {
				open = 1
			}
		}
	}
	b = append(b, open, byte(len(s.params)), byte(len(s.results)))
	for _, list := range [][]*typ{s.params, s.results} {
		for _, t := range list {
			b = appendUvarint(b, uint64(tt.addType(t)))
		}
	}
	return b
}

// shape is a decoded signature: numbers of types in a segment.
type shape struct {
	open    bool
	params  int
	types   [2 * maxTypes]int // the parameters, then the results
	results int
}

func (s *shape) list(side int) []int {
	if side == paramSide {
		return s.types[:s.params]
	}
	return s.types[s.params : s.params+s.results]
}

const (
	paramSide = iota
	resultSide
)

// read decodes a signature; false if the unit has none.
func (s *shape) read(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	s.open, s.params, s.results = b[0] != 0, int(b[1]), int(b[2])
	b = b[3:]
	for i := range s.params + s.results {
		c := int(b[0])
		size := 1
		if c >= 0x80 {
			n, k := binary.Uvarint(b)
			c, size = int(n), k
		}
		s.types[i] = c
		b = b[size:]
	}
	return true
}

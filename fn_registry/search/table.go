package search

import (
	"encoding/binary"
	"math"
	"sort"
)

// Everything in a segment is bytes in file order, so that loading decodes
// nothing.

// u32s is a list of little-endian 32-bit numbers.
type u32s []byte

func (u u32s) at(i int) int { return int(binary.LittleEndian.Uint32(u[4*i:])) }

func (u u32s) len() int { return len(u) / 4 }

func (u u32s) add(n int) u32s { return binary.LittleEndian.AppendUint32(u, uint32(n)) }

// items is a list of byte strings: the end of each, and all of them
// concatenated.
type items struct {
	ends u32s
	blob []byte
}

func (t items) len() int { return t.ends.len() }

func (t items) start(i int) int {
	if i == 0 {
		return 0
	}
	return t.ends.at(i - 1)
}

func (t items) at(i int) []byte { return t.blob[t.start(i):t.ends.at(i)] }

// close ends the item whose bytes were appended to the blob.
func (t *items) close() { t.ends = t.ends.add(len(t.blob)) }

func (t *items) add(b []byte) {
	t.blob = append(t.blob, b...)
	t.close()
}

// lowerBound returns the first item that is not less than w; the items are
// sorted.
func (t items) lowerBound(w string) int {
	return sort.Search(t.len(), func(i int) bool { return string(t.at(i)) >= w })
}

// afterPrefix returns the first item at or after from that does not begin with
// prefix, given that from does or is the prefix's lower bound.
func (t items) afterPrefix(from int, prefix string) int {
	return from + sort.Search(t.len()-from, func(i int) bool {
		b := t.at(from + i)
		return string(b[:min(len(b), len(prefix))]) > prefix
	})
}

// f32s is a list of little-endian 32-bit floats.
type f32s []byte

func (f f32s) at(i int) float32 { return math.Float32frombits(uint32(u32s(f).at(i))) }

func (f f32s) len() int { return len(f) / 4 }

func (f f32s) add(v float32) f32s { return f32s(u32s(f).add(int(math.Float32bits(v)))) }

// bitmap is a set of small numbers; nil is empty.
type bitmap []byte

func newBitmap(n int) bitmap { return make(bitmap, (n+7)/8) }

func (b bitmap) has(i int) bool { return b != nil && b[i>>3]&(1<<(i&7)) != 0 }

func (b bitmap) set(i int) { b[i>>3] |= 1 << (i & 7) }

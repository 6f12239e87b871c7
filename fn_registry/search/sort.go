package search

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// Long lists are sorted here by number, by a single instance of
// slices.SortFunc: each instance for another type adds 8 to 14 kB to a program.
// Short ones are left to sort.Slice, which has one instance for all types.

// sortedKeys lists a segment's units in key order.
func sortedKeys(s *segment) u32s {
	order := upTo(s.len())
	slices.SortFunc(order, func(x, y int) int { return cmp.Or(strings.Compare(s.key(x), s.key(y)), x-y) })
	return toU32s(order)
}

// upTo returns 0, 1, ... n-1.
func upTo(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// sortedInflected lists the given words of a segment by stem, then by the word
// itself.
func sortedInflected(s *segment, words func(yield func(word int))) u32s {
	var list []int
	var stems []string
	words(func(w int) { list, stems = append(list, w), append(stems, stem(string(s.words.at(w)))) })
	order := upTo(len(list))
	slices.SortFunc(order, func(x, y int) int { return cmp.Or(strings.Compare(stems[x], stems[y]), list[x]-list[y]) })
	for i, at := range order {
		order[i] = list[at]
	}
	return toU32s(order)
}

func toU32s(list []int) u32s {
	u := make(u32s, 0, 4*len(list))
	for _, n := range list {
		u = u.add(n)
	}
	return u
}

func appendUvarint(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }

package search

import (
	"encoding/binary"
	"slices"
	"strings"
)

// sortedKeys lists a segment's units in the order of their keys.
func sortedKeys(s *segment) u32s {
	order := make([]int, s.len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return strings.Compare(s.key(x), s.key(y)) })
	return toU32s(order)
}

// sortedInflected lists the given words of a segment in the order of their stems, then their own.
func sortedInflected(s *segment, words func(yield func(word int))) u32s {
	type entry struct {
		stem string
		word int
	}
	var list []entry
	words(func(w int) { list = append(list, entry{stem(string(s.words.at(w))), w}) })
	slices.SortFunc(list, func(x, y entry) int {
		if c := strings.Compare(x.stem, y.stem); c != 0 {
			return c
		}
		return x.word - y.word
	})
	order := make([]int, len(list))
	for i, e := range list {
		order[i] = e.word
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

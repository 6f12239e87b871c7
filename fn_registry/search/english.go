package search

import (
	_ "embed"
	"hash/fnv"
	"strings"
	"sync"
)

// englishStems holds the stems of frequent English words as a Bloom filter,
// with one false positive in 250 words. The list itself, deflated, and the code
// to inflate it would be more than twice as large. Source and license are in
// english_license.txt; TestEnglishFile writes the file.
var englishStems = stemFilter(englishData)

//go:embed english.bin
var englishData string

// stemFilter is a Bloom filter: it contains a stem if all of the stem's bits
// are set.
type stemFilter string

const (
	filterBytes  = 28_000 // twelve bits for each stem
	filterHashes = 8
)

// filterBits calls yield with the bits that stand for a stem.
func filterBits(stem string, yield func(bit uint64) bool) {
	h := fnv.New64a()
	h.Write([]byte(stem))
	sum := h.Sum64()
	step := sum>>32 | 1
	for range filterHashes {
		if !yield(sum % (8 * filterBytes)) {
			return
		}
		sum += step
	}
}

func (f stemFilter) has(stem string) bool {
	found := len(f) == filterBytes
	if found {
		filterBits(stem, func(bit uint64) bool {
			found = f[bit/8]&(1<<(bit%8)) != 0
			return found
		})
	}
	return found
}

// newStemFilter returns a filter with room for the given stems.
func newStemFilter(stems []string) stemFilter {
	bits := make([]byte, filterBytes)
	for _, s := range stems {
		filterBits(s, func(bit uint64) bool {
			bits[bit/8] |= 1 << (bit % 8)
			return true
		})
	}
	return stemFilter(bits)
}

// isEnglish reports whether a folded word is an English word, frequent enough
// to be intended when it is typed rather than a typo of another. It recognises
// some suffixes and prefixes by itself: headless, unread.
func isEnglish(word string) bool {
	if !letters(word) {
		return false
	}
	if isStem(stem(word)) {
		return true
	}
	for _, ending := range []string{"less", "ness", "ful", "ly", "wise"} {
		if base, ok := strings.CutSuffix(word, ending); ok && len(base) >= minBase && isStem(stem(base)) {
			return true
		}
	}
	for _, beginning := range []string{"un", "non", "re"} {
		if base, ok := strings.CutPrefix(word, beginning); ok && len(base) >= minBase && isStem(stem(base)) {
			return true
		}
	}
	return false
}

// minBase is the minimum length of a word before such a suffix.
const minBase = 4

func isStem(stem string) bool { return englishStems.has(stem) }

//go:embed jargon.txt
var jargonText string

// jargon are the stems of the words in jargon.txt.
var jargon = sync.OnceValue(func() map[string]bool { return stemsOf(jargonText) })

// isWord reports whether a word of a query is intended, even if no unit has it,
// rather than a typo of another.
func isWord(word string) bool {
	s := stem(word)
	return jargon()[s] || len(theThesaurus()[s]) > 0 || isEnglish(word)
}

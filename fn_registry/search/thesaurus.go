package search

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed thesaurus.txt
var thesaurusText string

//go:embed weak.txt
var weakText string

// maxTerm is the maximum number of words in a term of the thesaurus.
const maxTerm = 4

// thesaurus maps a word, or a few consecutive words, to the words that are also
// searched for. Keys are stems joined by spaces.
type thesaurus map[string][]string

// theThesaurus is the one in thesaurus.txt.
var theThesaurus = sync.OnceValue(func() thesaurus {
	t, err := parseThesaurus(thesaurusText)
	if err != nil {
		panic(err) // the file is embedded, and a test parses it
	}
	return t
})

// weakWords are the stems of the words in weak.txt.
var weakWords = sync.OnceValue(func() map[string]bool { return stemsOf(weakText) })

// stemsOf parses a text of words and of lines that begin with #.
func stemsOf(text string) map[string]bool {
	m := map[string]bool{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			for w := range strings.FieldsSeq(line) {
				m[stem(w)] = true
			}
		}
	}
	return m
}

// parseThesaurus reads the form that thesaurus.txt describes.
func parseThesaurus(text string) (thesaurus, error) {
	t := thesaurus{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		left, right, both := strings.Cut(line, " = ")
		if !both {
			var ok bool
			if left, right, ok = strings.Cut(line, " > "); !ok {
				return nil, fmt.Errorf("thesaurus line %d: neither = nor >: %s", n, line)
			}
		}
		from, to := terms(left), terms(right)
		if both {
			from = append(from, to...)
			to = from
		}
		for _, key := range from {
			if words := strings.Fields(key); len(words) == 0 || len(words) > maxTerm {
				return nil, fmt.Errorf("thesaurus line %d: %q is not of one to %d words", n, key, maxTerm)
			}
			t.add(key, to)
		}
	}
	return t, nil
}

// terms parses a list of terms: each as its words' folded parts.
func terms(list string) []string {
	var all []string
	for term := range strings.SplitSeq(list, ",") {
		all = append(all, strings.Join(partsOf(term), " "))
	}
	return all
}

// partsOf splits a text into the parts of its identifiers.
func partsOf(text string) []string {
	var parts []string
	var a analyzer
	for pos, ok := a.next(text, 0); ok; pos, ok = a.next(text, pos) {
		for i := range a.parts() {
			parts = append(parts, string(a.run(i, i+1)))
		}
	}
	return parts
}

// add adds the single-word terms to to, since an index holds single words.
func (t thesaurus) add(term string, to []string) {
	key := stemAll(term)
	for _, other := range to {
		if !strings.Contains(other, " ") && stem(other) != key && !slices.Contains(t[key], other) {
			t[key] = append(t[key], other)
		}
	}
}

func stemAll(term string) string {
	words := strings.Fields(term)
	for i, w := range words {
		words[i] = stem(w)
	}
	return strings.Join(words, " ")
}

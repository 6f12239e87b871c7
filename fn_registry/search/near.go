package search

import "fnregistry.dev/functions/core"

// typoLimit returns how many typos are tolerated in a word: one in 4 to 7
// letters, two in longer words.
func typoLimit(word string) int {
	switch n := len(word); {
	case n < 4, n > maxWord:
		return 0
	case n < 8:
		return 1
	}
	return 2
}

// near calls yield with the words that are at most limit typos away from word
// (a letter missing, added, wrong, or two neighbours swapped), and with the
// distance: the restricted Damerau-Levenshtein distance. It counts bytes, so
// that letters beyond ASCII (those without a Latin base letter) count as two or
// more.
// It walks the sorted dictionary as if it were a tree: the table's rows for the
// prefix that a word shares with the previous one are reused, and if no
// continuation can be near, all words with that prefix are skipped.
func (s *segment) near(word string, limit int, yield func(index, distance int)) {
	t := newTypoTable(word, len(word)+limit+2)
	var before []byte // the prefix that the rows represent
	for i := 0; i < s.words.len(); {
		w := s.words.at(i)
		depth := commonPrefix(before, w)
		for depth < len(w) && t.extend(w, depth) <= limit {
			depth++
		}
		if depth < len(w) {
			before = w[:depth+1]
			i = s.words.skipPrefix(i, before)
			continue
		}
		before = w
		if d := t.distance(depth); d <= limit {
			yield(i, d)
		}
		i++
	}
}

// skipPrefix returns the first item after i that does not begin with prefix, as
// item i does. Usually it is close.
func (t items) skipPrefix(i int, prefix []byte) int {
	begins := func(i int) bool {
		b := t.at(i)
		return len(b) >= len(prefix) && string(b[:len(prefix)]) == string(prefix)
	}
	step := 1
	for i+step < t.len() && begins(i+step) {
		i += step
		step *= 2
	}
	low, high := i+1, min(i+step, t.len())
	for low < high {
		if mid := (low + high) / 2; begins(mid) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// typoTable is the dynamic programming table of the distance: row i, column j
// is the distance between the first i letters of a dictionary word and the
// first j of the queried one.
type typoTable struct {
	sought string
	rows   [][]int
}

func newTypoTable(sought string, depth int) *typoTable {
	t := &typoTable{sought: sought, rows: make([][]int, depth+1)}
	cells := make([]int, (depth+1)*(len(sought)+1))
	for i := range t.rows {
		t.rows[i], cells = cells[:len(sought)+1], cells[len(sought)+1:]
	}
	for j := range t.rows[0] {
		t.rows[0][j] = j
	}
	return t
}

// extend computes the row for w's letter at depth, given the preceding ones,
// and returns its smallest cell.
func (t *typoTable) extend(w []byte, depth int) int {
	row, above := t.rows[depth+1], t.rows[depth]
	row[0] = depth + 1
	least := row[0]
	for j := range len(t.sought) {
		v := above[j]
		if w[depth] != t.sought[j] {
			v++
		}
		v = min(v, above[j+1]+1, row[j]+1)
		if depth > 0 && j > 0 && w[depth] == t.sought[j-1] && w[depth-1] == t.sought[j] {
			v = min(v, t.rows[depth-1][j-1]+1)
		}
		row[j+1] = v
		least = min(least, v)
	}
	return least
}

func (t *typoTable) distance(depth int) int { return t.rows[depth][len(t.sought)] }

func commonPrefix(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// isNear reports whether two words are at most limit typos apart.
func isNear(a, b string, limit int) bool {
	return len(a) <= len(b)+limit && len(b) <= len(a)+limit && core.EditDistance(a, b) <= limit
}

package core

// EditDistance returns how many bytes must be inserted, deleted, replaced or
// swapped with their neighbour to turn a into b: the Damerau-Levenshtein
// distance in its restricted form, optimal string alignment, in which no part
// is edited twice. It takes time in the product of both lengths, and memory in
// b's.
//
// More in edit_distance.md:
//   - It counts bytes: "é" and "e" are 2 apart.
//   - Its cost is the product of both lengths.
func EditDistance(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := row[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			next[j] = min(replaced, row[j]+1, next[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}

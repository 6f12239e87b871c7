package spec

import "strings"

// Suggest is the candidate that was most likely meant by a mistyped word, or "" if none is near enough: at most a
// third of its letters typed, left out, added or swapped wrongly. Case and the difference of - and _ don't count. Of
// two that are equally near the first wins.
func Suggest(word string, candidates []string) string {
	const longest = 40 // no word of the model is longer than half of this
	if len(word) > longest {
		return ""
	}
	word = fold(word)
	best, bestDistance := "", longest
	for _, c := range candidates {
		dist := distance(word, fold(c))
		if dist < bestDistance && dist <= max(1, min(len(word), len(c))/3) {
			best, bestDistance = c, dist
		}
	}
	return best
}

func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "-", "_")
}

// distance is the Damerau-Levenshtein distance of two words in bytes, in its restricted form (optimal string
// alignment: no part is edited twice).
func distance(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}

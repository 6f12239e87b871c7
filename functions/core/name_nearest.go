package core

import (
	"slices"
	"strings"
)

// NameNearest returns the known names that a mistyped one may have meant,
// nearest first: those that differ from it in at most a third of their letters,
// and at least one, by [EditDistance]. Case and the difference of "-" and "_"
// don't count. Equally near ones keep their order. For a name of more than 64
// bytes there are none: it is untrusted input, and the cost grows with its
// length.
//
// More in name_nearest.md:
//   - A known name is its own nearest: look it up first.
//   - It may return several.
func NameNearest(name string, known []string) []string {
	const longest = 64
	if len(name) > longest {
		return nil
	}
	byDistance := make([][]string, longest) // no distance limit is larger
	for _, k := range known {
		limit := max(1, min(len(name), len(k))/3)
		if len(k)-len(name) > limit || len(name)-len(k) > limit {
			continue
		}
		if d := EditDistance(foldName(name), foldName(k)); d <= limit {
			byDistance[d] = append(byDistance[d], k)
		}
	}
	return slices.Concat(byDistance...)
}

func foldName(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "-", "_")
}

package core

import (
	"slices"
	"strings"
)

// DidYouMean asks whether one of the candidates was meant, as in "did you mean
// a, b or c?": the first three, in their order, without empty ones. Without any
// it returns "".
//
// More in did_you_mean.md:
//   - Without candidates it is empty: list the valid names instead, or say
//     nothing.
//   - Candidates are printed unchanged.
func DidYouMean(candidates ...string) string {
	near := slices.DeleteFunc(slices.Clone(candidates), func(c string) bool { return c == "" })
	near = near[:min(len(near), 3)]
	last := len(near) - 1
	switch {
	case last < 0:
		return ""
	case last == 0:
		return "did you mean " + near[0] + "?"
	}
	return "did you mean " + strings.Join(near[:last], ", ") + " or " + near[last] + "?"
}

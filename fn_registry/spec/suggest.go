package spec

import "fnregistry.dev/functions/core"

// Suggest is the candidate that was most likely meant by a mistyped word, or ""
// if none is near enough. Of two that are equally near the first wins.
func Suggest(word string, candidates []string) string {
	if near := core.NameNearest(word, candidates); len(near) > 0 {
		return near[0]
	}
	return ""
}

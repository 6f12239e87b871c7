// Package candidate finds what may have been meant by a name that is not known.
package candidate

import (
	"fmt"
	"strings"

	"fnregistry.dev/functions/core"
)

// A person takes in so many near names at a glance, and reads through so many
// of all.
const (
	maxNear  = 5
	maxKnown = 20
)

// Names returns the known names that are near to name or, where none is, the
// first twenty of all, and a hint that lists them. The list is never nil.
func Names(name string, known []string) (names []string, hint string) {
	if near := core.NameNearest(name, known); len(near) > 0 {
		near = near[:min(len(near), maxNear)]
		return near, core.DidYouMean(near...)
	}
	if len(known) == 0 {
		return []string{}, "none are known here"
	}
	names = append(names, known[:min(len(known), maxKnown)]...)
	return names, "known are " + strings.Join(names, ", ")
}

// Clip shortens a name, which comes from outside, to what is worth sending
// back.
func Clip(name string) string { return fmt.Sprintf("%.80s", name) }

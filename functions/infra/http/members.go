package http

import (
	"fmt"
	"strings"

	"fnregistry.dev/functions/core"
)

// maxCandidates is as many names as a person takes in at a glance, maxKnown as
// many as one reads through.
const (
	maxCandidates = 5
	maxKnown      = 20
)

// withCandidates adds the known names that are close to name, or where none is
// the first twenty of all, for people as a hint and for programs as a member;
// the name itself is the member what.
func withCandidates(err *core.Error, what, name string, known []string) error {
	candidates := core.NameNearest(name, known)
	candidates = candidates[:min(len(candidates), maxCandidates)]
	switch {
	case len(candidates) > 0:
		err.Hint = core.DidYouMean(candidates...)
	default:
		candidates = append([]string{}, known[:min(len(known), maxKnown)]...)
		err.Hint = "none are known here"
		if len(candidates) > 0 {
			err.Hint = "known are " + strings.Join(candidates, ", ")
		}
	}
	return &HTTPProblemError{Err: err, Members: map[string]any{what: clipName(name), "candidates": candidates}}
}

// withName adds the name that an error is about as the member what.
func withName(err *core.Error, what, name string) error {
	return &HTTPProblemError{Err: err, Members: map[string]any{what: clipName(name)}}
}

// clipName shortens a name, which comes from outside, to what is worth sending
// back.
func clipName(name string) string { return fmt.Sprintf("%.80s", name) }

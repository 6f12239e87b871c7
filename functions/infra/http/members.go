package http

import (
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/candidate"
)

// withCandidates adds the known names that name may have meant, for people as a
// hint and for programs as a member; the name itself is the member what.
func withCandidates(err *core.Error, what, name string, known []string) error {
	var names []string
	names, err.Hint = candidate.Names(name, known)
	return &HTTPProblemError{Err: err, Members: map[string]any{what: candidate.Clip(name), "candidates": names}}
}

// withName adds the name that an error is about as the member what.
func withName(err *core.Error, what, name string) error {
	return &HTTPProblemError{Err: err, Members: map[string]any{what: candidate.Clip(name)}}
}

package core

import (
	"errors"
	"strings"
)

// ErrorText returns what a program shows a person of an error: its text after the program's name, and the hints of all the
// [Error] in it, each on a line of its own, all ended by a line break. It is empty for nil.
func ErrorText(program string, err error) string {
	if err == nil {
		return ""
	}
	text := program + ": error: " + err.Error() + "\n"
	for _, hint := range errorHints(err) {
		text += "hint: " + hint + "\n"
	}
	return text
}

// errorHints goes through joined and wrapped errors.
func errorHints(err error) []string {
	var hints []string
	if coded, ok := err.(*Error); ok && strings.TrimSpace(coded.Hint) != "" {
		hints = append(hints, coded.Hint)
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			hints = append(hints, errorHints(one)...)
		}
		return hints
	}
	if inner := errors.Unwrap(err); inner != nil {
		hints = append(hints, errorHints(inner)...)
	}
	return hints
}

package core

import "errors"

// ErrorText returns what a program shows a person of an error: its text after the program's name, and the hint of the first
// [Error] in it on a line of its own, each line ended by a line break. It is empty for nil.
func ErrorText(program string, err error) string {
	if err == nil {
		return ""
	}
	text := program + ": error: " + err.Error() + "\n"
	if coded, ok := errors.AsType[*Error](err); ok && coded.Hint != "" {
		text += "hint: " + coded.Hint + "\n"
	}
	return text
}

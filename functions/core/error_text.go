package core

// ErrorText returns what a program shows a person of an error: its text after
// the program's name, and its hint ([ErrorHint]) on a line of its own, each
// line ended by a line break. It is empty for nil.
//
// More in error_text.md:
//   - It doesn't remove control characters: pass untrusted text through
//     terminal_text first.
//   - In a log, write the error itself, not this.
func ErrorText(program string, err error) string {
	if err == nil {
		return ""
	}
	text := program + ": error: " + err.Error() + "\n"
	if hint := ErrorHint(err); hint != "" {
		text += "hint: " + hint + "\n"
	}
	return text
}

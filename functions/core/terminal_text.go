package core

import (
	"strings"
	"unicode"
)

// TerminalText makes a text that others wrote fit for one line of a terminal:
// what is not printable becomes a space (control characters, among them those
// of escape sequences and line breaks), and what turns the direction of writing
// or has no width is left out, so that no text can control the terminal, break
// the line or impersonate another. Bytes that are no UTF-8 become U+FFFD.
//
// More in terminal_text.md:
//   - Tabs become spaces, too: the caller lays out columns.
//   - Letters of different scripts that look alike stay: look-alike names
//     remain confusable.
func TerminalText(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\u200d', r == '\ufe0f', r == '\ufe0e': // they join emoji and select a presentation form
			return r
		case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r), unicode.Is(unicode.Cs, r):
			return -1
		case !unicode.IsPrint(r):
			return ' '
		}
		return r
	}, text)
}

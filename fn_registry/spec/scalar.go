package spec

import (
	"fmt"
	"strings"
	"unicode"
)

// blockScalar formats a string as a value on a line of its own: plain if every
// YAML parser reads it back as that string, else in double quotes.
func blockScalar(s string) string {
	if plainSafe(s) && !strings.Contains(s, ": ") && !strings.Contains(s, " #") && !strings.HasSuffix(s, ":") {
		return s
	}
	return doubleQuoted(s)
}

// flowScalar formats a string as an item of a list in brackets.
func flowScalar(s string) string {
	if plainSafe(s) && !strings.ContainsAny(s, ",[]{}:#?") {
		return s
	}
	return doubleQuoted(s)
}

// plainSafe reports whether a string starts and ends like a plain scalar, is
// printable, and reads as text and not as a number, a date, a boolean or null.
// When in doubt it returns false: quotes do no harm.
func plainSafe(s string) bool {
	if s == "" || strings.IndexByte("-?:,[]{}#&*!|>'\"%@`=<~. ", s[0]) >= 0 || s[len(s)-1] == ' ' {
		return false
	}
	for _, r := range s {
		if r < 0x20 || r >= 0x7F && (r < 0xA0 || !unicode.IsPrint(r)) {
			return false
		}
	}
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		return false
	}
	return !looksNumeric(s)
}

// looksNumeric reports whether a string could be a number or a date in some
// version of YAML. A version such as 1.2.3 is not.
func looksNumeric(s string) bool {
	if strings.IndexByte("+0123456789", s[0]) < 0 {
		return false
	}
	if strings.Trim(s, "0123456789.") == "" && strings.Count(s, ".") >= 2 {
		return false
	}
	return strings.Trim(strings.ToLower(s), "0123456789abcdefinotxz+-_.: ") == ""
}

// doubleQuoted formats any string on one line. A run of invalid UTF-8 becomes
// one U+FFFD.
func doubleQuoted(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x20 || r >= 0x7F && r < 0xA0:
			fmt.Fprintf(&b, `\x%02X`, r)
		case r >= 0xA0 && !unicode.IsPrint(r) && r <= 0xFFFF:
			fmt.Fprintf(&b, `\u%04X`, r)
		case r >= 0xA0 && !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

package postgresmigrate

import (
	"regexp"
	"strings"
)

var dollarTag = regexp.MustCompile(`^\$([A-Za-z_\x80-\xff][A-Za-z_0-9\x80-\xff]*)?\$`)

// blankQuoted removes strings, quoted names and comments, except their line
// breaks: a procedure may contain a COMMIT, and a string may mention it.
func blankQuoted(text string) string {
	var out strings.Builder
	for len(text) > 0 {
		n := quotedLength(text, out.Len() > 0 && isWordByte(out.String()[out.Len()-1]))
		if n == 0 {
			out.WriteByte(text[0])
			text = text[1:]
			continue
		}
		out.WriteString(blank(text[:n]))
		text = text[n:]
	}
	return out.String()
}

// quotedLength returns the length of the token here if it can hide semicolons,
// 0 for anything else. inWord: the byte before belongs to a word, as in a$b$.
func quotedLength(text string, inWord bool) int {
	switch {
	case strings.HasPrefix(text, "--"):
		end := strings.IndexByte(text, '\n')
		if end < 0 {
			return len(text)
		}
		return end
	case strings.HasPrefix(text, "/*"):
		return commentLength(text)
	case text[0] == '\'', text[0] == '"':
		return stringLength(text, text[0], false)
	case !inWord && len(text) > 1 && (text[0] == 'e' || text[0] == 'E') && text[1] == '\'':
		return 1 + stringLength(text[1:], '\'', true)
	case !inWord && text[0] == '$':
		tag := dollarTag.FindString(text)
		if tag == "" {
			return 0
		}
		end := strings.Index(text[len(tag):], tag)
		if end < 0 {
			return len(text)
		}
		return end + 2*len(tag)
	}
	return 0
}

// commentLength returns the length of a comment; comments nest.
func commentLength(text string) int {
	depth := 0
	for i := 0; i < len(text)-1; i++ {
		switch text[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			i++
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// stringLength returns the length up to the closing quote, which is doubled
// inside.
func stringLength(text string, quote byte, backslashes bool) int {
	for i := 1; i < len(text); i++ {
		switch {
		case backslashes && text[i] == '\\':
			i++
		case text[i] == quote && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return i + 1
		}
	}
	return len(text)
}

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

package clickhouse

import "strings"

// placeholder is a place in a query for a value: ?, $1 or @name.
type placeholder struct {
	start, end int
	name       string // without the @; empty for ? and $1
	number     int    // of $1; 0 for ? and @name
}

// findPlaceholders lists a query's placeholders, and its first word in upper
// case ("(" counts as one). It skips strings, quoted names and comments.
func findPlaceholders(query string) (found []placeholder, firstWord string) {
	for at := 0; at < len(query); {
		end := tokenEnd(query, at)
		switch c := query[at]; {
		case isBlank(c) || isComment(query[at:]):
		case c == '?':
			found = append(found, placeholder{start: at, end: end})
		case c == '@' && end > at+1 && query[at+1] != '@':
			found = append(found, placeholder{start: at, end: end, name: query[at+1 : end]})
		case c == '$' && end > at+1:
			number := 0
			for _, digit := range []byte(query[at+1 : end]) {
				number = min(number*10+int(digit-'0'), 1<<20)
			}
			found = append(found, placeholder{start: at, end: end, number: number})
		case firstWord == "":
			firstWord = strings.ToUpper(query[at:end])
		}
		at = end
	}
	return found, firstWord
}

// tokenEnd returns the end of the token that begins at text[at], as
// ClickHouse's lexer would find it, as far as that matters here.
func tokenEnd(text string, at int) int {
	rest := text[at:]
	switch c := rest[0]; {
	case strings.HasPrefix(rest, "--"):
		return at + through(rest, 2, "\n")
	case strings.HasPrefix(rest, "/*"):
		return at + through(rest, 2, "*/")
	case c == '\'' || c == '"' || c == '`':
		return at + quoted(rest, c)
	case c == '@':
		return at + 1 + run(rest[1:], isWord)
	case c == '$':
		return at + 1 + run(rest[1:], isDigit)
	case isWord(c):
		return at + run(rest, isWord)
	}
	return at + 1
}

func isComment(text string) bool {
	return strings.HasPrefix(text, "--") || strings.HasPrefix(text, "/*")
}

// through returns the length of text up to and including the first mark at or
// after start, or the whole length.
func through(text string, start int, mark string) int {
	if i := strings.Index(text[start:], mark); i >= 0 {
		return start + i + len(mark)
	}
	return len(text)
}

// quoted returns the length of a quoted token. A backslash escapes the next
// byte; a doubled quote begins a new token here, which makes no difference.
func quoted(text string, quote byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case quote:
			return i + 1
		}
	}
	return len(text)
}

func run(text string, in func(byte) bool) int {
	n := 0
	for n < len(text) && in(text[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isBlank(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func isWord(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

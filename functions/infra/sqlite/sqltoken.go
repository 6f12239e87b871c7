package sqlite

import "strings"

// token is one token of SQL as SQLite's sqlite3GetToken reads it, as far as it
// matters here: tokens that can hide a semicolon, and words and parameters.
type token struct {
	end                           int
	blank, semicolon, word, param bool
}

// nextToken reads the token that begins at text[at].
func nextToken(text string, at int) token {
	rest := text[at:]
	switch c := rest[0]; {
	case isBlank(c):
		return token{end: at + 1, blank: true}
	case strings.HasPrefix(rest, "--"):
		return token{end: at + through(rest, 2, "\n"), blank: true}
	case strings.HasPrefix(rest, "/*") && len(rest) > 2: // a text that ends in /* is a division and a star
		return token{end: at + through(rest, 2, "*/"), blank: true}
	case strings.HasPrefix(rest, "\ufeff"):
		return token{end: at + len("\ufeff"), blank: true}
	case c == ';':
		return token{end: at + 1, semicolon: true}
	case c == '\'' || c == '"' || c == '`':
		return token{end: at + quoted(rest, c)}
	case c == '[':
		return token{end: at + through(rest, 1, "]")}
	case c == '?':
		n := 1
		for n < len(rest) && isDigit(rest[n]) {
			n++
		}
		return token{end: at + n, param: true}
	case c == ':' || c == '@' || c == '$' || c == '#':
		n, named := namedParam(rest)
		return token{end: at + n, param: named}
	case isIdent(c):
		n := 1
		for n < len(rest) && isIdent(rest[n]) {
			n++
		}
		return token{end: at + n, word: true}
	}
	return token{end: at + 1}
}

// through returns the length of text up to and including the first mark at or
// after start, or the whole length.
func through(text string, start int, mark string) int {
	if i := strings.Index(text[start:], mark); i >= 0 {
		return start + i + len(mark)
	}
	return len(text)
}

// quoted returns the length of a quoted token; the quote itself is doubled
// inside.
func quoted(text string, quote byte) int {
	for i := 1; i < len(text); i++ {
		if text[i] != quote {
			continue
		}
		if i+1 == len(text) || text[i+1] != quote {
			return i + 1
		}
		i++
	}
	return len(text)
}

// namedParam returns the length of :name, @name, $name or #name. In SQLite a
// name may contain "::" and end in "(...)", as in Tcl; that form has to be read
// too, since it can hide a semicolon or a quote.
func namedParam(text string) (length int, named bool) {
	i := 1
	for i < len(text) {
		switch c := text[i]; {
		case isIdent(c):
			named = true
			i++
		case c == '(' && named:
			for i++; i < len(text) && text[i] != ')' && !isBlank(text[i]); i++ {
			}
			if i < len(text) && text[i] == ')' {
				i++
			}
			return i, true
		case c == ':' && i+1 < len(text) && text[i+1] == ':':
			i += 2
		default:
			return i, named
		}
	}
	return i, named
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isBlank(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func isIdent(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}

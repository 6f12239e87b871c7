package postgres

import (
	"strconv"
	"strings"
)

// sqlText is what a scan finds in a statement. It is for messages, names of
// parameters and a first look: what a statement may do, the server decides.
type sqlText struct {
	word      string   // the first one, in upper case, behind comments and opening parentheses
	other     bool     // it begins with something that is no word
	positions int      // the highest n of $n
	names     []string // of parameters, each once, in order
	rewritten string   // with $n for the names
}

var readingWords = wordSet("SELECT VALUES WITH TABLE SHOW EXPLAIN")

var writingWords = wordSet(`ABORT ALTER ANALYZE BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE DECLARE
	DELETE DISCARD DO DROP END EXECUTE FETCH GRANT IMPORT INSERT LISTEN LOAD LOCK MERGE MOVE NOTIFY PREPARE REASSIGN REFRESH
	REINDEX RELEASE RESET REVOKE ROLLBACK SAVEPOINT SECURITY SET START TRUNCATE UNLISTEN UPDATE VACUUM`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(words) {
		set[word] = true
	}
	return set
}

// operators are the characters of which PostgreSQL's operators consist.
const operators = "+-*/<>=~!@#%^&|`?"

// scanSQL reads a statement. Parameters by name are looked for if named: @ and
// a name, where the @ is no part of an operator such as <@.
func scanSQL(sql string, named bool) sqlText {
	var text sqlText
	var out strings.Builder
	numbers := map[string]int{}
	for at := 0; at < len(sql); {
		end := skipToken(sql, at)
		token := sql[at:end]
		switch {
		case isSpace(token[0]) || strings.HasPrefix(token, "--") || strings.HasPrefix(token, "/*"):
		case token[0] == '$' && len(token) > 1 && isDigit(token[1]) && !isWordByte(byteBefore(sql, at)):
			n, _ := strconv.Atoi(token[1:])
			text.positions = max(text.positions, n)
		case named && token[0] == '@' && len(token) > 1 && !strings.ContainsRune(operators, rune(byteBefore(sql, at))):
			name := token[1:]
			if numbers[name] == 0 {
				text.names = append(text.names, name)
				numbers[name] = len(text.names)
			}
			token = "$" + strconv.Itoa(numbers[name])
			text.other = text.other || text.word == ""
		case text.word == "" && !text.other && wordLength(token) == len(token) && !isDigit(token[0]):
			text.word = strings.ToUpper(token)
		case text.word == "" && token[0] != '(' && token[0] != ';':
			text.other = true
		}
		out.WriteString(token)
		at = end
	}
	text.rewritten = out.String()
	return text
}

func byteBefore(sql string, at int) byte {
	if at == 0 {
		return ' '
	}
	return sql[at-1]
}

// skipToken returns the end of the token that begins at a place: a comment, a
// text in quotes of any kind, a word, a parameter, or one byte.
func skipToken(sql string, at int) int {
	rest := sql[at:]
	switch c := rest[0]; {
	case strings.HasPrefix(rest, "--"):
		return at + untilByte(rest, '\n')
	case strings.HasPrefix(rest, "/*"):
		return at + skipComment(rest)
	case c == '\'' || c == '"':
		return at + skipQuoted(rest, false)
	case c == '$' || c == '@':
		if tag := dollarTag(rest); tag != "" && !isWordByte(byteBefore(sql, at)) {
			if end := strings.Index(rest[len(tag):], tag); end >= 0 {
				return at + end + 2*len(tag)
			}
			return len(sql)
		}
		return at + 1 + wordLength(rest[1:])
	case isWordByte(c):
		n := wordLength(rest)
		if n == 1 && (c == 'E' || c == 'e') && len(rest) > 1 && rest[1] == '\'' {
			return at + 1 + skipQuoted(rest[1:], true)
		}
		return at + n
	}
	return at + 1
}

func untilByte(text string, c byte) int {
	if n := strings.IndexByte(text, c); n >= 0 {
		return n + 1
	}
	return len(text)
}

// skipComment returns the length of a comment, in which others may be.
func skipComment(text string) int {
	depth := 0
	for at := 0; at < len(text); {
		switch {
		case strings.HasPrefix(text[at:], "/*"):
			depth++
			at += 2
		case strings.HasPrefix(text[at:], "*/"):
			depth--
			at += 2
			if depth == 0 {
				return at
			}
		default:
			at++
		}
	}
	return len(text)
}

// skipQuoted returns the length of a text in the quotes that it begins with. A
// doubled quote goes on as another text, which is the same.
func skipQuoted(text string, backslashes bool) int {
	for at := 1; at < len(text); at++ {
		if backslashes && text[at] == '\\' {
			at++
		} else if text[at] == text[0] {
			return at + 1
		}
	}
	return len(text)
}

// dollarTag returns the $tag$ that a text begins with, or "".
func dollarTag(text string) string {
	if text[0] != '$' {
		return ""
	}
	n := 1
	for n < len(text) && isWordByte(text[n]) && text[n] != '$' && (n > 1 || !isDigit(text[n])) {
		n++
	}
	if n < len(text) && text[n] == '$' {
		return text[:n+1]
	}
	return ""
}

func wordLength(text string) int {
	n := 0
	for n < len(text) && isWordByte(text[n]) {
		n++
	}
	return n
}

func isWordByte(c byte) bool {
	return c == '_' || c >= 0x80 || isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

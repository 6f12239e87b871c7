package spec

import "strings"

// usualForms reports, by pattern, whether a value has the form that almost all
// values have. If so, it matches the pattern; otherwise the pattern decides. A
// regular expression takes ten times as long, which is a tenth of the time for
// reading a spec.
var usualForms = map[string]func(string) bool{
	namePattern:   isSnake,
	domainPattern: isSnakeWord,
	tagPattern:    isSnakeWord,
	idPattern:     isUsualID,
	noneOrID:      func(s string) bool { return s == "" || isUsualID(s) },
	pathPattern:   isUsualPath,
	noneOrPath:    func(s string) bool { return s == "" || isUsualPath(s) },
}

// isSnakeWord reports whether a text is a letter followed by letters and
// digits.
func isSnakeWord(s string) bool { return isSnake(s) && strings.IndexByte(s, '_') < 0 }

// isSnake reports whether a text consists of words of letters and digits,
// joined by single underscores, the first beginning with a letter.
func isSnake(s string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '_' && i+1 < len(s) && s[i+1] != '_':
		default:
			return false
		}
	}
	return true
}

// isUsualID reports whether a text is name_go_domain.
func isUsualID(s string) bool {
	i := strings.LastIndexByte(s, '_')
	if i < 0 {
		return false
	}
	name, ok := strings.CutSuffix(s[:i], "_go")
	return ok && isSnake(name) && isSnakeWord(s[i+1:])
}

// isUsualPath reports whether a text consists of elements of letters, digits,
// dots, dashes and underscores between slashes, none beginning with a dot.
func isUsualPath(s string) bool {
	start := true
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
			start = false
		case c == '.' && !start:
		case c == '/' && !start:
			start = true
		default:
			return false
		}
	}
	return !start
}

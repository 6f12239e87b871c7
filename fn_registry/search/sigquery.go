package search

import (
	"errors"
	"go/parser"
	"strings"
)

// looksLikeSignature reports whether a query is a signature rather than words.
func looksLikeSignature(text string) bool {
	if strings.HasPrefix(text, "(") || strings.Contains(text, "->") {
		return true
	}
	rest, ok := strings.CutPrefix(text, "func")
	if !ok {
		return false
	}
	trimmed := strings.TrimLeft(rest, " \t")
	if strings.HasPrefix(trimmed, "(") || strings.HasPrefix(trimmed, "[") {
		return true
	}
	n := 0
	for n < len(trimmed) && isNameByte(trimmed[n]) {
		n++
	}
	return len(trimmed) < len(rest) && n > 0 && n < len(trimmed) && (trimmed[n] == '(' || trimmed[n] == '[')
}

func parseQuerySignature(text string) (Signature, error) {
	switch {
	case len(text) > maxSignature:
		return Signature{}, errors.New("longer than 4096 bytes")
	case strings.Contains(text, "->"):
		return parseArrows(text)
	case strings.HasPrefix(text, "(") && !method(text):
		text = "func" + text
	case strings.HasPrefix(text, "("):
		text = "func " + text
	case !strings.HasPrefix(text, "func"):
		return Signature{}, errors.New("it starts with neither func nor a parenthesis and has no arrow")
	}
	text = named(text)
	s, err := parseAsTyped(text, len(text))
	if err == nil && len(s.results) == 0 {
		s.anyResults = true
	}
	return s, err
}

// parseAsTyped parses a declaration that may be incomplete, or may name some
// parameters and not others; the user typed up to typed.
func parseAsTyped(text string, typed int) (Signature, error) {
	s, err := parseGo(text, true, typed)
	if err == nil {
		return s, nil
	}
	cut := strings.TrimRight(text, " \t\r\n.,*<-")
	closers, holes := unclosed(cut)
	for _, end := range []string{closers, " _" + closers, holes} {
		for _, try := range []string{cut + end, unnamed(cut + end)} {
			s, tryErr := parseGo(try, true, len(try)-len(end))
			if tryErr != nil {
				continue
			}
			if closers != "" && len(s.params) == 0 && len(s.results) == 0 {
				s.anyParams = true // nothing yet after the parenthesis
			}
			return s, nil
		}
	}
	return Signature{}, err
}

// unclosed returns the text that closes the brackets open at the end of text;
// in holes, a type follows each closed [.
func unclosed(text string) (closers, holes string) {
	var stack []byte
	for i := range len(text) {
		switch c := text[i]; c {
		case '(':
			stack = append(stack, ')')
		case '[':
			stack = append(stack, ']')
		case '{':
			stack = append(stack, '}')
		case ')', ']', '}':
			if len(stack) > 0 && stack[len(stack)-1] == c {
				stack = stack[:len(stack)-1]
			}
		}
	}
	for i := len(stack) - 1; i >= 0; i-- {
		closers += string(stack[i])
		holes += string(stack[i])
		if stack[i] == ']' {
			holes += "_"
		}
	}
	return closers, holes
}

// parseArrows reads (string, int) -> error, and string -> int -> error.
func parseArrows(text string) (Signature, error) {
	sides := splitTop(text, "->")
	last := len(sides) - 1
	if last == 0 {
		return Signature{}, errors.New("the arrow is inside brackets")
	}
	params, results := joinSides(sides, 0)
	decl := "func _(" + params + ") (" + results
	typed := len(decl)
	if open, _ := unclosed(results); open == "" {
		decl += ")"
	}
	s, err := parseAsTyped(decl, typed)
	s.anyParams = last == 1 && strings.TrimSpace(sides[0]) == ""
	s.anyResults = strings.TrimSpace(sides[last]) == ""
	return s, err
}

// joinSides makes a parameter list of all sides but the last, which holds the
// results.
func joinSides(sides []string, depth int) (params, results string) {
	var lists []string
	for _, side := range sides[:len(sides)-1] {
		if list := bare(side, depth); list != "" {
			lists = append(lists, list)
		}
	}
	return strings.Join(lists, ", "), bare(sides[len(sides)-1], depth)
}

// bare removes the parentheses of a list. A function in parentheses, (T ->
// bool), becomes func(T) (bool).
func bare(list string, depth int) string {
	list = strings.TrimSpace(list)
	if strings.HasPrefix(list, "(") && matching(list, 0) == len(list)-1 {
		list = list[1 : len(list)-1]
		if sides := splitTop(list, "->"); len(sides) > 1 && depth < maxTypeDepth {
			params, results := joinSides(sides, depth+1)
			return "func(" + params + ") (" + results + ")"
		}
	}
	return strings.Trim(list, " ,")
}

// splitTop splits text at a separator that is not inside brackets.
func splitTop(text, sep string) []string {
	var out []string
	depth, start := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
		if depth == 0 && strings.HasPrefix(text[i:], sep) {
			out = append(out, text[start:i])
			i += len(sep) - 1
			start = i + 1
		}
	}
	return append(out, text[start:])
}

// unnamed drops the names from the parameters of a declaration that names only
// some of them, which Go does not allow.
func unnamed(text string) string {
	open := strings.IndexByte(text, '(')
	if open < 0 {
		return text
	}
	end := matching(text, open)
	if end < 0 {
		return text
	}
	pieces := splitTop(text[open+1:end], ",")
	for i, p := range pieces {
		p = strings.TrimSpace(p)
		if name, typ, ok := strings.Cut(p, " "); ok && isName(name) {
			if _, err := parser.ParseExpr(p); err != nil {
				p = strings.TrimSpace(typ)
			}
		}
		pieces[i] = p
	}
	return text[:open+1] + strings.Join(pieces, ", ") + text[end:]
}

func isName(s string) bool {
	for i := range len(s) {
		if !isNameByte(s[i]) {
			return false
		}
	}
	return s != ""
}

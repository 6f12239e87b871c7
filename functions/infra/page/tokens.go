package page

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is a piece of code. Its class is a letter used by the style sheet.
type token struct {
	class byte
	text  string
}

const (
	plain      = ' '
	identifier = 'x'
	keyword    = 'k'
	typeName   = 't'
	literal    = 's'
	digits     = 'd'
	comment    = 'c'
)

// language is what the highlighter needs to know about one.
type language struct {
	keywords     string // with spaces around each
	types        string
	line         []string // start of a comment that extends to the end of its line
	block        [2]string
	quotes       string // quotes of strings with \ as escape
	raw          string // quotes of multi-line strings without escapes
	ignoreCase   bool
	hyphenInName bool
}

var languages = map[string]*language{
	"go": {
		keywords: " break case chan const continue default defer else fallthrough for func go goto if import interface map package range return " +
			"select struct switch type var nil true false iota ",
		types: " any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune string uint uint8 uint16 " +
			"uint32 uint64 uintptr ",
		line: []string{"//"}, block: [2]string{"/*", "*/"}, quotes: `"'`, raw: "`",
	},
	"json": {keywords: " true false null ", quotes: `"`},
	"yaml": {keywords: " true false null ", line: []string{"#"}, quotes: `"'`, hyphenInName: true},
	"sql": {
		keywords: " add all alter and as asc begin between by case check commit constraint create cross default delete desc distinct drop else end " +
			"except exists explain foreign from full group having if in index inner insert intersect into is join key left like limit not null " +
			"offset on or order outer over partition primary references returning right rollback select set table then to transaction trigger " +
			"union unique update using values view when where window with ",
		types: " bigint blob boolean bytea date double int integer json jsonb numeric real serial text timestamp timestamptz uuid varchar ",
		line:  []string{"--"}, block: [2]string{"/*", "*/"}, raw: `'"`, ignoreCase: true,
	},
	"sh": {
		keywords: " case do done elif else esac exit export fi for function if in local return set then until while ",
		line:     []string{"#"}, quotes: `"`, raw: "'", hyphenInName: true,
	},
	"python": {
		keywords: " and as assert async await break class continue def del elif else except finally for from global if import in is lambda " +
			"nonlocal not or pass raise return try while with yield None True False ",
		types: " bool bytes dict float int list set str tuple ",
		line:  []string{"#"}, quotes: `"'`,
	},
	"javascript": {
		keywords: " async await break case catch class const continue default delete do else export extends false finally for from function if " +
			"import in instanceof let new null of return static super switch this throw true try typeof undefined var void while yield ",
		line: []string{"//"}, block: [2]string{"/*", "*/"}, quotes: `"'`, raw: "`",
	},
}

// tokens splits a text into tokens that, joined, are the text again. A nil
// language gives one token.
func tokens(text string, l *language) []token {
	if l == nil {
		return []token{{plain, text}}
	}
	var all []token
	for text != "" {
		t := l.next(text)
		text = text[len(t.text):]
		if last := len(all) - 1; last >= 0 && t.class == plain && all[last].class == plain {
			all[last].text += t.text
			continue
		}
		all = append(all, t)
	}
	return all
}

// next returns the first token of a text.
func (l *language) next(text string) token {
	for _, mark := range l.line {
		if strings.HasPrefix(text, mark) {
			return token{comment, text[:upTo(text, "\n", 0)]}
		}
	}
	if l.block[0] != "" && strings.HasPrefix(text, l.block[0]) {
		return token{comment, text[:upTo(text[len(l.block[0]):], l.block[1], len(l.block[1]))+len(l.block[0])]}
	}
	r, size := utf8.DecodeRuneInString(text)
	switch {
	case strings.ContainsRune(l.raw, r):
		return token{literal, text[:size+upTo(text[size:], string(r), size)]}
	case strings.ContainsRune(l.quotes, r):
		return token{literal, text[:quoted(text, byte(r))]}
	case unicode.IsDigit(r):
		return token{digits, text[:while(text, func(r rune) bool { return r == '.' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) })]}
	case unicode.IsLetter(r) || r == '_':
		return l.word(text)
	}
	return token{plain, text[:size]}
}

func (l *language) word(text string) token {
	word := text[:while(text, func(r rune) bool {
		return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || l.hyphenInName && r == '-'
	})]
	known := " " + word + " "
	if l.ignoreCase {
		known = strings.ToLower(known)
	}
	switch {
	case strings.Contains(l.keywords, known):
		return token{keyword, word}
	case strings.Contains(l.types, known):
		return token{typeName, word}
	}
	// core.Error is one identifier: the Link function needs the package.
	if after, ok := strings.CutPrefix(text[len(word):], "."); ok {
		if r, _ := utf8.DecodeRuneInString(after); unicode.IsUpper(r) {
			more := while(after, func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) })
			word = text[:len(word)+1+more]
		}
	}
	return token{identifier, word}
}

// upTo returns the end of mark in text, plus more; the length of text if mark
// is missing.
func upTo(text, mark string, more int) int {
	if at := strings.Index(text, mark); at >= 0 {
		return at + more
	}
	return len(text)
}

// quoted returns the length of the literal at the start of text, up to its
// closing quote or the end of the line.
func quoted(text string, quote byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '\n':
			return i
		case quote:
			return i + 1
		}
	}
	return len(text)
}

func while(text string, is func(rune) bool) int {
	if at := strings.IndexFunc(text, func(r rune) bool { return !is(r) }); at >= 0 {
		return at
	}
	return len(text)
}

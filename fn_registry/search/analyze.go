package search

import (
	"unicode"
	"unicode/utf8"
)

// maxWord is the length in bytes to which a part of an identifier is cut:
// longer ones are encoded data, which nobody types.
const maxWord = 64

type class uint8

const (
	separator class = iota
	lower           // includes letters without case, and marks
	upper
	digit
)

var asciiClass = func() (t [utf8.RuneSelf]class) {
	for c := range t {
		switch {
		case 'a' <= c && c <= 'z':
			t[c] = lower
		case 'A' <= c && c <= 'Z':
			t[c] = upper
		case '0' <= c && c <= '9':
			t[c] = digit
		}
	}
	return t
}()

func classOf(r rune) class {
	switch {
	case r < utf8.RuneSelf:
		return asciiClass[r]
	case r == utf8.RuneError:
		return separator
	case unicode.IsUpper(r), unicode.IsTitle(r):
		return upper
	case unicode.IsLetter(r), unicode.IsMark(r):
		return lower
	case unicode.IsNumber(r):
		return digit
	}
	return separator
}

// analyzer splits a text into identifiers and these into parts:
// FileWriteAtomic, file_write_atomic and file-write-atomic are each one
// identifier of three parts.
type analyzer struct {
	buf  []byte // the identifier, folded, without its joiners
	ends []int  // where each part ends in buf
	from []int  // where each part starts in the text
	to   []int  // where each part ends in the text
}

func (a *analyzer) parts() int { return len(a.ends) }

// run returns the parts from i to before j, joined.
func (a *analyzer) run(i, j int) []byte {
	start := 0
	if i > 0 {
		start = a.ends[i-1]
	}
	return a.buf[start:a.ends[j-1]]
}

// next reads the first identifier at or after pos and returns its end; false at
// the end of the text.
func (a *analyzer) next(text string, pos int) (int, bool) {
	a.buf, a.ends, a.from, a.to = a.buf[:0], a.ends[:0], a.from[:0], a.to[:0]
	for pos < len(text) {
		r, size := decode(text, pos)
		if classOf(r) != separator {
			pos = a.identifier(text, pos)
			if len(a.ends) > 0 {
				return pos, true
			}
			continue // accents alone
		}
		pos += size
	}
	return pos, false
}

// identifier reads the identifier that starts at pos.
func (a *analyzer) identifier(text string, pos int) int {
	before, start := separator, pos
	for pos < len(text) {
		if n := smallLetters(text[pos:]); n > 0 {
			room := max(maxWord-(len(a.buf)-a.lastEnd()), 0)
			a.buf = append(a.buf, text[pos:pos+min(n, room)]...)
			before, pos = lower, pos+n
			continue
		}
		r, size := decode(text, pos)
		c := classOf(r)
		if c == separator {
			skip := a.joiner(text, pos, r)
			if skip == 0 {
				break
			}
			if r == '_' || r == '-' {
				a.cut(start, pos)
				start, before = pos+skip, separator
			}
			pos += skip
			continue
		}
		if c == upper && (before == lower || before == digit || before == upper && startsWord(text, pos+size)) {
			a.cut(start, pos)
			start = pos
		}
		if len(a.buf)-a.lastEnd() < maxWord {
			a.buf = appendFolded(a.buf, r)
		}
		before, pos = c, pos+size
	}
	a.cut(start, pos)
	return pos
}

// smallLetters returns how many plain lower-case letters a text begins with:
// most of any text, and unchanged by folding.
func smallLetters(text string) int {
	n := 0
	for n < len(text) && 'a' <= text[n] && text[n] <= 'z' {
		n++
	}
	return n
}

// joiner returns the length of the joiner at pos inside an identifier (a
// hyphen, an underscore, an apostrophe), or 0 where the identifier ends. The 's
// of "the unit's" is skipped whole.
func (a *analyzer) joiner(text string, pos int, r rune) int {
	size := utf8.RuneLen(r)
	switch r {
	case '_', '-', '\'', '’':
	default:
		return 0
	}
	if pos+size >= len(text) {
		return 0
	}
	next, nextSize := decode(text, pos+size)
	c := classOf(next)
	if r == '_' || r == '-' {
		if c == separator {
			return 0
		}
		return size
	}
	if c != lower && c != upper {
		return 0
	}
	if next == 's' && classAt(text, pos+size+nextSize) == separator {
		return size + nextSize
	}
	return size
}

func (a *analyzer) cut(from, to int) {
	if len(a.buf) > a.lastEnd() {
		a.ends, a.from, a.to = append(a.ends, len(a.buf)), append(a.from, from), append(a.to, to)
	}
}

func (a *analyzer) lastEnd() int {
	if len(a.ends) == 0 {
		return 0
	}
	return a.ends[len(a.ends)-1]
}

// startsWord reports whether a capital that is between capitals and text[pos:]
// begins a part: as in HTTPServe, but not the L of "URLs".
func startsWord(text string, pos int) bool {
	if classAt(text, pos) != lower {
		return false
	}
	return text[pos] != 's' || classAt(text, pos+1) == lower
}

func classAt(text string, pos int) class {
	if pos >= len(text) {
		return separator
	}
	r, _ := decode(text, pos)
	return classOf(r)
}

func decode(text string, pos int) (rune, int) {
	if c := text[pos]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	return utf8.DecodeRuneInString(text[pos:])
}

// squash joins all identifiers of the text: "File write-atomic" is
// filewriteatomic.
func (a *analyzer) squash(dst []byte, text string) []byte {
	for pos, ok := a.next(text, 0); ok; pos, ok = a.next(text, pos) {
		dst = append(dst, a.buf...)
	}
	return dst
}

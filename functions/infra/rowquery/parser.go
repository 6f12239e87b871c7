package rowquery

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"fnregistry.dev/functions/core"
)

// maxText bounds what is parsed, in bytes.
const maxText = 64 << 10

// parser walks through one parameter's text. After the first error its methods
// read nothing more.
type parser struct {
	op    string
	text  string
	at    int
	count int // comparisons read
	err   error
}

func newParser(op, text string) *parser {
	p := &parser{op: op, text: text}
	switch {
	case len(text) > maxText:
		p.failAt(0, fmt.Sprintf("%d bytes are too long", len(text)), fmt.Sprintf("at most %d", maxText))
	case strings.ContainsRune(text, 0) || !utf8.ValidString(text):
		p.failAt(0, "has a NUL or is not UTF-8", "")
	}
	return p
}

// maxColumns bounds the columns of an order and of a selection.
const maxColumns = 100

// parseList reads all of text as columns with commas between them, of which one
// reads each. "" is nil.
func parseList[T any](op, text string, one func(*parser) T) ([]T, error) {
	if text == "" {
		return nil, nil
	}
	p := newParser(op, text)
	var list []T
	for p.err == nil {
		list = append(list, one(p))
		if len(list) > maxColumns {
			p.fail(fmt.Sprintf("more than %d columns", maxColumns), "")
		}
		if !p.take(",") {
			break
		}
	}
	p.end()
	if p.err != nil {
		return nil, p.err
	}
	return list, nil
}

// rest is what is still to be read, nothing after an error.
func (p *parser) rest() string {
	if p.err != nil {
		return ""
	}
	return p.text[p.at:]
}

// take reads token if it comes next.
func (p *parser) take(token string) bool {
	if !strings.HasPrefix(p.rest(), token) {
		return false
	}
	p.at += len(token)
	return true
}

// expect reads token, which must come next.
func (p *parser) expect(token string) {
	if p.err == nil && !p.take(token) {
		p.fail(token+" is missing", "")
	}
}

// end checks that everything was read.
func (p *parser) end() {
	if p.rest() != "" {
		p.fail("unexpected text", "")
	}
}

// word reads the ASCII letters that come next.
func (p *parser) word() string {
	rest := p.rest()
	n := 0
	for n < len(rest) && ('a' <= rest[n] && rest[n] <= 'z' || 'A' <= rest[n] && rest[n] <= 'Z' || rest[n] == '_') {
		n++
	}
	p.at += n
	return rest[:n]
}

// quoted reads a text in double quotes, in which \ makes the next byte literal.
func (p *parser) quoted() string {
	p.expect(`"`)
	start, rest := p.at, p.rest()
	var b strings.Builder
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			p.at += i + 1
			return b.String()
		case c == '\\' && i+1 < len(rest):
			i++
			b.WriteByte(rest[i])
		default:
			b.WriteByte(c)
		}
	}
	if p.err == nil {
		p.failAt(start-1, `the closing " is missing`, "")
	}
	return ""
}

func (p *parser) fail(message, hint string) { p.failAt(p.at, message, hint) }

// failAt notes the first error, with the text at its place.
func (p *parser) failAt(at int, message, hint string) {
	if p.err != nil {
		return
	}
	if near := core.TerminalText(clip(p.text[at:])); near != "" {
		message = fmt.Sprintf("%s at %q", message, near)
	}
	p.err = &core.Error{Code: core.CodeInvalid, Op: p.op, Message: message, Hint: hint}
}

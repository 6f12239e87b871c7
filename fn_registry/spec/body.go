package spec

import (
	"go/scanner"
	"go/token"
	"strings"
)

// SectionKind says which of a unit's sections a part of the body is.
type SectionKind string

// The kinds of sections.
const (
	SectionExample   SectionKind = "example"
	SectionWhenToUse SectionKind = "when-to-use"
	SectionGotchas   SectionKind = "gotchas"
	SectionOther     SectionKind = "other"
)

// headings are the headings of the sections, lower case. The Spanish ones are
// read as the same sections.
var headings = map[string]SectionKind{
	"example": SectionExample, "examples": SectionExample, "ejemplo": SectionExample, "ejemplos": SectionExample,
	"when to use": SectionWhenToUse, "when to use it": SectionWhenToUse,
	"cuando usarla": SectionWhenToUse, "cuándo usarla": SectionWhenToUse,
	"cuando usarlo": SectionWhenToUse, "cuándo usarlo": SectionWhenToUse,
	"gotcha": SectionGotchas, "gotchas": SectionGotchas,
}

// Body is the Markdown after the frontmatter.
type Body struct {
	Start    Pos // of the line after the closing fence
	Text     string
	Sections []Section

	offset int
	open   Pos // of an unclosed code fence
}

// Section is a part of the body: a heading and what follows it up to the next
// one. A section of a known kind includes the deeper headings in it. What
// stands before the first heading is a section of kind other, without a
// heading.
type Section struct {
	Kind    SectionKind
	Heading string // without the #s
	Level   int    // number of #s; 0 without a heading
	Pos     Pos    // of the heading, or of the text if there is none
	Text    string // Markdown after the heading's line
	Code    []CodeBlock
}

// CodeBlock is a fenced block of code.
type CodeBlock struct {
	Lang string // first word after the fence, lower case
	Text string // without the fences; the fence's own indentation is removed from each line
	Pos  Pos    // of the first character of Text
}

// parseBody splits the body into sections, line by line. It handles headings
// that start with # and fenced code, which is all that a spec needs; an
// underlined heading counts as text.
func parseBody(d *Document, offset int) Body {
	b := Body{Start: d.pos(offset), Text: string(d.src[offset:]), offset: offset}
	p := bodyParser{body: &b, cur: Section{Kind: SectionOther, Pos: b.Start}}
	line := b.Start.Line
	for rest := b.Text; rest != ""; line++ {
		var text string
		if i := strings.IndexByte(rest, '\n'); i >= 0 {
			text, rest = rest[:i+1], rest[i+1:]
		} else {
			text, rest = rest, ""
		}
		p.line(text, line)
		p.at += len(text)
	}
	if p.fence != "" {
		b.open = p.opened
	}
	p.endCode()
	p.endSection()
	return b
}

type bodyParser struct {
	body  *Body
	at    int // offset of the line in the body's text
	start int // of the section's text
	cur   Section

	fence  string // the open code block's fence, or empty
	opened Pos
	indent int // of that fence
	code   CodeBlock
	text   strings.Builder
}

func (p *bodyParser) line(text string, line int) {
	trimmed := strings.TrimLeft(text, " \t")
	indent := len(text) - len(trimmed)
	trimmed = strings.TrimRight(trimmed, " \t\r\n")
	switch {
	case p.fence != "":
		if strings.HasPrefix(trimmed, p.fence) && strings.Trim(trimmed, p.fence[:1]) == "" {
			p.endCode()
			return
		}
		own := min(p.indent, indent)
		if p.code.Pos.Line == line {
			p.code.Pos.Column = own + 1
		}
		p.text.WriteString(text[own:])
	case strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~"):
		mark := len(trimmed) - len(strings.TrimLeft(trimmed, trimmed[:1]))
		if trimmed[0] == '`' && strings.Contains(trimmed[mark:], "`") {
			return // code within a line
		}
		lang, _, _ := strings.Cut(strings.TrimSpace(trimmed[mark:]), " ")
		p.fence, p.indent, p.opened = trimmed[:mark], indent, Pos{Line: line, Column: indent + 1}
		p.code = CodeBlock{Lang: strings.ToLower(lang), Pos: Pos{Line: line + 1, Column: 1}}
	case indent <= 3:
		if level, heading := headingOf(trimmed); level > 0 {
			p.heading(level, heading, Pos{Line: line, Column: indent + 1}, len(text))
		}
	}
}

func (p *bodyParser) endCode() {
	if p.fence == "" {
		return
	}
	p.code.Text = p.text.String()
	p.cur.Code = append(p.cur.Code, p.code)
	p.fence = ""
	p.text = strings.Builder{}
}

// headingOf returns the level and text of a heading, without trailing #s; level
// 0 if the line is not a heading.
func headingOf(line string) (int, string) {
	text := strings.TrimLeft(line, "#")
	level := len(line) - len(text)
	if level < 1 || level > 6 || text != "" && text[0] != ' ' && text[0] != '\t' {
		return 0, ""
	}
	text = strings.TrimSpace(text)
	if closed := strings.TrimRight(text, "#"); closed == "" || strings.HasSuffix(closed, " ") {
		text = strings.TrimSpace(closed)
	}
	return level, text
}

func sectionKind(heading string) SectionKind {
	if kind, ok := headings[strings.ToLower(strings.Trim(heading, " *_:"))]; ok {
		return kind
	}
	return SectionOther
}

func (p *bodyParser) heading(level int, text string, pos Pos, length int) {
	kind := sectionKind(text)
	if kind == SectionOther && p.cur.Kind != SectionOther && level > p.cur.Level {
		return // part of the section
	}
	p.endSection()
	p.cur = Section{Kind: kind, Heading: text, Level: level, Pos: pos}
	p.start = p.at + length
}

func (p *bodyParser) endSection() {
	p.cur.Text = p.body.Text[p.start:p.at]
	if p.cur.Level > 0 || strings.TrimSpace(p.cur.Text) != "" {
		p.body.Sections = append(p.body.Sections, p.cur)
	}
}

// validateBody reports sections that are missing or empty.
func (d *Document) validateBody() {
	for _, want := range []struct {
		kind       SectionKind
		name, hint string
	}{
		{SectionExample, "Example", "show a call in a fenced block of Go"},
		{SectionWhenToUse, "When to use", "say when to take this unit, and what it does not do"},
		{SectionGotchas, "Gotchas", "list what would bite a caller"},
	} {
		s, ok := d.Section(want.kind)
		switch {
		case !ok:
			d.problem(RuleBody, d.Body.offset, "", "the section "+want.name+" is missing", "add a heading ## "+want.name+"; "+want.hint)
		case blank(s.Text):
			d.problemAt(RuleBody, s.Pos, "", "the section "+want.name+" is empty", want.hint)
		case want.kind == SectionExample:
			d.validateExample(s)
		}
	}
	if d.Body.open.Line > 0 {
		d.problemAt(RuleBody, d.Body.open, "", "the code fence is not closed", "end the block with a line of the same marks")
	}
}

// validateExample reports an Example that does not name its unit. Whether it
// compiles, and what it prints, is checked elsewhere.
func (d *Document) validateExample(s Section) {
	symbol := symbolOf(d.Spec.Signature)
	if d.Spec.Kind == KindType || symbol == "" {
		return
	}
	for _, c := range s.Code {
		if (c.Lang == "go" || c.Lang == "golang") && namesIdentifier(c.Text, symbol) {
			return
		}
	}
	d.problemAt(RuleBody, s.Pos, "", "the Example does not call "+symbol, "show a call of it in a fenced block of Go, not in a comment")
}

// symbolOf returns the name that a function's signature declares.
func symbolOf(signature string) string {
	rest, ok := strings.CutPrefix(signature, "func ")
	if !ok {
		return ""
	}
	if strings.HasPrefix(rest, "(") {
		if _, rest, ok = strings.Cut(rest, ") "); !ok {
			return ""
		}
	}
	if i := strings.IndexAny(rest, "[("); i > 0 {
		return rest[:i]
	}
	return ""
}

// namesIdentifier reports whether Go code contains an identifier, outside of
// comments and strings.
func namesIdentifier(code, name string) bool {
	if !strings.Contains(code, name) {
		return false
	}
	var s scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(code))
	s.Init(file, []byte(code), func(token.Position, string) {}, 0)
	for {
		switch _, tok, text := s.Scan(); {
		case tok == token.EOF:
			return false
		case tok == token.IDENT && text == name:
			return true
		}
	}
}

// blank reports whether Markdown has no content: no text outside comments.
func blank(text string) bool {
	for {
		before, rest, found := strings.Cut(text, "<!--")
		if strings.TrimSpace(before) != "" {
			return false
		}
		if !found {
			return true
		}
		if _, text, found = strings.Cut(rest, "-->"); !found {
			return true
		}
	}
}

package markdown

import (
	"strconv"
	"strings"
)

// kind is what a block is.
type kind uint8

const (
	document kind = iota
	quote
	list
	item
	paragraph
	heading
	code
	rule
	comment
	table
)

// block is a node of the tree of a text's blocks.
type block struct {
	kind     kind
	parent   *block
	children []*block
	open     bool // lines may still be added
	line     int  // where it begins
	blankEnd bool // its last line was blank
	text     strings.Builder
	tabular  bool // a paragraph that ends in a table

	level int // of a heading, 1 to 6

	fence       byte // of code: '`' or '~'; 0: it is indented
	fenceLen    int
	fenceIndent int
	info        string

	marker byte // of a list and its items: '-', '+', '*', '.' or ')'
	start  int  // the number of an ordered list's first item
	pad    int  // of an item: the column where its content begins
	tight  bool // of a list: no blank line between its contents

	rows   [][]string // of a table; the first one is its head
	aligns []string   // of a table's columns: "", "left", "center" or "right"
}

func (b *block) last() *block {
	if len(b.children) == 0 {
		return nil
	}
	return b.children[len(b.children)-1]
}

// holds reports whether a block of a kind may be in b.
func (b *block) holds(k kind) bool {
	switch b.kind {
	case document, quote, item:
		return k != item
	case list:
		return k == item
	}
	return false
}

func (b *block) takesLines() bool {
	return b.kind == paragraph || b.kind == code || b.kind == comment
}

// maxDepth limits the nesting of quotes and lists. Deeper ones are text.
const maxDepth = 64

// parser reads a text line by line: which open blocks a line continues, which
// ones it begins, and what remains as text. The appendix of the CommonMark
// specification describes this strategy.
type parser struct {
	doc, tip  *block // tip is the innermost open block
	oldTip    *block // before this line
	matched   *block // the last block that this line continues
	allClosed bool   // blocks that the line does not continue are closed
	refs      *references

	number     int // of the line
	line       string
	pos, col   int  // the position, in bytes and in columns
	partialTab bool // pos is at a tab of which some columns have been read
	done       bool // the line is used up

	// The first non-space byte at or after pos, and the columns to it.
	next, nextCol, indent int
	blank                 bool
}

func parse(text string) *parser {
	doc := &block{kind: document, open: true}
	p := &parser{doc: doc, tip: doc, refs: &references{links: map[string]link{}, left: maxRendered}}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		p.number++
		p.readLine(line)
	}
	for p.tip != nil {
		p.close(p.tip)
	}
	return p
}

// look finds what follows pos.
func (p *parser) look() {
	i, col := p.pos, p.col
	for ; i < len(p.line); i++ {
		if p.line[i] == '\t' {
			col += 4 - col%4
		} else if p.line[i] == ' ' {
			col++
		} else {
			break
		}
	}
	p.next, p.nextCol, p.indent, p.blank = i, col, col-p.col, i == len(p.line)
}

// peek returns a byte of the line, 0 at its end.
func (p *parser) peek(i int) byte {
	if i < len(p.line) {
		return p.line[i]
	}
	return 0
}

// skip reads n bytes.
func (p *parser) skip(n int) {
	p.pos += n
	p.col += n
	p.partialTab = false
}

// skipSpaces reads up to n columns of white space.
func (p *parser) skipSpaces(n int) {
	for n > 0 && isBlank(p.peek(p.pos)) {
		width := 1
		if p.line[p.pos] == '\t' {
			width = 4 - p.col%4
		}
		p.partialTab = width > n
		if p.partialTab {
			p.col += n
			return
		}
		p.col += width
		p.pos++
		n -= width
	}
}

func (p *parser) skipIndent() { p.pos, p.col, p.partialTab = p.next, p.nextCol, false }

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// readLine adds a line to the tree.
func (p *parser) readLine(line string) {
	p.line, p.pos, p.col, p.partialTab, p.done = line, 0, 0, false, false
	p.oldTip = p.tip
	b := p.doc
	for b.last() != nil && b.last().open {
		p.look()
		if !p.continues(b.last()) {
			break
		}
		if p.done {
			return
		}
		b = b.last()
	}
	p.matched, p.allClosed = b, b == p.oldTip
	for !p.done && (b.kind == paragraph || !b.takesLines()) {
		p.look()
		begun := p.begin(b)
		if begun == nil {
			break
		}
		b = begun
	}
	p.look()
	if p.done {
		p.noteBlank(b)
		return
	}
	if !p.allClosed && !p.blank && p.tip.kind == paragraph {
		p.addLine() // a lazy continuation
		return
	}
	p.closeUnmatched()
	p.noteBlank(b)
	switch {
	case b.takesLines():
		p.addLine()
		if b.kind == comment && strings.Contains(p.line[p.pos:], "-->") {
			p.close(b)
		}
	case !p.blank && b.kind != heading && b.kind != rule:
		p.add(paragraph)
		p.addLine()
	}
}

// noteBlank records what distinguishes loose lists from tight ones.
func (p *parser) noteBlank(b *block) {
	if p.blank && b.last() != nil {
		b.last().blankEnd = true
	}
	blank := p.blank && b.kind != quote && !(b.kind == code && b.fence != 0) &&
		!(b.kind == item && len(b.children) == 0 && b.line == p.number)
	for ; b != nil; b = b.parent {
		b.blankEnd = blank
	}
}

// continues reports whether the line continues an open block, and consumes the
// block's marker.
func (p *parser) continues(b *block) bool {
	switch b.kind {
	case list, comment:
		return true
	case paragraph:
		return !p.blank
	case quote:
		if p.indent > 3 || p.peek(p.next) != '>' {
			return false
		}
		p.quoteMark()
		return true
	case item:
		if p.blank {
			p.skipIndent()
			return len(b.children) > 0
		}
		if p.indent < b.pad {
			return false
		}
		p.skipSpaces(b.pad)
		return true
	case code:
		if b.fence == 0 {
			if p.indent < 4 && !p.blank {
				return false
			}
			p.skipSpaces(4)
			return true
		}
		if p.indent <= 3 && p.closesFence(b) {
			p.oldTip = b
			p.close(b)
			p.done = true
			return true
		}
		p.skipSpaces(b.fenceIndent)
		return true
	}
	return false
}

func (p *parser) quoteMark() {
	p.skipIndent()
	p.skip(1)
	p.skipSpaces(1)
}

func (p *parser) closesFence(b *block) bool {
	rest := strings.TrimRight(p.line[p.next:], " \t")
	return len(rest) >= b.fenceLen && strings.Trim(rest, string(b.fence)) == ""
}

// begin begins a block in b, if the line has the marker of one.
func (p *parser) begin(b *block) *block {
	if p.blank {
		return nil
	}
	if p.indent > 3 {
		if p.tip.kind == paragraph {
			return nil
		}
		p.skipSpaces(4)
		p.closeUnmatched()
		return p.add(code)
	}
	rest := p.line[p.next:]
	switch c := rest[0]; {
	case c == '>' && b.depth() < maxDepth:
		p.closeUnmatched()
		p.quoteMark()
		return p.add(quote)
	case c == '#' && p.beginHeading(rest):
		return p.tip
	case (c == '`' || c == '~') && p.beginFence(rest):
		return p.tip
	case strings.HasPrefix(rest, "<!--"):
		p.closeUnmatched()
		return p.add(comment)
	case b.kind == paragraph && p.underline(b, rest):
		return b
	case isRule(rest):
		p.closeUnmatched()
		p.done = true
		return p.add(rule)
	}
	return p.beginItem(b, rest)
}

func (b *block) depth() (n int) {
	for ; b != nil; b = b.parent {
		n++
	}
	return n
}

// beginHeading begins a heading marked by one to six #.
func (p *parser) beginHeading(rest string) bool {
	text := strings.TrimLeft(rest, "#")
	level := len(rest) - len(text)
	if level > 6 || text != "" && !isBlank(text[0]) {
		return false
	}
	p.closeUnmatched()
	h := p.add(heading)
	h.level = level
	text = strings.Trim(text, " \t")
	if bare := strings.TrimRight(text, "#"); bare == "" || isBlank(bare[len(bare)-1]) {
		text = strings.TrimRight(bare, " \t")
	}
	h.text.WriteString(text)
	p.done = true
	return true
}

// beginFence begins fenced code.
func (p *parser) beginFence(rest string) bool {
	info := strings.TrimLeft(rest, rest[:1])
	n := len(rest) - len(info)
	if n < 3 || rest[0] == '`' && strings.Contains(info, "`") {
		return false
	}
	p.closeUnmatched()
	b := p.add(code)
	b.fence, b.fenceLen, b.fenceIndent = rest[0], n, p.indent
	b.info = unescape(strings.Trim(info, " \t"))
	p.done = true
	return true
}

// underline turns a paragraph into a heading if the line consists of = or -.
func (p *parser) underline(b *block, rest string) bool {
	if p.matched != b {
		return false
	}
	marks := strings.TrimRight(rest, " \t")
	if strings.Trim(marks, "=") != "" && strings.Trim(marks, "-") != "" {
		return false
	}
	if b.tabular {
		return false
	}
	text := p.definitions(b.text.String())
	if _, t := cutTable(text); text == "" || t != nil {
		b.tabular = t != nil
		return false
	}
	b.kind, b.level = heading, 2
	if rest[0] == '=' {
		b.level = 1
	}
	b.text.Reset()
	b.text.WriteString(strings.Trim(text, " \t\n"))
	p.done = true
	return true
}

// isRule reports whether a line is a thematic break: three or more of a mark.
func isRule(rest string) bool {
	if !strings.Contains("*-_", rest[:1]) {
		return false
	}
	n := strings.Count(rest, rest[:1])
	return n >= 3 && strings.Trim(rest, rest[:1]+" \t") == ""
}

// beginItem begins an item, and a new list if it is its first one.
func (p *parser) beginItem(b *block, rest string) *block {
	digits := 0
	for digits < len(rest) && digits < 10 && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	if digits > 9 || digits == len(rest) || b.depth() >= maxDepth {
		return nil
	}
	marker, start := rest[digits], 0
	if digits > 0 {
		start, _ = strconv.Atoi(rest[:digits])
	}
	if !strings.ContainsRune("-+*", rune(marker)) && digits == 0 || marker != '.' && marker != ')' && digits > 0 {
		return nil
	}
	after := rest[digits+1:]
	if after != "" && !isBlank(after[0]) {
		return nil
	}
	if b.kind == paragraph && (strings.Trim(after, " \t") == "" || digits > 0 && start != 1) {
		return nil // it does not interrupt a paragraph
	}
	p.closeUnmatched()
	indent := p.indent
	p.skipIndent()
	p.skip(digits + 1)
	pos, col := p.pos, p.col
	p.skipSpaces(5)
	spaces := p.col - col
	if spaces > 4 || spaces < 1 || p.pos == len(p.line) {
		p.pos, p.col, p.partialTab, spaces = pos, col, false, 1
		p.skipSpaces(1)
	}
	if p.tip.kind != list || p.tip.marker != marker {
		p.add(list)
		p.tip.marker, p.tip.start = marker, start
	}
	i := p.add(item)
	i.marker, i.pad = marker, indent+digits+1+spaces
	return i
}

// add begins a block within the innermost open one that may contain it.
func (p *parser) add(k kind) *block {
	for !p.tip.holds(k) {
		p.close(p.tip)
	}
	b := &block{kind: k, parent: p.tip, open: true, line: p.number}
	p.tip.children = append(p.tip.children, b)
	p.tip = b
	return b
}

// addLine adds the rest of the line to the innermost open block.
func (p *parser) addLine() {
	t := &p.tip.text
	if p.tip.kind == paragraph {
		t.WriteString(p.line[p.next:])
	} else {
		if p.partialTab { // the rest of it is spaces
			p.pos++
			t.WriteString("    "[:4-p.col%4])
		}
		t.WriteString(p.line[min(p.pos, len(p.line)):])
	}
	t.WriteByte('\n')
}

func (p *parser) closeUnmatched() {
	for !p.allClosed && p.oldTip != p.matched {
		parent := p.oldTip.parent
		p.close(p.oldTip)
		p.oldTip = parent
	}
	p.allClosed = true
}

// close ends a block, and everything open in it.
func (p *parser) close(b *block) {
	b.open = false
	p.tip = b.parent
	switch b.kind {
	case paragraph:
		p.closeParagraph(b)
	case code:
		if b.fence == 0 {
			lines := strings.Split(strings.TrimSuffix(b.text.String(), "\n"), "\n")
			for len(lines) > 0 && strings.Trim(lines[len(lines)-1], " \t") == "" {
				lines = lines[:len(lines)-1]
			}
			b.text.Reset()
			b.text.WriteString(strings.Join(lines, "\n") + "\n")
		}
	case list:
		b.tight = isTight(b)
	}
}

// closeParagraph removes link definitions from a paragraph's start, and turns
// its end into a table if it is one.
func (p *parser) closeParagraph(b *block) {
	text := p.definitions(b.text.String())
	before, t := cutTable(text)
	siblings := &b.parent.children
	at := len(*siblings) - 1
	for (*siblings)[at] != b {
		at--
	}
	b.text.Reset()
	b.text.WriteString(strings.Trim(before, " \t\n"))
	rest := append([]*block(nil), (*siblings)[at+1:]...)
	*siblings = (*siblings)[:at]
	if b.text.Len() > 0 {
		*siblings = append(*siblings, b)
	}
	if t != nil {
		t.parent, t.line, t.blankEnd = b.parent, b.line, b.blankEnd
		*siblings = append(*siblings, t)
	}
	*siblings = append(*siblings, rest...)
}

// isTight reports whether no blank line is between the items of a list, nor
// between the blocks of an item.
func isTight(l *block) bool {
	for i, it := range l.children {
		lastItem := i == len(l.children)-1
		if endsBlank(it) && !lastItem {
			return false
		}
		for j, b := range it.children {
			if endsBlank(b) && !(lastItem && j == len(it.children)-1) {
				return false
			}
		}
	}
	return true
}

func endsBlank(b *block) bool {
	for ; b != nil; b = b.last() {
		if b.blankEnd {
			return true
		}
		if b.kind != list && b.kind != item {
			return false
		}
	}
	return false
}

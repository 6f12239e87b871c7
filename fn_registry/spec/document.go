package spec

import (
	"bytes"
	"strconv"
)

// Document is a spec as it was read: what it says, where it says it, and what
// is wrong with it. It keeps the source and must not outlive a change of it.
// Reading it from several goroutines is safe.
type Document struct {
	Path     string    // as given to [Parse]
	Spec     Spec      // the frontmatter, as far as it could be read
	Body     Body      // the Markdown after the frontmatter
	Problems []Problem // sorted by position

	src        []byte
	fenceStart int // of the opening fence, after a byte order mark
	front      span
	entries    []entry // in file order; of a repeated key only the first
	noEdit     string  // why Set can't edit this document, or empty
}

// span is a range of byte offsets of the whole file.
type span struct{ start, end int }

// entry is one top-level key of the frontmatter.
type entry struct {
	key        string
	keyStart   int
	valueStart int
	items      []int // where each element of a list starts; for params its name's value
	valid      bool  // the value has the key's type, so the Spec's field holds it
	twice      bool  // the key is repeated
}

// Section is the first section of that kind, and whether there is one.
func (d *Document) Section(kind SectionKind) (Section, bool) {
	for _, s := range d.Body.Sections {
		if s.Kind == kind {
			return s, true
		}
	}
	return Section{}, false
}

// Has reports whether the frontmatter has the key, known or unknown, whatever
// its value.
func (d *Document) Has(key string) bool {
	return d.entry(key) != nil
}

// KeyPos is where the key stands; the start of the frontmatter if it does not.
func (d *Document) KeyPos(key string) Pos {
	if e := d.entry(key); e != nil {
		return d.pos(e.keyStart)
	}
	return d.pos(d.fenceStart)
}

// ValuePos is where the key's value starts: after the colon if it is empty, and
// [Document.KeyPos] without the key.
func (d *Document) ValuePos(key string) Pos {
	if e := d.entry(key); e != nil {
		return d.pos(e.valueStart)
	}
	return d.KeyPos(key)
}

// ItemPos is where the i-th element of the key's list starts, counted from 0;
// for params the value of its name. Without such an element it is
// [Document.ValuePos].
func (d *Document) ItemPos(key string, i int) Pos {
	if e := d.entry(key); e != nil && i >= 0 && i < len(e.items) {
		return d.pos(e.items[i])
	}
	return d.ValuePos(key)
}

func (d *Document) entry(key string) *entry {
	for i := range d.entries {
		if d.entries[i].key == key {
			return &d.entries[i]
		}
	}
	return nil
}

// pos converts an offset of the file into a position.
func (d *Document) pos(off int) Pos {
	off = min(off, len(d.src))
	before := d.src[:off]
	return Pos{Line: 1 + bytes.Count(before, []byte{'\n'}), Column: off - bytes.LastIndexByte(before, '\n')}
}

// problem records a problem at an offset of the file and returns it for further
// details.
func (d *Document) problem(rule string, off int, key, message, hint string) *Problem {
	return d.problemAt(rule, d.pos(off), key, message, hint)
}

func (d *Document) problemAt(rule string, at Pos, key, message, hint string) *Problem {
	if len(d.Problems) >= maxProblems {
		return &Problem{}
	}
	d.Problems = append(d.Problems, Problem{Rule: rule, Pos: at, Key: key, Message: message, Hint: hint})
	return &d.Problems[len(d.Problems)-1]
}

// quote formats input for a message, shortened, with unprintable characters
// escaped.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		cut := most
		for cut > 0 && s[cut]&0xC0 == 0x80 { // not within a character
			cut--
		}
		s = s[:cut] + "..."
	}
	return strconv.Quote(s)
}

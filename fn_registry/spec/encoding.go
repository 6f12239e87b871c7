package spec

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// checkCharacters reports at most one character that is not allowed in a spec,
// and CRLF. It returns whether the frontmatter can be read.
func (d *Document) checkCharacters() bool {
	if i := bytes.Index(d.src, []byte("\r\n")); i >= 0 {
		d.problem(RuleEncoding, i, "", "the lines end in CRLF", "save the file with LF, and have git do so with a line *.md text eol=lf in .gitattributes")
	}
	for off := d.fenceStart; off < len(d.src); {
		inFront := off < d.front.end
		c := d.src[off]
		if c >= 0x20 && c < 0x7F || c == '\n' || c == '\t' {
			off++
			continue
		}
		r, size := utf8.DecodeRune(d.src[off:])
		if what, hint := badRune(r, size, d.src[off:], inFront); what != "" {
			d.problem(RuleEncoding, off, "", what, hint)
			if inFront {
				d.noEdit = what
			}
			return !inFront
		}
		off += size
	}
	return true
}

// badRune describes what is wrong with the character at the start of rest, and
// what to do; empty if it is valid. The frontmatter allows YAML's printable
// characters, and only
// and \r
// as line breaks, so that YAML counts lines like everyone else; the body allows
// any text.
func badRune(r rune, size int, rest []byte, inFront bool) (what, hint string) {
	switch {
	case r == utf8.RuneError && size <= 1:
		return fmt.Sprintf("the byte 0x%02X is not UTF-8", rest[0]), "save the file as UTF-8"
	case r == 0:
		return "a NUL byte", "remove it; a spec is text"
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
		return fmt.Sprintf("the bidirectional control character U+%04X", r), "remove it: text would be shown in another order than it is read in (CVE-2021-42574)"
	case inFront && (r == 0x061C || r >= 0x200B && r <= 0x200F || r == 0x2060):
		return fmt.Sprintf("the invisible character U+%04X in the frontmatter", r), "remove it"
	case !inFront:
		return "", ""
	case r == '\r' && (len(rest) == 1 || rest[1] != '\n'), r == 0x85, r == 0x2028, r == 0x2029:
		return fmt.Sprintf("the line break U+%04X in the frontmatter", r), "end lines with LF, and write the character as an escape in a double-quoted value"
	case r == '\r':
		return "", ""
	case r < 0x20, r >= 0x7F && r < 0xA0, r == 0xFEFF, r == 0xFFFE, r == 0xFFFF:
		return fmt.Sprintf("the control character U+%04X in the frontmatter", r), "remove it, or write it as an escape in a double-quoted value"
	}
	return "", ""
}

// FixEncoding is what makes a document's mechanical problems of [RuleEncoding]
// go away: it removes the byte order mark and turns CRLF into LF. It is empty
// for a document without them.
func (d *Document) FixEncoding() []Edit {
	var edits []Edit
	if bytes.HasPrefix(d.src, bom) {
		edits = append(edits, Edit{Start: 0, End: len(bom)})
	}
	for off := 0; ; {
		i := bytes.Index(d.src[off:], []byte("\r\n"))
		if i < 0 {
			return edits
		}
		off += i
		edits = append(edits, Edit{Start: off, End: off + 1})
		off += 2
	}
}

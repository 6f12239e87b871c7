package spec

import (
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// lineStarts returns the offsets at which the lines of src[from:to] start. The
// YAML parser counts lines the same way, because checkCharacters allows no
// other line break.
func lineStarts(src []byte, from, to int) []int {
	starts := make([]int, 0, 64)
	for at := from; at < to; at = lineEnd(src, at) {
		starts = append(starts, at)
	}
	return append(starts, to)
}

// parser is a document whose frontmatter is being read.
type parser struct {
	*Document
	starts []int // of the lines from the opening fence on
	last   place
	spare  []yaml.Node // for decodeYAML
	framed bool        // there is a frontmatter between two fences
}

// place is an offset with the line and column that the YAML parser uses for it,
// counted from 1, in characters.
type place struct{ line, column, offset int }

// offset returns where a node starts in the file. Nodes are mostly requested in
// order, so on a long line it continues from the previous position.
func (d *parser) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(d.starts) {
		return d.front.end
	}
	at := place{n.Line, 1, d.starts[n.Line-1]}
	if d.last.line == n.Line && d.last.column <= n.Column {
		at = d.last
	}
	for at.column < n.Column && at.offset < d.front.end {
		size := 1
		if d.src[at.offset] >= utf8.RuneSelf {
			_, size = utf8.DecodeRune(d.src[at.offset:])
		}
		at.offset += size
		at.column++
	}
	d.last = at
	return at.offset
}

// notPlain finds what a line-by-line rewrite could not preserve: anchors,
// aliases, tags and keys after a question mark. It returns the offset of the
// first one and its name, or -1.
func (d *parser) notPlain(n *yaml.Node) (int, string) {
	off := d.offset(n)
	if off < d.front.end {
		switch d.src[off] {
		case '&':
			return off, "an anchor"
		case '*':
			return off, "an alias"
		case '!':
			return off, "a tag"
		}
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if c.Kind != yaml.ScalarNode || n.Style&yaml.FlowStyle == 0 && (c.Column != n.Column || isNull(c) && c.Value == "") {
				return d.offset(c), "a key that is not a word"
			}
		}
		if bad, what := d.notPlain(c); bad >= 0 {
			return bad, what
		}
	}
	return -1, ""
}

// index records the positions of keys, values and items.
func (d *parser) index(root *yaml.Node) {
	d.entries = make([]entry, 0, len(root.Content)/2)
	var seen map[string]int // only for many keys: for a few, a linear search is faster
	if len(root.Content) > 2*fewKeys {
		seen = make(map[string]int, len(root.Content)/2)
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, val := root.Content[i], root.Content[i+1]
		at := d.offset(key)
		if first := d.indexed(seen, key.Value); first != nil {
			first.twice = true
			d.problem(RuleDuplicate, at, key.Value, "the key "+quote(key.Value)+" appears twice", "keep one of them")
			continue
		}
		if seen != nil {
			seen[key.Value] = len(d.entries)
		}
		e := entry{key: key.Value, keyStart: at, valueStart: d.offset(val)}
		if isNull(val) && val.Value == "" {
			e.valueStart = min(afterColon(d.src, at, key), d.front.end)
		}
		if val.Kind == yaml.SequenceNode {
			e.items = make([]int, len(val.Content))
			for j, item := range val.Content {
				e.items[j] = d.offset(nameOf(item))
			}
		}
		d.entries = append(d.entries, e)
	}
}

// fewKeys is the number of keys up to which a linear search is used: more than
// any kind has.
const fewKeys = 64

// indexed returns the entry of a key that was met before, or nil.
func (d *parser) indexed(seen map[string]int, key string) *entry {
	if seen == nil {
		return d.entry(key)
	}
	if i, ok := seen[key]; ok {
		return &d.entries[i]
	}
	return nil
}

// nameOf returns the node of the name in an element of params, or any other
// node itself.
func nameOf(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "name" && !isNull(n.Content[i+1]) {
				return n.Content[i+1]
			}
		}
	}
	return n
}

// afterColon returns the offset after the colon of the key that starts at off.
func afterColon(src []byte, off int, key *yaml.Node) int {
	switch {
	case key.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		off = quotedEnd(src, off)
	default:
		off += len(key.Value)
	}
	for off < len(src) && src[off] != ':' {
		off++
	}
	return off + 1
}

// quotedEnd returns the offset after the quoted scalar that starts at off.
func quotedEnd(src []byte, off int) int {
	quote := src[off]
	for i := off + 1; i < len(src); i++ {
		switch {
		case quote == '"' && src[i] == '\\':
			i++
		case src[i] != quote:
		case quote == '\'' && i+1 < len(src) && src[i+1] == '\'':
			i++
		default:
			return i + 1
		}
	}
	return len(src)
}

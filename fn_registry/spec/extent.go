package spec

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// The YAML parser reports where a node starts but not where it ends, so the
// functions here find the end in the text. They may assume that the frontmatter
// is valid, plain data; Set checks their result anyway.

// nodeEnd returns the offset after the last character of a value, without the
// comment and the line break that follow. Indent is the column, counted from 0,
// of the block mapping or list around it. An empty value ends where it starts.
func (d *parser) nodeEnd(n *yaml.Node, indent int) int {
	start := d.offset(n)
	switch {
	case n.Kind == yaml.ScalarNode:
		return d.scalarEnd(n, start, indent)
	case n.Style&yaml.FlowStyle != 0:
		return flowEnd(d.src, start, d.front.end)
	case n.Kind == yaml.MappingNode && len(n.Content) >= 2:
		key, val := n.Content[len(n.Content)-2], n.Content[len(n.Content)-1]
		return d.valueEnd(key, val, n.Column-1)
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		spans := d.itemSpans(n)
		return spans[len(spans)-1].end
	}
	return start
}

// valueEnd returns the end of a block mapping's value; after the colon if it is
// empty.
func (d *parser) valueEnd(key, val *yaml.Node, indent int) int {
	if isNull(val) && val.Value == "" {
		return min(afterColon(d.src, d.offset(key), key), d.front.end)
	}
	return d.nodeEnd(val, indent)
}

func (d *parser) scalarEnd(n *yaml.Node, start, indent int) int {
	switch {
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		return min(quotedEnd(d.src, start), d.front.end)
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return blockScalarEnd(d.src[:d.front.end], start, indent)
	case n.Value == "":
		return start
	}
	return plainEnd(d.src[:d.front.end], start, indent)
}

// itemSpans returns the elements of a block list, each from its dash to its
// end.
func (d *parser) itemSpans(n *yaml.Node) []span {
	spans := make([]span, len(n.Content))
	indent := n.Column - 1
	dash := d.offset(n)
	for i, item := range n.Content {
		spans[i] = span{dash, dash + 1}
		if !isNull(item) || item.Value != "" {
			spans[i].end = d.nodeEnd(item, indent)
		}
		if i+1 < len(n.Content) {
			dash = nextToken(d.src[:d.front.end], lineEnd(d.src, spans[i].end))
		}
	}
	return spans
}

// nextToken returns the first character from off, the start of a line, that is
// neither space nor comment.
func nextToken(src []byte, off int) int {
	for off < len(src) {
		switch src[off] {
		case ' ', '\t', '\r', '\n':
			off++
		case '#':
			off = lineEnd(src, off)
		default:
			return off
		}
	}
	return off
}

// textEnd returns the end of the text on the line that contains off, without
// its line break and the spaces before it.
func textEnd(src []byte, off int) int {
	end := lineEnd(src, off)
	return off + len(bytes.TrimRight(src[off:end], " \t\r\n"))
}

// plainEnd returns the end of a plain scalar in block context. It continues,
// across empty lines, on lines that are indented deeper than their parent, and
// a comment ends it.
func plainEnd(src []byte, off, indent int) int {
	end := off
	for off < len(src) {
		stop := textEnd(src, off)
		for i := off; i < stop; i++ {
			if src[i] == '#' && (i == off || src[i-1] == ' ' || src[i-1] == '\t') {
				return max(end, off+len(bytes.TrimRight(src[off:i], " \t")))
			}
		}
		end = stop
		for off = lineEnd(src, off); off < len(src) && textEnd(src, off) == off; {
			off = lineEnd(src, off) // an empty line
		}
		start := off
		for off < len(src) && (src[off] == ' ' || src[off] == '\t') {
			off++
		}
		if off == len(src) || off-start <= indent || src[off] == '#' {
			return end
		}
	}
	return end
}

// blockScalarEnd returns the end of a scalar that starts with | or >. Trailing
// empty lines belong to it if it has a +.
func blockScalarEnd(src []byte, off, indent int) int {
	keep, content := false, 0
	i := off + 1
	for ; i < len(src) && bytes.IndexByte([]byte("+-0123456789"), src[i]) >= 0; i++ {
		switch {
		case src[i] == '+':
			keep = true
		case src[i] != '-':
			content = indent + int(src[i]-'0')
		}
	}
	end := i
	widest := 0 // indentation of the lines so far, as long as that of the content is not known
	for at := lineEnd(src, i); at < len(src); at = lineEnd(src, at) {
		spaces := 0
		for at+spaces < len(src) && src[at+spaces] == ' ' {
			spaces++
		}
		text := len(bytes.TrimRight(src[at:lineEnd(src, at)], "\r\n"))
		if spaces == text && (content == 0 || spaces <= content) { // empty
			widest = max(widest, spaces)
			if keep {
				end = at + text
			}
			continue
		}
		if content == 0 {
			content = max(widest, spaces, indent+1)
		}
		if spaces < content {
			break
		}
		end = at + text
	}
	return end
}

// flowEnd returns the end of a list or mapping in brackets.
func flowEnd(src []byte, off, limit int) int {
	depth := 0
	for off < limit {
		switch c := src[off]; c {
		case '[', '{':
			depth++
			off++
		case ']', '}':
			depth--
			off++
			if depth == 0 {
				return off
			}
		case '"', '\'':
			off = quotedEnd(src, off)
		case '#':
			off = lineEnd(src, off)
		case ' ', '\t', '\r', '\n', ',', ':', '?':
			off++
		default:
			off = flowPlainEnd(src, off, limit)
		}
	}
	return limit
}

// flowPlainEnd returns the end of a plain scalar within brackets.
func flowPlainEnd(src []byte, off, limit int) int {
	end := off
	for i := off; i < limit; i++ {
		switch c := src[i]; c {
		case ' ', '\t', '\r', '\n':
			continue
		case ',', '?', '[', ']', '{', '}':
			return end
		case ':':
			if i+1 == limit || bytes.IndexByte([]byte(" \t\r\n"), src[i+1]) >= 0 {
				return end
			}
		case '#':
			if i > off && bytes.IndexByte([]byte(" \t\r\n"), src[i-1]) >= 0 {
				return end
			}
		}
		end = i + 1
	}
	return end
}

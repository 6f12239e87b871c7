package spec

import (
	"bytes"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// quickYAML reads a frontmatter of the form that specs almost always have:
// ASCII, one key: value per line, values that are plain or quoted on one line,
// flow lists of words, and lists of params. It returns exactly the nodes that
// the YAML library returns, in a tenth of the time. ok is false for everything
// else, valid or not, which is left to the library.
// The text starts with the opening fence and ends before the closing one. Nodes
// are taken from spare as far as possible; it must be zero.
func quickYAML(text []byte, spare []yaml.Node) (root *yaml.Node, ok bool) {
	rest, ok := bytes.CutPrefix(text, []byte(fence+"\n"))
	if !ok || !quickCharacters(rest) {
		return nil, false
	}
	q := quickReader{rest: string(rest), line: 1, spare: spare}
	root = q.node(yaml.MappingNode, "!!map", "", 2, 1)
	root.Content = make([]*yaml.Node, 0, 48)
	for q.next() {
		if !q.entry(root) {
			return nil, false
		}
	}
	return root, true
}

// quickCharacters reports whether a text consists of lines of printable ASCII:
// then bytes and columns are the same, and only spaces at the start of a line
// can be indentation.
func quickCharacters(text []byte) bool {
	for i, c := range text {
		if c == '\n' && (i == 0 || text[i-1] == ' ' || text[i-1] == '\n') {
			return false // a blank line, or spaces at a line's end
		}
		if (c < ' ' && c != '\n') || c >= 0x7f {
			return false
		}
	}
	return len(text) > 0 && text[len(text)-1] == '\n'
}

// nodeBlocks holds nodes for reuse by Parse, whose documents keep none of them.
var nodeBlocks = sync.Pool{New: func() any { return new(nodeBlock) }}

// nodeBlock has nodes for a usual spec.
type nodeBlock [128]yaml.Node

// release releases the block once nothing refers to its nodes.
func (b *nodeBlock) release() {
	clear(b[:])
	nodeBlocks.Put(b)
}

type quickReader struct {
	rest  string // what follows the current line
	now   string // the current line
	line  int    // its number in the text, from 1
	spare []yaml.Node
}

// next advances to the next line.
func (q *quickReader) next() bool {
	if q.rest == "" {
		return false
	}
	q.now, q.rest, _ = strings.Cut(q.rest, "\n")
	q.line++
	return true
}

func (q *quickReader) node(kind yaml.Kind, tag, value string, line, column int) *yaml.Node {
	if len(q.spare) == 0 {
		q.spare = make([]yaml.Node, 64)
	}
	n := &q.spare[0]
	q.spare = q.spare[1:]
	n.Kind, n.Tag, n.Value, n.Line, n.Column = kind, tag, value, line, column
	return n
}

// entry parses the current line as key: value, and the lines of its list.
func (q *quickReader) entry(root *yaml.Node) bool {
	key, value, ok := cutKey(q.now, 0)
	if !ok {
		return false
	}
	k := q.node(yaml.ScalarNode, "!!str", key, q.line, 1)
	var v *yaml.Node
	switch {
	case value == len(q.now):
		v = q.block()
	case q.now[value] == '[':
		v = q.flow(value)
	default:
		v = q.scalar(value)
	}
	root.Content = append(root.Content, k, v)
	return v != nil
}

// quickKey is the longest key in bytes; the library has a limit, too.
const quickKey = 64

// cutKey splits a line after column from, "key: value" or "key:". value is the
// index of the value, or the line's length if there is none.
func cutKey(line string, from int) (key string, value int, ok bool) {
	end := from
	for end < len(line) && (line[end] >= 'a' && line[end] <= 'z' || line[end] == '_') {
		end++
	}
	key = line[from:end]
	switch {
	case len(key) > quickKey || !quickString(key) || end == len(line) || line[end] != ':':
		return "", 0, false
	case end+1 == len(line):
		return key, len(line), true
	case line[end+1] != ' ' || line[end+2] == ' ':
		return "", 0, false
	}
	return key, end + 2, true
}

// scalar parses the rest of the current line, which has no continuation, as a
// value.
func (q *quickReader) scalar(from int) *yaml.Node {
	text := q.now[from:]
	if strings.HasPrefix(q.rest, " ") {
		return nil
	}
	switch text[0] {
	case '"', '\'':
		if value, size, ok := quickQuoted(text); ok && size == len(text) {
			return q.quoted(value, text[0], from)
		}
		return nil
	}
	switch {
	case text == "true" || text == "false":
		return q.node(yaml.ScalarNode, "!!bool", text, q.line, from+1)
	case strings.Contains(text, ": ") || strings.Contains(text, " #") || text[len(text)-1] == ':':
		return nil
	case quickString(text) || quickVersion(text):
		return q.node(yaml.ScalarNode, "!!str", text, q.line, from+1)
	}
	return nil
}

func (q *quickReader) quoted(value string, quote byte, from int) *yaml.Node {
	n := q.node(yaml.ScalarNode, "!!str", value, q.line, from+1)
	n.Style = yaml.DoubleQuotedStyle
	if quote == '\'' {
		n.Style = yaml.SingleQuotedStyle
	}
	return n
}

// quickQuoted returns the value of the quoted scalar at the start of a text,
// and its length in bytes. It handles only the escapes of quote and backslash.
func quickQuoted(text string) (value string, size int, ok bool) {
	quote := text[0]
	escaped := false
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			if i++; i == len(text) || text[i] != '"' && text[i] != '\\' {
				return "", 0, false
			}
			escaped = true
		case text[i] != quote:
		case quote == '\'' && strings.HasPrefix(text[i+1:], "'"):
			return "", 0, false
		default:
			value = text[1:i]
			if escaped {
				value = unescape.Replace(value)
			}
			return value, i + 1, true
		}
	}
	return "", 0, false
}

var unescape = strings.NewReplacer(`\\`, `\`, `\"`, `"`)

// quickString reports whether a plain scalar is text whatever follows its first
// letter: only words that begin with another character, and those below, can be
// a number, a time, a bool or null.
func quickString(text string) bool {
	if text == "" || !(text[0] >= 'a' && text[0] <= 'z' || text[0] >= 'A' && text[0] <= 'Z') {
		return false
	}
	if len(text) > len("false") {
		return true
	}
	switch strings.ToLower(text) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n", "t", "f", "nan", "inf":
		return false
	}
	return true
}

// quickVersion reports whether a plain scalar is of the form 1.2.3, which is
// not a number.
func quickVersion(text string) bool {
	dots := 0
	for i := range len(text) {
		switch {
		case text[i] >= '0' && text[i] <= '9':
		case text[i] == '.' && i > 0 && text[i-1] != '.' && i+1 < len(text):
			dots++
		default:
			return false
		}
	}
	return dots == 2
}

// flow parses a list of words: [a, "b", c d].
func (q *quickReader) flow(from int) *yaml.Node {
	line := q.now
	if line[len(line)-1] != ']' || strings.HasPrefix(q.rest, " ") {
		return nil
	}
	seq := q.node(yaml.SequenceNode, "!!seq", "", q.line, from+1)
	seq.Style = yaml.FlowStyle
	at, end := from+1, len(line)-1
	if at == end {
		return seq
	}
	seq.Content = make([]*yaml.Node, 0, 1+strings.Count(line[at:end], ","))
	for {
		item, next := q.flowItem(at, end)
		if item == nil {
			return nil
		}
		seq.Content = append(seq.Content, item)
		switch {
		case next == end:
			return seq
		case !strings.HasPrefix(line[next:end], ", ") || next+2 == end:
			return nil
		}
		at = next + 2
	}
}

// flowItem parses one item of a flow list; next is the index after it.
func (q *quickReader) flowItem(at, end int) (item *yaml.Node, next int) {
	if c := q.now[at]; c == '"' || c == '\'' {
		value, size, ok := quickQuoted(q.now[at:end])
		if !ok {
			return nil, 0
		}
		return q.quoted(value, c, at), at + size
	}
	next = at
	for next < end && flowWord(q.now[next]) {
		next++
	}
	text := q.now[at:next]
	if !quickString(text) || text[len(text)-1] == ' ' {
		return nil, 0
	}
	return q.node(yaml.ScalarNode, "!!str", text, q.line, at+1), next
}

func flowWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(" _-./", c) >= 0
}

// block reads the lines "  - key: value" and "    key: value" that follow.
func (q *quickReader) block() *yaml.Node {
	const dash, inner = "  - ", "    "
	if !strings.HasPrefix(q.rest, dash) {
		return nil
	}
	seq := q.node(yaml.SequenceNode, "!!seq", "", q.line+1, 3)
	var item *yaml.Node
	for strings.HasPrefix(q.rest, "  ") {
		q.next()
		switch {
		case strings.HasPrefix(q.now, dash):
			item = q.node(yaml.MappingNode, "!!map", "", q.line, len(dash)+1)
			item.Content = make([]*yaml.Node, 0, 4)
			seq.Content = append(seq.Content, item)
		case !strings.HasPrefix(q.now, inner):
			return nil
		}
		if !q.member(item, len(dash)) {
			return nil
		}
	}
	return seq
}

// member parses the current line from a column on as key: value of a mapping.
func (q *quickReader) member(of *yaml.Node, from int) bool {
	key, value, ok := cutKey(q.now, from)
	if !ok || value == len(q.now) || q.now[value] == '[' {
		return false
	}
	after := q.rest
	if strings.HasPrefix(after, "    ") && !strings.HasPrefix(after, "     ") || strings.HasPrefix(after, "  - ") {
		q.rest = "" // the next line is a member or an item, no continuation
	}
	k := q.node(yaml.ScalarNode, "!!str", key, q.line, from+1)
	v := q.scalar(value)
	q.rest = after
	of.Content = append(of.Content, k, v)
	return v != nil
}

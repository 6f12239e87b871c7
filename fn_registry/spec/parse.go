package spec

import (
	"bytes"
	"fmt"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

const fence = "---"

var bom = []byte("\xef\xbb\xbf")

// IsSpec reports whether a Markdown file claims to be a spec: it starts with
// frontmatter, which other Markdown files, a README say, do not. The first line
// is enough for the answer. A file in UTF-16 that starts so counts too, so that
// [Parse] can say what is wrong with it.
func IsSpec(src []byte) bool {
	if isUTF16(src) {
		return true
	}
	line, _, _ := bytes.Cut(bytes.TrimPrefix(src, bom), []byte{'\n'})
	return isFence(line)
}

// isUTF16 reports whether the file starts with a byte order mark of UTF-16 and
// a dash.
func isUTF16(src []byte) bool {
	return bytes.HasPrefix(src, []byte("\xff\xfe-\x00")) || bytes.HasPrefix(src, []byte("\xfe\xff\x00-"))
}

// isFence reports whether a line is a frontmatter fence. Trailing spaces are
// allowed.
func isFence(line []byte) bool {
	return bytes.HasPrefix(line, []byte(fence)) && len(bytes.Trim(line[len(fence):], " \t\r\n")) == 0
}

// Parse reads a spec. It never fails and never returns nil: what is wrong is in
// Problems, and what could be read is read. The path is only kept. The document
// refers to src, which must not be changed afterwards.
func Parse(path string, src []byte) *Document {
	block := nodeBlocks.Get().(*nodeBlock)
	p, root := readFront(path, src, block[:])
	d := p.Document
	if p.framed {
		d.Body = parseBody(d, d.Body.offset)
	}
	if root != nil {
		d.validate()
	}
	block.release()
	sort.SliceStable(d.Problems, func(i, j int) bool {
		a, b := d.Problems[i].Pos, d.Problems[j].Pos
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	return d
}

// readFront does the part of Parse that Set needs: it reads the keys and their
// values, without the body and without interpreting the values. It also returns
// the frontmatter's mapping, nil if there is none; its nodes may be those of
// spare.
func readFront(path string, src []byte, spare []yaml.Node) (*parser, *yaml.Node) {
	d := &Document{Path: path, src: src}
	p := &parser{Document: d, spare: spare}
	var root *yaml.Node
	if p.framed = d.split(); p.framed && d.checkCharacters() {
		p.starts = lineStarts(src, d.fenceStart, d.front.end)
		if root = p.readYAML(); root != nil {
			p.decode(root)
		}
	}
	return p, root
}

// split finds the frontmatter and the body. It reports whether there is
// anything to read.
func (d *Document) split() bool {
	src := d.src
	if len(src) > MaxSize {
		d.refuse(RuleSize, 0, fmt.Sprintf("the file is larger than %d bytes", MaxSize), "a spec is a page of text; move the rest elsewhere")
		return false
	}
	if isUTF16(src) {
		d.refuse(RuleEncoding, 0, "the file is in UTF-16", "save it as UTF-8")
		return false
	}
	if bytes.HasPrefix(src, bom) {
		d.fenceStart = len(bom)
	}
	next := lineEnd(src, d.fenceStart)
	if !isFence(src[d.fenceStart:next]) {
		d.refuse(RuleYAML, d.fenceStart, "no frontmatter", "start the file with a line --- and end the frontmatter with another")
		return false
	}
	if d.fenceStart > 0 {
		d.problem(RuleEncoding, 0, "", "the file starts with a byte order mark", "save it as UTF-8 without one")
	}
	d.front.start = next
	for at := next; at < len(src); at = next {
		next = lineEnd(src, at)
		if isFence(src[at:next]) {
			d.front.end = at
			d.Body.offset = next
			return d.frontmatterFits()
		}
	}
	d.front.end = len(src)
	d.refuse(RuleYAML, d.fenceStart, "the frontmatter does not end", "close it with a line ---")
	return false
}

// frontmatterFits reports a problem if the frontmatter is too large.
func (d *Document) frontmatterFits() bool {
	if d.front.end-d.front.start > MaxFrontmatter {
		d.refuse(RuleSize, d.fenceStart, fmt.Sprintf("the frontmatter is larger than %d bytes", MaxFrontmatter), "put long text in the body")
		return false
	}
	return true
}

// refuse records a problem after which the frontmatter can neither be read nor
// changed.
func (d *Document) refuse(rule string, off int, message, hint string) {
	d.problem(rule, off, "", message, hint)
	d.noEdit = message
}

// lineEnd returns the offset after the line that contains off, including its
// line break.
func lineEnd(src []byte, off int) int {
	if i := bytes.IndexByte(src[off:], '\n'); i >= 0 {
		return off + i + 1
	}
	return len(src)
}

const (
	notMapping     = "the frontmatter is not made of lines key: value"
	notMappingHint = "write one key: value a line"
)

// readYAML returns the frontmatter's mapping; nil, with a problem recorded, if
// it is not a mapping of plain data.
func (d *parser) readYAML() *yaml.Node {
	if off, mark := d.documentMarker(); off >= 0 {
		d.refuse(RuleYAML, off, "a line of the frontmatter starts with "+mark+", which ends a YAML document", "remove the line, or indent and quote the text")
		return nil
	}
	root, err := decodeYAML(d.src[d.fenceStart:d.front.end], d.spare)
	if err != nil {
		d.yamlProblem(err)
		return nil
	}
	if root == nil {
		if off := nextToken(d.src[:d.front.end], d.front.start); off < d.front.end {
			d.refuse(RuleYAML, off, notMapping, notMappingHint)
			return nil
		}
		d.problem(RuleMissing, d.fenceStart, "", "the frontmatter is empty", "write the unit's keys between the two lines ---")
		return nil
	}
	off := d.offset(root)
	if root.Kind != yaml.MappingNode {
		d.refuse(RuleYAML, off, notMapping, notMappingHint)
		return nil
	}
	if bad, what := d.notPlain(root); bad >= 0 {
		d.refuse(RuleYAML, bad, what+" in the frontmatter", "write the value out; a spec is plain data")
		return nil
	}
	if root.Style&yaml.FlowStyle != 0 {
		d.noEdit = "the frontmatter is one {...}; write one key: value a line"
	}
	d.index(root)
	return root
}

// documentMarker returns the offset of a line in the frontmatter that YAML
// would treat as the document's end (... or ---) or the start of the next (a
// directive, %), and the marker; or -1. What follows it would be silently
// dropped.
func (d *Document) documentMarker() (int, string) {
	for at := d.front.start; at < d.front.end; at = lineEnd(d.src, at) {
		rest := d.src[at:d.front.end]
		if rest[0] == '%' {
			return at, "%"
		}
		if bytes.HasPrefix(rest, []byte("...")) || bytes.HasPrefix(rest, []byte(fence)) {
			if len(rest) == 3 || strings.IndexByte(" \t\r\n", rest[3]) >= 0 {
				return at, string(rest[:3])
			}
		}
	}
	return -1, ""
}

// decodeYAML returns the root of the first YAML document, nil if it is empty.
func decodeYAML(text []byte, spare []yaml.Node) (*yaml.Node, error) {
	if root, ok := quickYAML(text, spare); ok {
		return root, nil
	}
	return libraryYAML(text)
}

// libraryYAML is decodeYAML for any text.
func libraryYAML(text []byte) (root *yaml.Node, err error) {
	// The parser is third-party, and its input may come from anywhere.
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, fmt.Errorf("yaml: %v", r)
		}
	}()
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) && doc.Content[0].Value == "" {
		return nil, nil
	}
	return doc.Content[0], nil
}

// isNull reports whether a node is absent or null, which are equivalent in a
// spec.
func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

package spec

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"
)

// element is one wanted element of a list: a string, or a parameter.
type element struct {
	text  string // or the parameter's name
	desc  string
	param bool
}

func paramElement(p Param) element {
	return element{text: p.Name, desc: p.Desc, param: true}
}

func elementsOf(k *Key, value any) []element {
	var list []element
	switch v := value.(type) {
	case []string:
		for _, s := range v {
			list = append(list, element{text: s})
		}
	case []Param:
		for _, p := range v {
			list = append(list, paramElement(p))
		}
	}
	return list
}

// lines formats an element of a block list, with its line break.
func (e element) lines(indent int, eol string) string {
	pad := strings.Repeat(" ", indent)
	if !e.param {
		return pad + "- " + blockScalar(e.text) + eol
	}
	return pad + "- name: " + blockScalar(e.text) + eol + pad + "  desc: " + blockScalar(e.desc) + eol
}

// flow formats an element of a list in brackets.
func (e element) flow() string {
	if !e.param {
		return flowScalar(e.text)
	}
	return "{name: " + flowScalar(e.text) + ", desc: " + flowScalar(e.desc) + "}"
}

// oldElement is an existing element of the list, as far as it can be kept.
type oldElement struct {
	element
	node *yaml.Node
	lead span // the empty lines and comments above it
	body span // the element itself
	tail span // the comment next to it
	used bool
}

// read parses an element; it stays unusable if it is not of the list's type.
func (o *oldElement) read(n *yaml.Node) {
	o.node = n
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!str":
		o.text = n.Value
	case n.Kind == yaml.MappingNode:
		o.param = true
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, val := n.Content[i].Value, n.Content[i+1]
			isText := val.Kind == yaml.ScalarNode && val.Tag == "!!str"
			isEmpty := isNull(val) && key == "desc" && n.Style&yaml.FlowStyle == 0
			if seen[key] || (key == "name" || key == "desc") && !isText && !isEmpty {
				o.used = true
			}
			seen[key] = true
			switch key {
			case "name":
				o.text = val.Value
			case "desc":
				if isText {
					o.desc = val.Value
				}
			}
		}
		o.used = o.used || !seen["name"] || !seen["desc"] && n.Style&yaml.FlowStyle != 0
	default:
		o.used = true
	}
}

// match finds for each wanted element the old one to keep, or nil: an equal
// one; for params, one with the same name; then one with the same desc, which
// has been renamed.
func match(wanted []element, old []oldElement) []*oldElement {
	kept := make([]*oldElement, len(wanted))
	find := func(key func(element) string) {
		free := map[string][]*oldElement{}
		for i := range old {
			if o := &old[i]; !o.used {
				free[key(o.element)] = append(free[key(o.element)], o)
			}
		}
		for i, e := range wanted {
			if list := free[key(e)]; kept[i] == nil && len(list) > 0 && list[0].param == e.param {
				kept[i], free[key(e)] = list[0], list[1:]
				list[0].used = true
			}
		}
	}
	find(func(e element) string { return e.text + "\x00" + e.desc })
	if len(wanted) > 0 && wanted[0].param {
		find(func(e element) string { return e.text })
		find(func(e element) string { return e.desc })
	}
	return kept
}

// replaceBlockList rewrites a list that is written line by line, reusing the
// lines of the elements that stay.
func (w *writer) replaceBlockList(old valueRange, val *yaml.Node, wanted []element) {
	spans := w.itemSpans(val)
	items := make([]oldElement, len(spans))
	from := lineEnd(w.src, old.colon)
	at := from
	for i, s := range spans {
		line := lineStart(w.src, s.start)
		end := lineEnd(w.src, s.end)
		items[i] = oldElement{lead: span{at, line}, body: span{line, s.end}, tail: span{s.end, end}}
		items[i].read(val.Content[i])
		at = end
	}
	var b strings.Builder
	for i, o := range match(wanted, items) {
		if o == nil {
			b.WriteString(wanted[i].lines(val.Column-1, w.eol))
			continue
		}
		b.Write(w.src[o.lead.start:o.lead.end])
		b.WriteString(w.patch(o, wanted[i]))
		b.Write(w.src[o.tail.start:o.tail.end])
	}
	w.edits = append(w.edits, Edit{Start: from, End: at, New: b.String()})
}

// lineStart returns the start of the line that contains off.
func lineStart(src []byte, off int) int {
	return bytes.LastIndexByte(src[:off], '\n') + 1
}

// patch returns an old element's text with the wanted name and desc.
func (w *writer) patch(o *oldElement, want element) string {
	text := w.src[o.body.start:o.body.end]
	if o.element == want {
		return string(text)
	}
	var edits []Edit
	hasDesc := false
	for i := 0; i+1 < len(o.node.Content); i += 2 {
		key, val := o.node.Content[i], o.node.Content[i+1]
		new := ""
		hasDesc = hasDesc || key.Value == "desc"
		switch {
		case key.Value == "name" && o.text != want.text:
			new = want.text
		case key.Value == "desc" && o.desc != want.desc:
			new = want.desc
		default:
			continue
		}
		old := valueRange{colon: afterColon(w.src, w.offset(key), key), start: w.offset(val)}
		var e Edit
		if o.node.Style&yaml.FlowStyle != 0 {
			e = Edit{Start: old.start, End: flowItemEnd(w.src, old.start, o.body.end), New: flowScalar(new)}
		} else {
			if old.end = w.valueEnd(key, val, o.node.Column-1); old.end <= old.colon {
				old.start = old.end
			}
			e = w.replaceValue(old, val, " "+blockScalar(new))
		}
		e.Start -= o.body.start
		e.End -= o.body.start
		edits = append(edits, e)
	}
	if !hasDesc && want.desc != "" {
		line := w.eol + strings.Repeat(" ", o.node.Column-1) + "desc: " + blockScalar(want.desc)
		edits = append(edits, Edit{Start: len(text), End: len(text), New: line})
	}
	return string(Apply(text, edits))
}

// flowItemEnd returns the end of the value within brackets that starts at off.
func flowItemEnd(src []byte, off, limit int) int {
	switch src[off] {
	case '"', '\'':
		return min(quotedEnd(src, off), limit)
	case '[', '{':
		return flowEnd(src, off, limit)
	}
	return flowPlainEnd(src, off, limit)
}

// replaceFlowList rewrites a list in brackets. One that spans several lines
// gets one element per line, so that its comments can stay.
func (w *writer) replaceFlowList(old valueRange, val *yaml.Node, wanted []element) {
	items := make([]oldElement, len(val.Content))
	at := old.start + 1
	for i, n := range val.Content {
		start := w.offset(n)
		items[i].read(n)
		items[i].lead = span{at, start}
		at = flowItemEnd(w.src, start, old.end)
		items[i].body = span{start, at}
		// The comment next to it: up to the line's end, after the comma.
		rest := w.src[at:min(lineEnd(w.src, at), old.end)]
		if c := bytes.TrimLeft(rest, " \t,"); len(c) > 0 && c[0] == '#' {
			items[i].tail = span{at + len(rest) - len(c), at + len(bytes.TrimRight(rest, "\r\n"))}
			at += len(rest)
		}
	}
	kept := match(wanted, items)
	multi := bytes.IndexByte(w.src[old.start:old.end], '\n') >= 0
	pad := w.eol + strings.Repeat(" ", w.indent+2)
	var b strings.Builder
	b.WriteByte('[')
	for i, o := range kept {
		text, tail := wanted[i].flow(), ""
		if o != nil {
			text = w.patch(o, wanted[i])
			tail = string(w.src[o.tail.start:o.tail.end])
			for _, c := range comments(w.src[o.lead.start:o.lead.end]) {
				b.WriteString(pad + c)
			}
		}
		switch {
		case multi:
			b.WriteString(pad + text + ",")
			if tail != "" {
				b.WriteString(" " + tail)
			}
		case i > 0:
			b.WriteString(", " + text)
		default:
			b.WriteString(text)
		}
	}
	if multi {
		for _, c := range comments(w.src[at : old.end-1]) {
			b.WriteString(pad + c)
		}
		b.WriteString(w.eol + strings.Repeat(" ", w.indent))
	}
	b.WriteByte(']')
	w.edits = append(w.edits, Edit{Start: old.start, End: old.end, New: b.String()})
}

// comments returns the comments in the text between two elements.
func comments(text []byte) []string {
	var list []string
	for line := range strings.Lines(string(text)) {
		if _, c, ok := strings.Cut(line, "#"); ok {
			list = append(list, "#"+strings.TrimRight(c, " \t\r\n"))
		}
	}
	return list
}

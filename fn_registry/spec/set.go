package spec

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// ErrNotEditable is why [Document.Set] refuses a document: it is not YAML of
// one key: value a line, or has a key that it is to set twice. The document's
// Problems say what to do.
var ErrNotEditable = errors.New("the frontmatter can't be rewritten")

// ErrValue is why [Document.Set] refuses a value: the key is unknown, or the
// value is not of its type.
var ErrValue = errors.New("not a value of a spec")

// Set returns the edits of the document's source that give each key its value:
// a string, a bool, a float64, a []string or a []Param, as [Key].Type says.
// Everything else stays as it is, byte for byte: order, comments, line ends,
// unknown keys, the elements of a list that stay, and whether a list stands in
// brackets or line by line. A parameter whose name or desc stays keeps its
// other keys and comments. A key that is absent is put behind the one that
// comes before it in a spec. A comment goes away only with the element that it
// stands above or beside. Keys that have their value already yield no edit.
//
// It reads the source again, so changes that somebody made to d.Spec don't
// count. Errors are ErrNotEditable and ErrValue, wrapped.
func (d *Document) Set(changes map[string]any) ([]Edit, error) { return d.Edit().Set(changes) }

// Editor makes several changes of one document, each as if it were the only
// one: it reads the source once for all. It is for one goroutine.
type Editor struct {
	parser *parser
	root   *yaml.Node
}

// Edit returns an editor of the document's source.
func (d *Document) Edit() *Editor {
	p, root := readFront(d.Path, d.src, nil)
	return &Editor{p, root}
}

// Set is [Document.Set].
func (e *Editor) Set(changes map[string]any) ([]Edit, error) {
	for key, value := range changes {
		if err := checkValue(key, value); err != nil {
			return nil, err
		}
	}
	p, root := e.parser, e.root
	if p.noEdit != "" {
		return nil, fmt.Errorf("%w: %s", ErrNotEditable, p.noEdit)
	}
	w := &writer{parser: p, root: root, eol: "\n", indent: 0}
	if bytes.HasSuffix(p.src[:p.front.start], []byte("\r\n")) {
		w.eol = "\r\n"
	}
	if root != nil {
		w.indent = root.Column - 1
	}
	for i := range keys {
		value, ok := changes[keys[i].Name]
		if !ok {
			continue
		}
		if err := w.set(&keys[i], value); err != nil {
			return nil, err
		}
	}
	// Not slices.SortStableFunc: each of its instances adds 6 kB.
	sort.SliceStable(w.edits, func(i, j int) bool { return w.edits[i].Start < w.edits[j].Start })
	if err := w.verify(changes); err != nil {
		return nil, err
	}
	return w.edits, nil
}

func checkValue(key string, value any) error {
	k := lookupKey(key)
	if k == nil {
		return fmt.Errorf("%w: unknown key %s", ErrValue, quote(key))
	}
	var want Type
	var texts []string
	switch v := value.(type) {
	case string:
		want, texts = TypeString, []string{v}
	case bool:
		want = TypeBool
	case float64:
		want = TypeNumber
		if !(v > 0) || math.IsInf(v, 0) {
			return fmt.Errorf("%w: %s must be above 0, not %v", ErrValue, key, v)
		}
	case []string:
		want, texts = TypeList, v
	case []Param:
		want = TypeParams
		for _, p := range v {
			texts = append(texts, p.Name, p.Desc)
		}
	}
	if want != k.Type {
		return fmt.Errorf("%w: %s takes a %s, not a %T", ErrValue, key, k.Type, value)
	}
	for _, t := range texts {
		if !utf8.ValidString(t) {
			return fmt.Errorf("%w: %s: %s is not UTF-8", ErrValue, key, quote(t))
		}
	}
	return nil
}

// writer collects the edits of one Set.
type writer struct {
	*parser
	root   *yaml.Node // nil if the frontmatter is empty
	eol    string
	indent int // of the keys
	edits  []Edit
}

func (w *writer) set(k *Key, value any) error {
	e := w.entry(k.Name)
	switch {
	case e == nil:
		w.insert(k, value)
	case e.twice:
		return fmt.Errorf("%w: the key %s appears twice", ErrNotEditable, k.Name)
	case e.valid && equalValue(w.Spec.field(k.Name), value):
	default:
		w.replace(k, value)
	}
	return nil
}

// equalValue compares the field of a Spec, by pointer, with a value.
func equalValue(field, value any) bool {
	switch f := field.(type) {
	case *string:
		return *f == value
	case *bool:
		return *f == value
	case *float64:
		return *f == value
	case *[]string:
		v, ok := value.([]string)
		return ok && slices.Equal(*f, v)
	case *[]Param:
		v, ok := value.([]Param)
		return ok && slices.Equal(*f, v)
	}
	return false
}

// insert inserts a new line after the nearest preceding key in canonical order,
// or at the start.
func (w *writer) insert(k *Key, value any) {
	at := w.front.start
	if w.root != nil {
		for i := keyIndex(k.Name) - 1; i >= 0; i-- {
			if key, val := w.node(keys[i].Name); key != nil {
				at = lineEnd(w.src, w.valueEnd(key, val, w.indent))
				break
			}
		}
	}
	line := strings.Repeat(" ", w.indent) + k.Name + ":" + w.render(k, value) + w.eol
	w.edits = append(w.edits, Edit{Start: at, End: at, New: line})
}

// node returns a key of the frontmatter and its value, the first if it is
// repeated.
func (w *writer) node(name string) (key, val *yaml.Node) {
	for i := 0; i+1 < len(w.root.Content); i += 2 {
		if w.root.Content[i].Value == name {
			return w.root.Content[i], w.root.Content[i+1]
		}
	}
	return nil, nil
}

// replace sets the value of an existing key.
func (w *writer) replace(k *Key, value any) {
	key, val := w.node(k.Name)
	old := valueRange{
		colon: afterColon(w.src, w.offset(key), key),
		start: w.offset(val),
		end:   w.valueEnd(key, val, w.indent),
	}
	if old.end <= old.colon {
		old.start = old.end
	}
	if val.Kind == yaml.SequenceNode && val.Style&yaml.FlowStyle == 0 {
		// If the list is removed, so are the comments above its first and next
		// to its last element.
		old.start, old.end = textEnd(w.src, old.colon), textEnd(w.src, old.end)
	}
	elements := elementsOf(k, value)
	switch {
	case val.Kind == yaml.SequenceNode && len(elements) > 0 && val.Style&yaml.FlowStyle == 0:
		w.replaceBlockList(old, val, elements)
	case val.Kind == yaml.SequenceNode && len(elements) > 0 && len(val.Content) > 0:
		w.replaceFlowList(old, val, elements)
	default:
		w.edits = append(w.edits, w.replaceValue(old, val, w.render(k, value)))
	}
}

// valueRange returns the offset after the key's colon, and the start and end of
// the value.
type valueRange struct{ colon, start, end int }

// replaceValue replaces a whole value by new text, which starts with a space or
// a line break. Comments between the key and the value, and next to the value,
// are kept.
func (w *writer) replaceValue(old valueRange, val *yaml.Node, text string) Edit {
	gap := strings.TrimRight(string(w.src[old.colon:old.start]), " \t\r\n")
	if val.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 { // its comment is after the |
		header := w.src[old.start:textEnd(w.src, old.start)]
		if i := bytes.IndexByte(header, '#'); i >= 0 {
			gap += " " + string(header[i:])
		}
	}
	if !strings.HasPrefix(text, " ") { // lines; the comment goes before them
		end := textEnd(w.src, old.end)
		return Edit{Start: old.colon, End: end, New: gap + string(w.src[old.end:end]) + text}
	}
	return Edit{Start: old.colon, End: old.end, New: text + gap}
}

// render formats a value as it follows the colon: " x", or lines that each
// start with a line break.
func (w *writer) render(k *Key, value any) string {
	return renderValue(k, value, w.indent, w.eol)
}

func renderValue(k *Key, value any, indent int, eol string) string {
	switch v := value.(type) {
	case string:
		if k.Name == "signature" { // Go code; whether it needs quotes would change with every edit
			return " " + doubleQuoted(v)
		}
		return " " + blockScalar(v)
	case bool:
		return " " + strconv.FormatBool(v)
	case float64:
		return " " + strconv.FormatFloat(v, 'f', -1, 64)
	case []string:
		items := make([]string, len(v))
		for i, s := range v {
			items[i] = flowScalar(s)
		}
		return " [" + strings.Join(items, ", ") + "]"
	case []Param:
		if len(v) == 0 {
			return " []"
		}
		var b strings.Builder
		for _, p := range v {
			b.WriteString(eol)
			b.WriteString(strings.TrimSuffix(paramElement(p).lines(indent+2, eol), eol))
		}
		return b.String()
	}
	return ""
}

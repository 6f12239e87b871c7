package yaml

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"fnregistry.dev/functions/core"
)

// YAMLDecodeConfig says how a text is decoded. The zero value of a field is its
// default.
type YAMLDecodeConfig struct {
	// Name is the file's, for errors: "app.yaml:3:5: ...". Default: "yaml".
	Name string
	// MaxNodes is how many nodes the text may have, each alias counted as
	// what it stands for. Default: 1,000,000.
	MaxNodes int
	// OnValue is called for each scalar and each empty or untyped value
	// that is decoded, with its path, such as "http.addr" or
	// "steps[2].name". Default: nothing is.
	OnValue func(path string, line, column int)
}

// YAMLProblem is one mistake in a YAML text.
type YAMLProblem struct {
	Name         string // the text's
	Line, Column int    // from 1
	Path         string // of the value, such as "steps[2].name"; empty: the whole text
	Message      string
	Candidates   []string // the keys that may have been meant
	Err          error    // of a type's own UnmarshalYAML or UnmarshalText; nil otherwise
}

// Unwrap returns Err.
func (p *YAMLProblem) Unwrap() error { return p.Err }

// Error returns "name:line:column: path: message", with a hint for a mistyped
// key.
func (p *YAMLProblem) Error() string {
	text := fmt.Sprintf("%s:%d:%d:", p.Name, p.Line, p.Column)
	if p.Path != "" {
		text += " " + p.Path + ":"
	}
	text += " " + p.Message
	if hint := core.DidYouMean(p.Candidates...); hint != "" {
		text += "; " + hint
	}
	return text
}

// YAMLDecode decodes a text that is one YAML document into value, a pointer
// that is not nil. What the text does not have keeps its value, so that
// defaults can be there before. An empty document changes nothing.
//
// It is strict: unknown keys, keys that appear twice, values of another
// type and more than one document are mistakes, and all of them are reported.
// Fields are named by their tag yaml:"name", else by their name in lower case;
// "-" leaves one out, and the fields of an embedded struct without a tag are
// its parent's. A time.Duration is written 1m30s. Types that implement
// encoding.TextUnmarshaler or yaml.Unmarshaler of go.yaml.in/yaml/v3 decode
// themselves. Anchors, aliases and merge keys work, up to MaxNodes.
//
// The error is a *core.Error with CodeInvalid, or CodeTooLarge beyond MaxNodes;
// its cause joins the problems in the order of the text, each a *[YAMLProblem].
// value may have been changed then.
//
// More in yaml_decode.md:
//   - A key without a value, or with null, keeps the default; an empty text
//     needs quotes.
//   - yes and no decode into a string as text, and into a bool as true and
//     false.
func YAMLDecode(text []byte, value any, cfg YAMLDecodeConfig) error {
	d := &decoder{cfg: cfg, nodes: cmp.Or(cfg.MaxNodes, 1_000_000)}
	d.cfg.Name = cmp.Or(cfg.Name, "yaml")
	into := reflect.ValueOf(value)
	if into.Kind() != reflect.Pointer || into.IsNil() {
		return &core.Error{Code: core.CodeInvalid, Op: "yaml_decode", Message: "the value is not a pointer, or is nil"}
	}
	d.decode(text, into.Elem())
	if len(d.problems) == 0 {
		return nil
	}
	code := core.CodeInvalid
	if d.nodes < 0 {
		code = core.CodeTooLarge
	}
	slices.SortStableFunc(d.problems, func(a, b *YAMLProblem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	var found []error
	for _, p := range d.problems {
		found = append(found, p)
	}
	return &core.Error{Code: code, Op: "yaml_decode", Err: errors.Join(found...)}
}

func (d *decoder) decode(text []byte, into reflect.Value) {
	parser := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	switch err := parser.Decode(&document); {
	case errors.Is(err, io.EOF):
		return
	case err != nil:
		d.syntax(err)
		return
	}
	if d.value(into, document.Content[0], ""); len(d.problems) > 0 {
		return
	}
	switch err := parser.Decode(&more); {
	case errors.Is(err, io.EOF):
	case err != nil:
		d.syntax(err)
	default:
		d.problem(&more, "", "there is a second document")
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntax reports an error of the parser, which knows only the line.
func (d *decoder) syntax(err error) {
	message, line := err.Error(), 0
	if parts := yamlLine.FindStringSubmatch(message); parts != nil {
		line, _ = strconv.Atoi(parts[1]) // there is none for the first line
		message = parts[2]
	}
	d.add(&YAMLProblem{Line: max(line, 1), Column: 1, Message: message})
}

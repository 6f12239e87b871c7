package yaml

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/typename"
)

// decoder fills Go values from nodes.
type decoder struct {
	cfg      YAMLDecodeConfig
	nodes    int  // number of further nodes allowed; negative: too many
	depth    int  // of the value that is decoded
	stopped  bool // beyond one of the two limits
	problems []*YAMLProblem
}

const maxProblems = 50 // nobody would read more

func (d *decoder) problem(at *yaml.Node, path, format string, args ...any) {
	d.add(&YAMLProblem{Line: at.Line, Column: at.Column, Path: path, Message: fmt.Sprintf(format, args...)})
}

// ownProblem notes what a type's own method says of its value.
func (d *decoder) ownProblem(at *yaml.Node, path string, err error) {
	d.add(&YAMLProblem{Line: at.Line, Column: at.Column, Path: path, Message: err.Error(), Err: err})
}

func (d *decoder) add(p *YAMLProblem) {
	if len(d.problems) < maxProblems {
		p.Name = d.cfg.Name
		d.problems = append(d.problems, p)
	}
}

// maxDepth is the deepest nesting of values, including aliases: an alias may
// stand for a value that contains it.
const maxDepth = 100

// value decodes a node into into.
func (d *decoder) value(into reflect.Value, node *yaml.Node, path string) {
	if !d.count(node, path) {
		return
	}
	d.depth++
	defer func() { d.depth-- }()
	switch {
	case d.depth > maxDepth:
		d.problem(node, path, "it is nested deeper than %d", maxDepth)
		d.stopped = true
	case node.Kind == yaml.AliasNode:
		d.value(into, node.Alias, path)
	case strings.HasPrefix(node.Tag, "!") && !strings.HasPrefix(node.Tag, "!!"):
		d.problem(node, path, "unknown tag %.60s", node.Tag)
	case node.Tag == "!!null":
		d.seen(node, path) // no value: the default stays
	case into.Kind() == reflect.Pointer:
		if into.IsNil() {
			into.Set(reflect.New(into.Type().Elem()))
		}
		d.value(into.Elem(), node, path)
	case d.own(into, node, path):
	case into.Kind() == reflect.Struct:
		d.fields(into, node, path)
	case into.Kind() == reflect.Map:
		d.entries(into, node, path)
	case into.Kind() == reflect.Slice:
		d.elements(into, node, path)
	default:
		d.scalar(into, node, path)
	}
}

// count counts a node, and reports whether it is still within the limit.
func (d *decoder) count(node *yaml.Node, path string) bool {
	if d.stopped {
		return false
	}
	if d.nodes--; d.nodes < 0 {
		d.stopped = true
		d.problem(node, path, "the document is too large once its aliases are expanded")
		return false
	}
	return true
}

// countParts counts what a node consists of, where the parser decodes all of it
// at once.
func (d *decoder) countParts(node *yaml.Node, path string, depth int) bool {
	const deepest = 10_000 // as the parser has it; more is an alias in what it stands for
	parts := node.Content
	if node.Kind == yaml.AliasNode {
		parts = []*yaml.Node{node.Alias}
	}
	if depth > deepest {
		d.nodes = 0
	}
	for _, part := range parts {
		if !d.count(part, path) || !d.countParts(part, path, depth+1) {
			return false
		}
	}
	return true
}

func (d *decoder) seen(node *yaml.Node, path string) {
	if d.cfg.OnValue != nil {
		d.cfg.OnValue(path, node.Line, node.Column)
	}
}

// own lets a type decode itself, if it can.
func (d *decoder) own(into reflect.Value, node *yaml.Node, path string) bool {
	switch v := into.Addr().Interface().(type) {
	case yaml.Unmarshaler:
		if err := v.UnmarshalYAML(node); err != nil {
			d.ownProblem(node, path, err)
		}
	case *time.Duration:
		duration, err := time.ParseDuration(node.Value)
		if node.Kind != yaml.ScalarNode || err != nil {
			d.problem(node, path, "%s, want a duration such as 1m30s", what(node))
		}
		*v = duration
	case encoding.TextUnmarshaler:
		if node.Kind != yaml.ScalarNode {
			d.problem(node, path, "%s, want a text", what(node))
		} else if err := v.UnmarshalText([]byte(node.Value)); err != nil {
			d.ownProblem(node, path, err)
		}
	default:
		return false
	}
	d.seen(node, path)
	return true
}

// scalar fills a value without parts.
func (d *decoder) scalar(into reflect.Value, node *yaml.Node, path string) {
	defer d.seen(node, path)
	switch {
	case into.Kind() == reflect.Interface && into.NumMethod() == 0:
		if !d.countParts(node, path, 0) {
			return
		}
		if err := node.Decode(into.Addr().Interface()); err != nil {
			d.problem(node, path, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		}
	case node.Kind != yaml.ScalarNode:
		d.problem(node, path, "%s, want %s", what(node), typename.InJSON(into.Type()))
	case into.Kind() == reflect.String:
		into.SetString(node.Value) // 1.10 and yes as they are written
	default:
		if node.Decode(into.Addr().Interface()) != nil {
			d.problem(node, path, "%s, want %s", what(node), typename.InJSON(into.Type()))
		}
	}
}

// what describes a node.
func what(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "it has keys"
	case yaml.SequenceNode:
		return "it is a list"
	}
	return fmt.Sprintf("it is %.60q", node.Value)
}

func (d *decoder) elements(into reflect.Value, node *yaml.Node, path string) {
	if node.Kind != yaml.SequenceNode {
		d.problem(node, path, "%s, want a list", what(node))
		return
	}
	list := reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content))
	for i, element := range node.Content {
		d.value(list.Index(i), element, fmt.Sprintf("%s[%d]", path, i))
	}
	if len(node.Content) == 0 {
		d.seen(node, path)
	}
	into.Set(list)
}

func (d *decoder) entries(into reflect.Value, node *yaml.Node, path string) {
	if node.Kind != yaml.MappingNode {
		d.problem(node, path, "%s, want keys with values", what(node))
		return
	}
	if into.IsNil() {
		into.Set(reflect.MakeMap(into.Type()))
	}
	d.pairs(node, path, func(key, value *yaml.Node) {
		name := reflect.New(into.Type().Key()).Elem()
		onValue := d.cfg.OnValue
		d.cfg.OnValue = nil // a key is not a value
		d.value(name, key, path)
		d.cfg.OnValue = onValue
		element := reflect.New(into.Type().Elem()).Elem()
		d.value(element, value, join(path, key.Value))
		into.SetMapIndex(name, element)
	})
	if len(node.Content) == 0 {
		d.seen(node, path)
	}
}

func (d *decoder) fields(into reflect.Value, node *yaml.Node, path string) {
	if node.Kind != yaml.MappingNode {
		d.problem(node, path, "%s, want keys with values", what(node))
		return
	}
	fields := map[string]reflect.Value{}
	names := collect(into, fields, nil)
	d.pairs(node, path, func(key, value *yaml.Node) {
		field, ok := fields[key.Value]
		if !ok {
			near := core.NameNearest(key.Value, names)
			message := fmt.Sprintf("unknown key %.60q", key.Value)
			if len(near) == 0 {
				message += "; known are " + strings.Join(names, ", ")
			}
			d.add(&YAMLProblem{Line: key.Line, Column: key.Column, Path: path, Message: message, Candidates: near})
			return
		}
		d.value(field, value, join(path, key.Value))
	})
}

// pairs calls each for the keys of a mapping, those of merged ones first, and
// reports repeated keys.
func (d *decoder) pairs(node *yaml.Node, path string, each func(key, value *yaml.Node)) {
	own := map[string]*yaml.Node{}
	bad := map[*yaml.Node]bool{}
	for i := 0; i < len(node.Content); i += 2 {
		key := node.Content[i]
		if key.Kind != yaml.ScalarNode {
			d.problem(key, path, "a key is not a scalar")
			bad[key] = true
			continue
		}
		if first := own[key.Value]; first != nil && key.Tag != "!!merge" {
			d.problem(key, path, "key %.60q appears twice, first in line %d", key.Value, first.Line)
			bad[key] = true
			continue
		}
		own[key.Value] = key
	}
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].Tag == "!!merge" {
			d.merge(node.Content[i+1], path, own, each)
		}
	}
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].Tag != "!!merge" && !bad[node.Content[i]] {
			each(node.Content[i], node.Content[i+1])
		}
	}
}

// merge calls each for the keys of merged mappings that are not set already; if
// several mappings have a key, the first wins.
func (d *decoder) merge(from *yaml.Node, path string, set map[string]*yaml.Node, each func(key, value *yaml.Node)) {
	if !d.count(from, path) {
		return
	}
	switch from.Kind {
	case yaml.AliasNode:
		d.merge(from.Alias, path, set, each)
	case yaml.SequenceNode:
		for _, one := range from.Content {
			d.merge(one, path, set, each)
		}
	case yaml.MappingNode:
		if d.nodes -= len(from.Content); !d.count(from, path) { // its keys are looked at, whether they are set or not
			return
		}
		d.pairs(from, path, func(key, value *yaml.Node) {
			if set[key.Value] == nil {
				set[key.Value] = key
				each(key, value)
			}
		})
	default:
		d.problem(from, path, "only keys with values can be merged")
	}
}

// collect finds a struct's fields by their keys, and returns the keys in order.
func collect(into reflect.Value, fields map[string]reflect.Value, names []string) []string {
	for i := range into.NumField() {
		field := into.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case name == "-":
		case field.Anonymous && name == "" && field.Type.Kind() == reflect.Struct:
			names = collect(into.Field(i), fields, names)
		case !field.IsExported():
		default:
			if name == "" {
				name = strings.ToLower(field.Name)
			}
			fields[name] = into.Field(i)
			names = append(names, name)
		}
	}
	return names
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

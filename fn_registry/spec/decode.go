package spec

import (
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decode fills the Spec from the frontmatter and reports what has the wrong
// type, is missing or unknown. It reads the nodes by hand, because reflection
// would lose the positions and take longer.
func (d *parser) decode(root *yaml.Node) {
	next := 0
	for i := 0; i+1 < len(root.Content); i += 2 {
		if next == len(d.entries) || d.entries[next].key != root.Content[i].Value {
			continue // a repeated key
		}
		d.decodeEntry(&d.entries[next], root.Content[i+1])
		next++
	}
}

func (d *parser) decodeEntry(e *entry, n *yaml.Node) {
	k := lookupKey(e.key)
	if k == nil {
		return
	}
	if isNull(n) {
		d.problem(RuleMissing, e.keyStart, e.key, e.key+" has no value", emptyHint(k))
		return
	}
	v := d.Spec.field(e.key)
	switch v := v.(type) {
	case *string:
		*v, e.valid = d.decodeString(k, e.valueStart, n)
		d.checkCut(e.key, e.key, n)
	case *bool:
		*v, e.valid = d.decodeBool(k, e.valueStart, n)
	case *float64:
		*v, e.valid = d.decodeNumber(k, e.valueStart, n)
	case *[]string:
		*v, e.valid = d.decodeList(k, e, n)
	case *[]Param:
		*v, e.valid = d.decodeParams(k, e, n)
	}
}

// field returns a pointer to the field of a known key.
func (s *Spec) field(key string) any {
	switch key {
	case "name":
		return &s.Name
	case "kind":
		return &s.Kind
	case "lang":
		return &s.Lang
	case "domain":
		return &s.Domain
	case "version":
		return &s.Version
	case "purity":
		return &s.Purity
	case "signature":
		return &s.Signature
	case "description":
		return &s.Description
	case "tags":
		return &s.Tags
	case "params":
		return &s.Params
	case "output":
		return &s.Output
	case "uses_functions":
		return &s.UsesFunctions
	case "uses_types":
		return &s.UsesTypes
	case "returns":
		return &s.Returns
	case "returns_optional":
		return &s.ReturnsOptional
	case "error_type":
		return &s.ErrorType
	case "imports":
		return &s.Imports
	case "build_tags":
		return &s.BuildTags
	case "tested":
		return &s.Tested
	case "tests":
		return &s.Tests
	case "test_file_path":
		return &s.TestFilePath
	case "file_path":
		return &s.FilePath
	case "binary_mb_max":
		return &s.BinaryMBMax
	case "forbidden_imports":
		return &s.ForbiddenImports
	case "build_flags":
		return &s.BuildFlags
	case "run":
		return &s.Run
	}
	return nil
}

func emptyHint(k *Key) string {
	switch {
	case k.Type == TypeList || k.Type == TypeParams:
		return "write [] if there are none"
	case k.Empty:
		return `write "" if there is none`
	}
	return k.Description
}

func (d *parser) decodeString(k *Key, off int, n *yaml.Node) (string, bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		return n.Value, true
	}
	d.typeProblem(k.Name, k.Name, "text", off, n)
	return "", false
}

// checkCut reports an unquoted text whose rest is a comment to YAML, as in
// "names, #, and steps". Such a text looks right in the file but is truncated
// everywhere else.
func (d *parser) checkCut(key, what string, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Style == 0 && strings.Contains(n.Value, " ") && n.LineComment != "" {
		d.problem(RuleYAML, d.offset(n), key, what+" ends before "+quote(n.LineComment)+", which is a comment", "put the text in quotes")
	}
}

func (d *parser) decodeBool(k *Key, off int, n *yaml.Node) (bool, bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!bool" {
		return strings.EqualFold(n.Value, "true"), true
	}
	d.typeProblem(k.Name, k.Name, "true or false", off, n)
	return false, false
}

func (d *parser) decodeNumber(k *Key, off int, n *yaml.Node) (float64, bool) {
	if n.Kind == yaml.ScalarNode && (n.Tag == "!!int" || n.Tag == "!!float") {
		f, err := strconv.ParseFloat(n.Value, 64)
		if err == nil && f > 0 && !math.IsInf(f, 0) {
			return f, true
		}
		d.problem(RuleType, off, k.Name, k.Name+" must be a decimal number above 0, not "+n.Value, "write megabytes of 10^6 bytes, as 8.7")
		return 0, false
	}
	d.typeProblem(k.Name, k.Name, "a number", off, n)
	return 0, false
}

func (d *parser) decodeList(k *Key, e *entry, n *yaml.Node) ([]string, bool) {
	if n.Kind != yaml.SequenceNode {
		d.typeProblem(k.Name, k.Name, "a list", e.valueStart, n)
		return nil, false
	}
	list := make([]string, 0, len(n.Content))
	valid := true
	for i, item := range n.Content {
		if item.Kind != yaml.ScalarNode || item.Tag != "!!str" {
			d.typeProblem(k.Name, "item "+strconv.Itoa(i+1)+" of "+k.Name, "text", e.items[i], item)
			valid = false
			continue
		}
		list = append(list, item.Value)
	}
	if !valid {
		return nil, false // half a list would be mistaken for the whole
	}
	return list, true
}

func (d *parser) decodeParams(k *Key, e *entry, n *yaml.Node) ([]Param, bool) {
	if n.Kind != yaml.SequenceNode {
		d.typeProblem(k.Name, k.Name, "a list of name and desc", e.valueStart, n)
		return nil, false
	}
	list := make([]Param, 0, len(n.Content))
	valid := true
	for i, item := range n.Content {
		if item.Kind != yaml.MappingNode {
			d.typeProblem(k.Name, "item "+strconv.Itoa(i+1)+" of "+k.Name, "name and desc", e.items[i], item)
			valid = false
			continue
		}
		p, ok := d.decodeParam(i, e.items[i], item)
		list = append(list, p)
		valid = valid && ok
	}
	if !valid {
		return nil, false
	}
	return list, true
}

// decodeParam reads one element of params. Its name or desc is missing if it
// has the wrong type.
func (d *parser) decodeParam(i, off int, n *yaml.Node) (Param, bool) {
	var p Param
	where := "item " + strconv.Itoa(i+1) + " of params"
	valid := true
	seen := map[string]bool{}
	for j := 0; j+1 < len(n.Content); j += 2 {
		key, val := n.Content[j], n.Content[j+1]
		at := d.offset(key)
		if seen[key.Value] {
			d.problem(RuleDuplicate, at, "params", where+" has "+quote(key.Value)+" twice", "keep one of them")
			valid = false
			continue
		}
		seen[key.Value] = true
		var field *string
		switch key.Value {
		case "name":
			field = &p.Name
		case "desc":
			field = &p.Desc
		default:
			pr := d.problem(RuleUnknown, at, "params", where+" has the unknown key "+quote(key.Value), "a parameter has name and desc")
			pr.Suggestion = Suggest(key.Value, []string{"name", "desc"})
			continue
		}
		switch {
		case isNull(val):
		case val.Kind == yaml.ScalarNode && val.Tag == "!!str":
			*field = val.Value
			d.checkCut("params", key.Value+" in "+where, val)
		default:
			d.typeProblem("params", key.Value+" in "+where, "text", d.offset(val), val)
			valid = false
		}
	}
	if !valid {
		return p, false
	}
	switch {
	case p.Name == "":
		d.problem(RuleMissing, off, "params", where+" has no name", "write the parameter's Go name, or cfg.Field for a field of a config struct")
	case p.Desc == "":
		d.problem(RuleMissing, off, "params", "the parameter "+quote(p.Name)+" has no desc", "say what it is, with its unit and default")
	}
	return p, true
}

// typeProblem reports a value that does not have the wanted type.
func (d *Document) typeProblem(key, what, want string, off int, n *yaml.Node) {
	got, hint := "a list", ""
	switch {
	case n.Kind == yaml.MappingNode:
		got = "a mapping"
	case n.Kind == yaml.SequenceNode:
	case n.Tag == "!!str":
		got = "the text " + quote(n.Value)
		switch want {
		case "a list":
			hint = "write [" + flowScalar(n.Value) + "]"
		case "true or false":
			hint = "write true or false, without quotes"
		case "a number":
			hint = "write a decimal number, without quotes"
		}
	case n.Tag == "!!null":
		got = "nothing"
	default:
		got = yamlNames[n.Tag] + " " + n.Value
		if want == "text" {
			hint = "put it in quotes: " + doubleQuoted(n.Value)
		}
	}
	d.problem(RuleType, off, key, what+" must be "+want+", not "+got, hint)
}

var yamlNames = map[string]string{
	"!!bool": "the truth value", "!!int": "the number", "!!float": "the number", "!!timestamp": "the date", "!!merge": "the merge key",
}

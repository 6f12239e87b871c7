package spec

import (
	"bytes"
	"encoding/json"
	"slices"
)

// SchemaID identifies the JSON Schema; the URL need not exist.
const SchemaID = "https://fnregistry.dev/spec.schema.json"

// JSONSchema is the frontmatter's JSON Schema, draft 2020-12, made from [Keys]:
// for editors and other tools. It says what a schema can say; names of
// parameters that appear twice, the body and the file's encoding it can't.
func JSONSchema() []byte {
	properties := object{}
	for i := range keys {
		properties = append(properties, member{keys[i].Name, keySchema(&keys[i])})
	}
	schema := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", SchemaID},
		{"title", "Spec of a unit"},
		{"description", "The YAML frontmatter of the Markdown file that stands next to a unit's code."},
		{"type", "object"},
		{"required", requiredKeys(allKinds...)},
		{"properties", properties},
		{"additionalProperties", false},
		{"allOf", kindSchemas()},
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(schema); err != nil {
		panic(err) // strings, bools and lists of them always encode
	}
	return b.Bytes()
}

// requiredKeys returns the keys that all of these kinds must have.
func requiredKeys(kinds ...Kind) []string {
	var names []string
	for i := range keys {
		if !slices.ContainsFunc(kinds, func(kind Kind) bool { return !slices.Contains(keys[i].Required, kind) }) {
			names = append(names, keys[i].Name)
		}
	}
	return names
}

// kindSchemas describes for each kind which further keys it needs and which it
// must not have.
func kindSchemas() []object {
	var list []object
	common := requiredKeys(allKinds...)
	for _, kind := range allKinds {
		required := slices.DeleteFunc(
			requiredKeys(kind),
			func(name string) bool { return slices.Contains(common, name) },
		)
		foreign := object{}
		for i := range keys {
			if !keys[i].Applies(kind) {
				foreign = append(foreign, member{keys[i].Name, false})
			}
		}
		list = append(list, object{
			{"if", object{{"properties", object{{"kind", object{{"const", kind}}}}}, {"required", []string{"kind"}}}},
			{"then", object{{"required", required}, {"properties", foreign}}},
		})
	}
	return list
}

func keySchema(k *Key) object {
	o := object{{"description", k.Description}}
	switch k.Type {
	case TypeString:
		o = append(o, textSchema(k, k.Empty)...)
	case TypeBool:
		o = append(o, member{"type", "boolean"})
	case TypeNumber:
		o = append(o, member{"type", "number"}, member{"exclusiveMinimum", 0})
	case TypeList:
		o = append(o, member{"type", "array"}, member{"items", textSchema(k, false)})
		if !k.Repeats {
			o = append(o, member{"uniqueItems", true})
		}
	case TypeParams:
		text := object{{"type", "string"}, {"minLength", 1}}
		o = append(o, member{"type", "array"}, member{"items", object{
			{"type", "object"},
			{"required", []string{"name", "desc"}},
			{"properties", object{{"name", text}, {"desc", text}}},
			{"additionalProperties", false},
		}})
	}
	return o
}

func textSchema(k *Key, empty bool) object {
	o := object{{"type", "string"}}
	if len(k.Enum) > 0 {
		return append(o, member{"enum", k.Enum})
	}
	if !empty {
		o = append(o, member{"minLength", 1})
	}
	if k.Pattern != "" {
		o = append(o, member{"pattern", k.Pattern})
	}
	return o
}

// object is a JSON object that preserves the order of its members, unlike a
// map.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON implements [json.Marshaler].
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := enc.Encode(m.name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := enc.Encode(m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

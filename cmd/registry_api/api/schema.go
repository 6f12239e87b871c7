package api

import (
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/spec"
)

// schemas makes JSON Schemas of Go types as encoding/json writes them. Named structs become components.
type schemas struct {
	components object
	names      map[string]reflect.Type
}

// enums are the values of named string types.
var enums = map[reflect.Type][]any{
	reflect.TypeFor[check.Severity]():  {check.Error, check.Warning},
	reflect.TypeFor[registry.Advice](): {registry.AdviceUse, registry.AdviceLook, registry.AdviceWrite},
	reflect.TypeFor[spec.SectionKind](): {
		spec.SectionExample, spec.SectionWhenToUse, spec.SectionGotchas, spec.SectionOther,
	},
}

// of is the schema of a type.
func (b *schemas) of(t reflect.Type) object {
	if t == reflect.TypeFor[time.Time]() {
		return object{"type": "string", "format": "date-time"}
	}
	if values := enums[t]; values != nil {
		return object{"type": "string", "enum": values}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return nullable(b.of(t.Elem()))
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Slice:
		return object{"type": "array", "items": b.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object"}
	case reflect.Struct:
		return b.component(t)
	case reflect.Interface:
		return object{}
	}
	panic("no schema for " + t.String())
}

// nullable admits null besides.
func nullable(schema object) object {
	if _, isRef := schema["$ref"]; isRef {
		return object{"anyOf": []any{schema, object{"type": "null"}}}
	}
	schema["type"] = []any{schema["type"], "null"}
	return schema
}

func (b *schemas) component(t reflect.Type) object {
	name := []rune(t.Name())
	if len(name) == 0 {
		return b.fields(t)
	}
	name[0] = unicode.ToUpper(name[0])
	key := strings.TrimSuffix(string(name), "Out")
	if known, ok := b.names[key]; ok && known != t || key == problemName {
		panic("two types are called " + key)
	} else if !ok {
		b.names[key] = t
		b.components[key] = b.fields(t)
	}
	return object{"$ref": "#/components/schemas/" + key}
}

// fields is the schema of a struct.
func (b *schemas) fields(t reflect.Type) object {
	properties := object{}
	required := b.collect(t, properties)
	slices.Sort(required)
	return object{"type": "object", "properties": properties, "required": required}
}

// collect adds a struct's properties to those that are there, which hide its own of the same name, and returns the
// names of those that always stand in the JSON. Embedded structs come last: outer fields hide theirs.
func (b *schemas) collect(t reflect.Type, properties object) []string {
	required := []string{}
	var embedded []reflect.Type
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "":
			embedded = append(embedded, f.Type)
		case f.IsExported() && properties[name] == nil:
			properties[name] = b.of(f.Type)
			if !strings.Contains(options, "omitempty") {
				required = append(required, name)
			}
		}
	}
	for _, e := range embedded {
		if e.Kind() == reflect.Pointer {
			e = e.Elem()
		}
		required = append(required, b.collect(e, properties)...)
	}
	return required
}

// request is the schema of a request's body: no field is needed, and no other is known.
func (b *schemas) request(t reflect.Type) object {
	schema := b.fields(t)
	delete(schema, "required")
	schema["additionalProperties"] = false
	return schema
}

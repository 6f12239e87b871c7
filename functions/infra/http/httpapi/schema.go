package httpapi

import (
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
)

// schemas makes JSON Schemas of Go types as encoding/json writes them, and, for
// input, as HTTPJSONRead takes them. Named structs become components.
type schemas struct {
	components object
	names      map[string]reflect.Type
	own        map[reflect.Type]map[string]any
	lists      []reflect.Type // named lists and maps that what is described now is in
}

// ofParameter is the schema of a parameter's type, which is read from a text.
func (b *schemas) ofParameter(t reflect.Type) object {
	if t == reflect.TypeFor[time.Duration]() {
		return object{"type": "string", "examples": []any{"1m30s"}}
	}
	if t.Kind() == reflect.Slice {
		return object{"type": "array", "items": b.ofParameter(t.Elem())}
	}
	return b.of(t, true)
}

// of is the schema of a type.
func (b *schemas) of(t reflect.Type, input bool) object {
	if schema := b.own[t]; schema != nil {
		return maps.Clone(schema)
	}
	if t.Kind() == reflect.Pointer {
		return nullable(b.of(t.Elem(), input))
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case implements[json.Marshaler](t):
		return object{} // whatever it writes
	case implements[encoding.TextMarshaler](t):
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Slice, reflect.Array:
		if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string", "contentEncoding": "base64"}
		}
		return object{"type": "array", "items": b.element(t, input)}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": b.element(t, input)}
	case reflect.Struct:
		return b.component(t, input)
	case reflect.Interface:
		return object{}
	}
	panic("no schema for " + t.String())
}

// element is the schema of what a list or map holds. One that holds itself,
// as type tree []tree does, has no end unless it is a component, which only
// structs are.
func (b *schemas) element(t reflect.Type, input bool) object {
	if slices.Contains(b.lists, t) {
		panic("no schema for " + t.String() + ", which holds itself: put a struct in between")
	}
	b.lists = append(b.lists, t)
	defer func() { b.lists = b.lists[:len(b.lists)-1] }()
	return b.of(t.Elem(), input)
}

func implements[I any](t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[I]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[I]())
}

// nullable admits null besides.
func nullable(schema object) object {
	if _, isRef := schema["$ref"]; isRef {
		return object{"anyOf": []any{schema, object{"type": "null"}}}
	}
	if schema["type"] != nil {
		schema["type"] = []any{schema["type"], "null"}
	}
	if enum, ok := schema["enum"].([]any); ok {
		schema["enum"] = append(enum[:len(enum):len(enum)], nil)
	}
	return schema
}

func (b *schemas) component(t reflect.Type, input bool) object {
	if t.Name() == "" {
		return b.fields(t, input)
	}
	key := strings.TrimSuffix(strings.TrimSuffix(componentName(t.Name()), "Out"), "In")
	if input {
		key += "Input"
	}
	if known, ok := b.names[key]; ok && known != t || key == problemName {
		panic("two types are called " + key)
	} else if !ok {
		b.names[key] = t
		around := b.lists
		b.lists = nil // a component ends what holds itself
		b.components[key] = b.fields(t, input)
		b.lists = around
	}
	return object{"$ref": "#/components/schemas/" + key}
}

// componentName makes of a type's name one that OpenAPI allows: of
// Page[example.org/x.Unit] PageUnit.
func componentName(name string) string {
	var out strings.Builder
	for part := range strings.FieldsFuncSeq(name, func(c rune) bool { return strings.ContainsRune("[],* ", c) }) {
		part = part[strings.LastIndexAny(part, "./")+1:]
		for i, c := range part {
			if i == 0 {
				c = unicode.ToUpper(c)
			}
			if c == '_' || c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c)) {
				out.WriteRune(c)
			}
		}
	}
	return out.String()
}

// fields is the schema of a struct. Input may leave out all fields but the
// required ones, and have no others.
func (b *schemas) fields(t reflect.Type, input bool) object {
	properties := object{}
	required := b.collect(t, properties, input)
	schema := object{"type": "object", "properties": properties}
	if input {
		schema["additionalProperties"] = false
	}
	if len(required) > 0 {
		slices.Sort(required)
		schema["required"] = required
	}
	return schema
}

// collect adds a struct's properties to those that are there, which hide its
// own of the same name, and returns the names of the required ones: those that
// are in each response, or that input must have. Embedded structs come last:
// outer fields hide theirs.
func (b *schemas) collect(t reflect.Type, properties object, input bool) []string {
	var required []string
	var embedded []reflect.Type
	for i := range t.NumField() {
		f := t.Field(i)
		_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && (f.Tag.Get("json") == "" || strings.HasPrefix(f.Tag.Get("json"), ",")) {
			embedded = append(embedded, f.Type)
			continue
		}
		r := ruleOf(f)
		if r.in != "body" || properties[r.name] != nil {
			continue
		}
		properties[r.name] = b.property(&r, options, input)
		optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		if input && r.required || !input && !optional {
			required = append(required, r.name)
		}
	}
	for _, e := range embedded {
		if e.Kind() == reflect.Pointer {
			e = e.Elem()
		}
		required = append(required, b.collect(e, properties, input)...)
	}
	return required
}

func (b *schemas) property(r *rule, options string, input bool) object {
	schema := b.of(r.typ, input)
	if strings.Contains(options, "string") {
		schema = object{"type": "string"}
	}
	if !input {
		r.byDefault = nil
	}
	inner := schema
	if items, ok := schema["items"].(object); ok {
		inner = items
	}
	r.constrain(inner)
	if r.doc != "" {
		schema["description"] = r.doc
	}
	return schema
}

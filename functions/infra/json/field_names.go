package json

import (
	"reflect"
	"slices"
	"strings"
)

// fieldNames lists the names of t's fields in JSON, with those of the structs inside, sorted: encoding/json doesn't
// say in which object it met an unknown one.
func fieldNames(t reflect.Type) []string {
	names := map[string]bool{}
	collectNames(t, names, map[reflect.Type]bool{})
	all := make([]string, 0, len(names))
	for name := range names {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func collectNames(t reflect.Type, names map[string]bool, seen map[reflect.Type]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		collectNames(t.Elem(), names, seen)
		return
	case reflect.Struct:
	default:
		return
	}
	if seen[t] {
		return
	}
	seen[t] = true
	for i := range t.NumField() {
		field := t.Field(i)
		tag := field.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		if tag == "-" || !field.IsExported() && !field.Anonymous {
			continue
		}
		if !field.Anonymous || name != "" {
			if name == "" {
				name = field.Name
			}
			names[name] = true
		}
		collectNames(field.Type, names, seen)
	}
}

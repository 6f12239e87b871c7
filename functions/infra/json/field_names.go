package json

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// fieldNames lists the JSON names of the fields of t and of the structs inside
// it, sorted: encoding/json doesn't say in which object it met an unknown one.
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
	if seen[t] { // a type may hold itself without a struct: type tree []tree
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		collectNames(t.Elem(), names, seen)
		return
	case reflect.Struct:
	default:
		return
	}
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

// fieldPath removes the names of embedded structs, which JSON does not have,
// from the path of a field.
func fieldPath(path string, in reflect.Type) string {
	var known []string
	for name := range strings.SplitSeq(path, ".") {
		in = element(in)
		var field reflect.StructField
		if in.Kind() == reflect.Struct {
			for f := range in.Fields() {
				tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				if cmp.Or(tag, f.Name) == name {
					field = f
				}
			}
		}
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); !field.Anonymous || tag != "" {
			known = append(known, name)
		}
		if field.Type != nil {
			in = field.Type
		}
	}
	return strings.Join(known, ".")
}

// element is what pointers, lists and maps hold in the end. A type that holds
// nothing but itself is its own.
func element(t reflect.Type) reflect.Type {
	seen := map[reflect.Type]bool{}
	for slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map}, t.Kind()) && !seen[t] {
		seen[t] = true
		t = t.Elem()
	}
	return t
}

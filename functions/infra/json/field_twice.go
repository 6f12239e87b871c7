package json

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// jsonObject is an object or array whose end is still to come.
type jsonObject struct {
	array bool
	name  string // the last one read
	names []string
	seen  map[string]int // index in names by folded name; only if there are many
}

// fewNames is the number of names up to which a linear search is used.
const fewNames = 16

// add adds a name and returns an earlier one that equals it, ignoring case.
func (o *jsonObject) add(name string) (earlier string, twice bool) {
	o.name = name
	if o.seen == nil && len(o.names) == fewNames {
		o.seen = map[string]int{}
		for i, n := range o.names {
			o.seen[strings.ToLower(n)] = i
		}
	}
	if o.seen != nil {
		folded := strings.ToLower(name)
		if i, ok := o.seen[folded]; ok {
			return o.names[i], true
		}
		o.seen[folded] = len(o.names)
	} else {
		for _, n := range o.names {
			if strings.EqualFold(n, name) {
				return n, true
			}
		}
	}
	o.names = append(o.names, name)
	return "", false
}

// nameTwice refuses JSON in which an object has a name twice, because readers
// differ on which one counts. Names that differ only in case count as equal if
// encoding/json fills a struct from the object. The body must be valid JSON.
func (d decoding) nameTwice(body []byte, in reflect.Type) error {
	var open []jsonObject
	name := false // the next string is a name
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{', '[':
			open = append(open, jsonObject{array: body[i] == '['})
			name = body[i] == '{'
		case '}', ']':
			open, name = open[:len(open)-1], false
		case ',':
			name = !open[len(open)-1].array
		case '"':
			end := stringEnd(body, i)
			if name {
				if err := d.checkName(body, i, end, open, in); err != nil {
					return err
				}
			}
			i, name = end-1, false
		}
	}
	return nil
}

// checkName adds the name at body[at:end] to the innermost object.
func (d decoding) checkName(body []byte, at, end int, open []jsonObject, in reflect.Type) error {
	name := string(body[at+1 : end-1])
	if strings.IndexByte(name, '\\') >= 0 {
		if err := json.Unmarshal(body[at:end], &name); err != nil {
			return err // it has been decoded before
		}
	}
	within := open[:len(open)-1]
	earlier, twice := open[len(open)-1].add(name)
	if !twice || earlier != name && !isStruct(in, within) {
		return nil
	}
	return d.invalid(fmt.Sprintf("field %q appears twice", clip(name)), at, body)
}

// stringEnd returns the index after the string that starts at from.
func stringEnd(body []byte, from int) int {
	for i := from + 1; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(body)
}

// isStruct reports whether encoding/json fills a struct here, following the
// fields from the top-level value.
func isStruct(t reflect.Type, way []jsonObject) bool {
	for {
		switch {
		case t.Kind() == reflect.Pointer:
			t = t.Elem()
		case len(way) == 0:
			return t.Kind() == reflect.Struct
		case way[0].array && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array), !way[0].array && t.Kind() == reflect.Map:
			t, way = t.Elem(), way[1:]
		case !way[0].array && t.Kind() == reflect.Struct:
			field, ok := fieldNamed(t, way[0].name)
			if !ok {
				return false
			}
			t, way = field.Type, way[1:]
		default:
			return false
		}
	}
}

// fieldNamed returns the struct field that encoding/json fills from a name.
func fieldNamed(t reflect.Type, name string) (reflect.StructField, bool) {
	for _, f := range reflect.VisibleFields(t) {
		own, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if own == "" {
			own = f.Name
		}
		if f.IsExported() && f.Tag.Get("json") != "-" && strings.EqualFold(own, name) {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

package httpapi

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/internal/candidate"
)

// maxParam is the longest text of a parameter, in bytes.
const maxParam = 4096

// rule is what a field's tags say. The document and the check of requests both
// go by it.
type rule struct {
	name, in  string // in: path, query or body
	doc       string
	enum      []string
	min, max  *int64
	required  bool
	byDefault any // int64, string or bool; nil: none
	typ       reflect.Type
	index     []int
	others    bool // it takes the parameters that no other one does
}

// make reads what the endpoint takes. in is a pointer.
func (e *HTTPAPIEndpoint) make(in reflect.Type) *made {
	if in.Kind() != reflect.Pointer {
		panic(fmt.Sprintf("%s: its In is %s, want a pointer", e.Name, in))
	}
	in = in.Elem()
	m := &made{in: in, problem: e.Problem}
	e.made = m
	if in.Kind() != reflect.Struct {
		m.body = true
	} else {
		m.read(e.Name, in, nil)
	}
	if m.body && (e.Method == http.MethodGet || e.Method == http.MethodDelete) {
		panic(fmt.Sprintf("%s: a %s has no body, so every field of its In needs a query or path tag", e.Name, e.Method))
	}
	return m
}

func (m *made) read(endpoint string, t reflect.Type, index []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(slices.Clip(index), i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct && f.Tag.Get("json") == "" {
			m.read(endpoint, f.Type, at)
			continue
		}
		r := ruleOf(f)
		switch {
		case r.in == "":
			continue
		case r.in == "body":
			m.body = true
		case r.doc == "":
			panic(fmt.Sprintf("%s: parameter %s has no doc tag", endpoint, r.name))
		}
		if problem := r.problem(); problem != "" {
			panic(fmt.Sprintf("%s: field %s: %s", endpoint, f.Name, problem))
		}
		r.index = at
		m.rules = append(m.rules, r)
	}
}

// ruleOf reads a field's tags. Its in is empty for a field that requests don't
// fill.
func ruleOf(f reflect.StructField) rule {
	r := rule{name: f.Tag.Get("query"), in: "query", doc: f.Tag.Get("doc"), typ: f.Type, required: f.Tag.Get("required") == "true"}
	if path := f.Tag.Get("path"); path != "" {
		r.name, r.in, r.required = path, "path", true
	}
	if r.name == "" {
		r.name, _, _ = strings.Cut(f.Tag.Get("json"), ",")
		r.in = "body"
		if r.name == "-" || !f.IsExported() {
			return rule{}
		}
		r.name = cmp.Or(r.name, f.Name)
	}
	if prefix, ok := strings.CutSuffix(r.name, "*"); ok && r.in == "query" && f.Type == reflect.TypeFor[url.Values]() {
		r.name, r.others = cmp.Or(prefix, strings.ToLower(f.Name)), true
	}
	if enum := f.Tag.Get("enum"); enum != "" {
		r.enum = strings.Split(enum, ",")
	}
	r.min, r.max = intTag(f, "min"), intTag(f, "max")
	if text, ok := f.Tag.Lookup("default"); ok {
		r.byDefault = text
		switch r.value().Kind() {
		case reflect.Bool:
			r.byDefault = text == "true"
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
			r.byDefault = *intTag(f, "default")
		}
	}
	return r
}

func intTag(f reflect.StructField, name string) *int64 {
	text := f.Tag.Get(name)
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("field %s: tag %s is %q", f.Name, name, text))
	}
	return &n
}

// value is the type of one value: of a pointer's target, or a list's element.
func (r *rule) value() reflect.Type {
	if r.typ.Kind() == reflect.Pointer || r.typ.Kind() == reflect.Slice {
		return r.typ.Elem()
	}
	return r.typ
}

// problem says why the tags can't work on a field of this type; "": they can.
func (r *rule) problem() string {
	value := r.value()
	switch value.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
	default:
		if r.min != nil || r.max != nil {
			return "min and max are for whole numbers"
		}
	}
	if r.enum != nil && value.Kind() != reflect.String {
		return "enum is for texts"
	}
	if text, ok := r.byDefault.(string); ok && r.enum != nil && !slices.Contains(r.enum, text) {
		return "its default is not in its enum"
	}
	switch r.typ.Kind() {
	case reflect.Pointer, reflect.String:
	case reflect.Slice, reflect.Map:
		if r.byDefault != nil {
			return "a list has no default"
		}
	default:
		if r.byDefault != nil || r.required && r.in != "path" {
			return "needs a pointer, so that 0 and false can be told from absence"
		}
	}
	if _, isText := r.byDefault.(string); isText && value.Kind() != reflect.String {
		return "default is for texts, signed whole numbers and bools"
	}
	return ""
}

// apply sets the defaults of what in points to and holds it to the rules.
func (m *made) apply(in any) error {
	value := reflect.ValueOf(in).Elem()
	for i := range m.rules {
		r := &m.rules[i]
		if err := r.apply(value.FieldByIndex(r.index)); err != nil {
			return err
		}
	}
	return nil
}

func (r *rule) apply(v reflect.Value) error {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return r.absent(v)
		}
		return r.check(v.Elem())
	}
	if r.others {
		return r.checkOthers(v.Interface().(url.Values))
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String:
		if v.Len() == 0 {
			return r.absent(v)
		}
	}
	if v.Kind() != reflect.Slice {
		return r.check(v)
	}
	for i := range v.Len() {
		if err := r.check(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// checkOthers holds parameters of any name to what texts may be.
func (r *rule) checkOthers(values url.Values) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		one := rule{name: candidate.Clip(name), in: r.in}
		for _, text := range append([]string{name}, values[name]...) {
			if err := one.checkText(text); err != nil {
				return err
			}
		}
	}
	return nil
}

// absent sets a default, or refuses what must be there.
func (r *rule) absent(v reflect.Value) error {
	switch {
	case r.byDefault != nil:
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.New(v.Type().Elem()))
			v = v.Elem()
		}
		v.Set(reflect.ValueOf(r.byDefault).Convert(v.Type()))
	case r.required:
		return r.refuse("is missing", nil, "")
	}
	return nil
}

func (r *rule) check(v reflect.Value) error {
	switch {
	case v.Kind() == reflect.String:
		return r.checkText(v.String())
	case v.CanInt():
		if n := v.Int(); r.min != nil && n < *r.min || r.max != nil && n > *r.max {
			return r.refuse(fmt.Sprintf("is %d, want %s", n, r.bounds()), nil, "")
		}
	case v.CanUint():
		if n := v.Uint(); r.min != nil && *r.min > 0 && n < uint64(*r.min) || r.max != nil && (*r.max < 0 || n > uint64(*r.max)) {
			return r.refuse(fmt.Sprintf("is %d, want %s", n, r.bounds()), nil, "")
		}
	}
	return nil
}

// bounds is what a whole number may be, in words.
func (r *rule) bounds() string {
	switch {
	case r.max == nil:
		return fmt.Sprintf("%d or more", *r.min)
	case r.min == nil:
		return fmt.Sprintf("%d or less", *r.max)
	}
	return fmt.Sprintf("%d to %d", *r.min, *r.max)
}

func (r *rule) checkText(text string) error {
	if r.in != "body" && len(text) > maxParam { // whose length was looked at when it was read
		return r.refuse(fmt.Sprintf("is longer than %d bytes", maxParam), nil, "")
	}
	if text == "" || r.enum == nil || slices.Contains(r.enum, text) {
		return nil
	}
	candidates, hint := candidate.Names(text, r.enum)
	return r.refuse(fmt.Sprintf("is %.80q, which is none of its values", text), candidates, hint)
}

// refuse says what is wrong with a value; candidates, which may be nil, are
// what it may have meant.
func (r *rule) refuse(problem string, candidates []string, hint string) error {
	what := "parameter"
	if r.in == "body" {
		what = "field"
	}
	members := map[string]any{what: r.name}
	if candidates != nil {
		members["candidates"] = candidates
	}
	return &fnhttp.HTTPProblemError{Members: members, Err: &core.Error{
		Code: core.CodeInvalid, Op: "http_api", Message: fmt.Sprintf("%s %q %s", what, r.name, problem), Hint: hint,
	}}
}

package api

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"fnregistry.dev/fn_registry/spec"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// maxParam is the longest parameter, in bytes.
const maxParam = 4096

// param is a parameter as a field's tags describe it. The document and the check of requests both go by it.
type param struct {
	name, in  string // in: path or query
	doc       string
	enum      []string
	min, max  *int
	byDefault string
	typ       reflect.Type
	index     int
}

func params(in reflect.Type) []param {
	var all []param
	for i := range in.NumField() {
		f := in.Field(i)
		p := param{name: f.Tag.Get("query"), in: "query", doc: f.Tag.Get("doc"), byDefault: f.Tag.Get("default"), typ: f.Type, index: i}
		if path := f.Tag.Get("path"); path != "" {
			p.name, p.in = path, "path"
		}
		if p.name == "" {
			continue
		}
		if enum := f.Tag.Get("enum"); enum != "" {
			p.enum = strings.Split(enum, ",")
		}
		p.min, p.max = intTag(f, "min"), intTag(f, "max")
		all = append(all, p)
	}
	return all
}

func intTag(f reflect.StructField, name string) *int {
	text := f.Tag.Get(name)
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(fmt.Sprintf("field %s: tag %s is %q", f.Name, name, text))
	}
	return &n
}

// checker holds parameters to their tags.
type checker struct{ params []param }

func newChecker(in reflect.Type) checker { return checker{params(in)} }

func (c checker) check(in reflect.Value) error {
	for _, p := range c.params {
		v := in.Field(p.index)
		switch {
		case v.Kind() == reflect.Pointer && v.IsNil():
			continue
		case v.Kind() == reflect.Pointer:
			v = v.Elem()
		}
		if err := p.check(v); err != nil {
			return err
		}
	}
	return nil
}

func (p param) check(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			if err := p.check(v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.String:
		return p.checkText(v.String())
	case reflect.Int:
		if n := int(v.Int()); p.min != nil && n < *p.min || p.max != nil && n > *p.max {
			return p.refuse(fmt.Sprintf("parameter %q is %d, want %s", p.name, n, p.bounds()), nil)
		}
	}
	return nil
}

// bounds is what an integer may be, in words.
func (p param) bounds() string {
	switch {
	case p.max == nil:
		return fmt.Sprintf("%d or more", *p.min)
	case p.min == nil:
		return fmt.Sprintf("%d or less", *p.max)
	}
	return fmt.Sprintf("%d to %d", *p.min, *p.max)
}

func (p param) checkText(text string) error {
	switch {
	case len(text) > maxParam:
		return p.refuse(fmt.Sprintf("parameter %q is longer than %d bytes", p.name, maxParam), nil)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return p.refuse(fmt.Sprintf("parameter %q is not text: it has a NUL or is not UTF-8", p.name), nil)
	case text == "" || p.enum == nil || slices.Contains(p.enum, text):
		return nil
	}
	near := p.enum
	if s := spec.Suggest(text, p.enum); s != "" {
		near = []string{s}
	}
	return p.refuse(fmt.Sprintf("parameter %q is %.80q, want one of %s", p.name, text, strings.Join(p.enum, ", ")), near)
}

func (p param) refuse(message string, candidates []string) error {
	members := map[string]any{"parameter": p.name}
	if candidates != nil {
		members["candidates"] = candidates
	}
	return &fnhttp.HTTPProblemError{Err: &core.Error{Code: core.CodeInvalid, Message: message}, Members: members}
}

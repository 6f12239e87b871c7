package http

import (
	"encoding"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/typename"
)

// urlPlan says which fields of a struct come from the URL.
type urlPlan struct {
	fields     []urlField
	queryNames []string
	others     *urlField // takes the parameters that no other field does; nil: they are refused
	untagged   bool      // there are fields, or a type other than a struct, for a body to fill
}

type urlField struct {
	name     string
	path     bool // from the path's pattern, else from the query
	repeated bool
	index    []int
	parse    func(value string, into reflect.Value) error // its error says what is wanted; nil: it takes all parameters that begin with name
}

// takes reports whether the field of other parameters takes one.
func (f *urlField) takes(name string) bool {
	return f != nil && len(name) > len(f.name) && strings.HasPrefix(name, f.name)
}

// set fills the field, or adds to it where it may be repeated.
func (f *urlField) set(into reflect.Value, value string) error {
	if f.repeated {
		element := reflect.New(into.Type().Elem()).Elem()
		if err := f.parse(value, element); err != nil {
			return err
		}
		into.Set(reflect.Append(into, element))
		return nil
	}
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	return f.parse(value, into)
}

// urlPlans remembers the plan of each type.
var urlPlans sync.Map // reflect.Type -> *urlPlan

func urlPlanOf(t reflect.Type) (*urlPlan, error) {
	if known, ok := urlPlans.Load(t); ok {
		return known.(*urlPlan), nil
	}
	plan := &urlPlan{}
	if t.Kind() != reflect.Struct {
		plan.untagged = true
	} else if err := plan.add(t, nil); err != nil {
		return nil, &core.Error{Code: core.CodeInternal, Op: queryReadOp + " type=" + t.String(), Err: err}
	}
	urlPlans.Store(t, plan)
	return plan, nil
}

func (plan *urlPlan) add(t reflect.Type, index []int) error {
	for i := range t.NumField() {
		field := t.Field(i)
		at := append(index[:len(index):len(index)], i)
		query, path := field.Tag.Get("query"), field.Tag.Get("path")
		if query == "" && path == "" {
			if field.Anonymous && field.Type.Kind() == reflect.Struct {
				if err := plan.add(field.Type, at); err != nil {
					return err
				}
			} else if field.IsExported() && field.Tag.Get("json") != "-" {
				plan.untagged = true
			}
			continue
		}
		added, err := newURLField(field, query, path)
		if err != nil {
			return fmt.Errorf("field %s: %w", field.Name, err)
		}
		added.index = at
		if added.parse == nil {
			if plan.others != nil {
				return fmt.Errorf("field %s: a second one for all other parameters", field.Name)
			}
			plan.others = &added
			continue
		}
		plan.fields = append(plan.fields, added)
		if !added.path {
			plan.queryNames = append(plan.queryNames, added.name)
		}
	}
	return nil
}

func newURLField(field reflect.StructField, query, path string) (urlField, error) {
	added := urlField{name: query}
	switch {
	case !field.IsExported():
		return added, errors.New("has a tag but is not exported")
	case query != "" && path != "":
		return added, errors.New("has both a query and a path tag")
	case field.Tag.Get("json") != "-":
		return added, errors.New(`comes from the URL, and needs the tag json:"-", or a body could set it too`)
	case path != "":
		added.name, added.path = path, true
	}
	t := field.Type
	if prefix, ok := strings.CutSuffix(query, "*"); ok && t == reflect.TypeFor[url.Values]() {
		added.name = prefix
		return added, nil
	}
	if added.parse = urlParser(t); added.parse == nil {
		switch {
		case t.Kind() == reflect.Pointer:
			added.parse = urlParser(t.Elem())
		case t.Kind() == reflect.Slice && !added.path:
			added.repeated = true
			added.parse = urlParser(t.Elem())
		}
	}
	if added.parse == nil {
		return added, fmt.Errorf("can't hold a parameter: %s", t)
	}
	return added, nil
}

// urlParser returns nil for a type that no parameter fills.
func urlParser(t reflect.Type) func(string, reflect.Value) error {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return func(value string, into reflect.Value) error {
			err := into.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(value))
			if err != nil {
				return fmt.Errorf("another value: %w", err)
			}
			return nil
		}
	}
	if t == reflect.TypeFor[time.Duration]() {
		return func(value string, into reflect.Value) error {
			d, err := time.ParseDuration(value)
			into.SetInt(int64(d))
			return wanted(err, "a duration such as 1m30s")
		}
	}
	switch t.Kind() {
	case reflect.String:
		return func(value string, into reflect.Value) error { into.SetString(value); return nil }
	case reflect.Bool:
		return func(value string, into reflect.Value) error {
			into.SetBool(value == "true" || value == "1")
			if value != "true" && value != "1" && value != "false" && value != "0" {
				return errors.New("true or false")
			}
			return nil
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(value string, into reflect.Value) error {
			n, err := strconv.ParseInt(value, 10, t.Bits())
			into.SetInt(n)
			return wanted(err, typename.InJSON(t))
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(value string, into reflect.Value) error {
			n, err := strconv.ParseUint(value, 10, t.Bits())
			into.SetUint(n)
			return wanted(err, typename.InJSON(t))
		}
	case reflect.Float32, reflect.Float64:
		return func(value string, into reflect.Value) error {
			f, err := strconv.ParseFloat(value, t.Bits())
			if strings.Trim(value, "0123456789+-.eE") != "" { // strconv takes NaN, Inf, 0x1p4 and 1_0, too
				err = strconv.ErrSyntax
			}
			into.SetFloat(f)
			return wanted(err, typename.InJSON(t))
		}
	}
	return nil
}

func wanted(err error, what string) error {
	if err == nil {
		return nil
	}
	return errors.New(what)
}

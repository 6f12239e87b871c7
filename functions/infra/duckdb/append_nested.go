//go:build cgo

package duckdb

import (
	"fmt"
	"reflect"

	driver "github.com/duckdb/duckdb-go/v2"
)

// nestedConverter is newConverter for nested types: the driver checks their
// elements as little as top-level values.
func nestedConverter(info driver.TypeInfo, waiting *int) (converter, error) {
	switch d := info.Details().(type) {
	case *driver.DecimalDetails:
		return decimalConverter(d.Width, d.Scale), nil
	case *driver.EnumDetails:
		return enumConverter(d.Values)
	case *driver.ListDetails:
		element, err := newConverter(d.Child, false, waiting)
		return listConverter(element, -1), err
	case *driver.ArrayDetails:
		element, err := newConverter(d.Child, false, waiting)
		return listConverter(element, int(d.Size)), err
	case *driver.StructDetails:
		return structConverter(d, waiting)
	case *driver.MapDetails:
		key, err := newConverter(d.Key, false, waiting)
		if err != nil {
			return nil, err
		}
		value, err := newConverter(d.Value, false, waiting)
		return mapConverter(key, value), err
	case *driver.UnionDetails:
		return unionConverter(d, waiting)
	}
	return nil, fmt.Errorf("the driver can't write this type")
}

// enumConverter checks that the value is one of the ENUM's. The driver writes
// nothing at all for an ENUM of more than 255 values.
func enumConverter(values []string) (converter, error) {
	if len(values) > 255 {
		return nil, fmt.Errorf("the driver can't write an ENUM of %d values, 255 at most", len(values))
	}
	known := map[string]bool{}
	for _, v := range values {
		known[v] = true
	}
	return func(value any) (any, error) {
		name, ok := indirect(value).(string)
		if !ok {
			return orNil(value, "ENUM: use its name")
		}
		if !known[name] {
			return nil, fmt.Errorf("not a value of the ENUM")
		}
		return name, nil
	}, nil
}

// listConverter accepts slices and arrays; size is the required number of
// elements, negative for any.
func listConverter(element converter, size int) converter {
	return func(value any) (any, error) {
		v := reflect.ValueOf(indirect(value))
		switch {
		case !v.IsValid(), v.Kind() == reflect.Slice && v.IsNil():
			return nil, nil
		case v.Kind() != reflect.Slice && v.Kind() != reflect.Array:
			return nil, mismatch(value, "list")
		case size >= 0 && v.Len() != size:
			return nil, fmt.Errorf("%d elements for an ARRAY of %d", v.Len(), size)
		}
		list := make([]any, v.Len())
		for i := range list {
			var err error
			if list[i], err = convertInner(element, v.Index(i).Interface()); err != nil {
				return nil, fmt.Errorf("element %d: %w", i+1, err)
			}
		}
		return list, nil
	}
}

func convertInner(convert converter, value any) (any, error) {
	if value == nil {
		return nil, nil
	}
	return convert(value)
}

func structConverter(details *driver.StructDetails, waiting *int) (converter, error) {
	fields := map[string]converter{}
	for _, entry := range details.Entries {
		convert, err := newConverter(entry.Info(), false, waiting)
		if err != nil {
			return nil, err
		}
		fields[entry.Name()] = convert
	}
	return func(value any) (any, error) {
		given, ok := indirect(value).(map[string]any)
		switch {
		case !ok:
			return orNil(value, "STRUCT: use a map[string]any")
		case given == nil:
			return nil, nil
		}
		converted := make(map[string]any, len(fields))
		for name, convert := range fields {
			v, ok := given[name]
			if !ok {
				return nil, fmt.Errorf("no field %q", name)
			}
			var err error
			if converted[name], err = convertInner(convert, v); err != nil {
				return nil, fmt.Errorf("field %q: %w", name, err)
			}
		}
		if len(given) > len(fields) {
			return nil, fmt.Errorf("%d fields for a STRUCT of %d", len(given), len(fields))
		}
		return converted, nil
	}, nil
}

func mapConverter(key, value converter) converter {
	return func(given any) (any, error) {
		v := reflect.ValueOf(indirect(given))
		switch {
		case !v.IsValid(), v.Kind() == reflect.Map && v.IsNil():
			return nil, nil
		case v.Kind() != reflect.Map:
			return nil, mismatch(given, "MAP")
		}
		converted := make(driver.Map, v.Len())
		for each := v.MapRange(); each.Next(); {
			k, err := convertInner(key, each.Key().Interface())
			if err != nil {
				return nil, fmt.Errorf("a key: %w", err)
			}
			if k == nil || !reflect.TypeOf(k).Comparable() { // DuckDB has no NULL keys, and Go no slices as keys
				return nil, fmt.Errorf("a key that the driver can't write")
			}
			if converted[k], err = convertInner(value, each.Value().Interface()); err != nil {
				return nil, fmt.Errorf("the value of a key: %w", err)
			}
		}
		return converted, nil
	}
}

func unionConverter(details *driver.UnionDetails, waiting *int) (converter, error) {
	members := map[string]converter{}
	for _, member := range details.Members {
		convert, err := newConverter(member.Type, false, waiting)
		if err != nil {
			return nil, err
		}
		members[member.Name] = convert
	}
	return func(value any) (any, error) {
		u, ok := indirect(value).(driver.Union)
		if !ok {
			return orNil(value, "UNION: use the driver's Union")
		}
		convert, ok := members[u.Tag]
		if !ok {
			return nil, fmt.Errorf("the UNION has no member %q", u.Tag)
		}
		inner, err := convertInner(convert, u.Value)
		return driver.Union{Tag: u.Tag, Value: inner}, err
	}, nil
}

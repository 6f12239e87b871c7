package clickhouse

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"

	"fnregistry.dev/functions/core"
)

// appendExact appends a value unchanged, or reports why the column would change
// it: the driver writes 44 for 300 in a UInt8, and a date of the next century
// as one of this. It also turns a panic in the value's own methods into an
// error. Its errors don't quote the value.
func appendExact(c column.Interface, value any) (err error) {
	if isColumnsOwn(c, value) {
		return c.AppendRow(value)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("column %s: a %T panicked while it was encoded", c.Name(), value)
		}
	}()
	exact, err := exactValue(c.Type(), value)
	if err == nil {
		err = c.AppendRow(exact)
	}
	if err != nil {
		return fmt.Errorf("column %s: %w", c.Name(), err)
	}
	return nil
}

// isColumnsOwn reports whether value already has the column's type and needs no
// check. Most values do, and checking further costs more than appending.
func isColumnsOwn(c column.Interface, value any) (own bool) {
	switch v := value.(type) {
	case string:
		_, own = c.(*column.String)
	case int64:
		_, own = c.(*column.Int64)
	case uint64:
		_, own = c.(*column.UInt64)
	case float64:
		_, own = c.(*column.Float64)
	case int32:
		_, own = c.(*column.Int32)
	case uint32:
		_, own = c.(*column.UInt32)
	case int16:
		_, own = c.(*column.Int16)
	case uint16:
		_, own = c.(*column.UInt16)
	case int8:
		_, own = c.(*column.Int8)
	case uint8:
		_, own = c.(*column.UInt8)
	case float32:
		_, own = c.(*column.Float32)
	case time.Time:
		_, own = c.(*column.DateTime)
		own = own && dateTimeBounds.has(v)
	}
	return own
}

// exactValue converts a value to one that the driver stores unchanged in a
// column of type typ.
func exactValue(typ column.Type, value any) (any, error) {
	base, nullable := plainType(string(typ))
	value, err := resolve(value)
	if err != nil {
		return nil, err
	}
	if value == nil {
		if !nullable && base != "Nothing" {
			return nil, errors.New("NULL for a column that is not Nullable")
		}
		return nil, nil
	}
	if to, ok := numberTypes[base]; ok {
		return exactNumber(base, to, value)
	}
	if element, ok := strings.CutPrefix(base, "Array("); ok {
		return exactList(column.Type(strings.TrimSuffix(element, ")")), value)
	}
	if name, bounds, ok := timeType(base); ok {
		return exactTime(name, bounds, value)
	}
	return value, nil
}

// plainType strips wrappers that only affect storage.
func plainType(typ string) (base string, nullable bool) {
	for {
		inner, ok := strings.CutPrefix(typ, "LowCardinality(")
		if !ok {
			if inner, ok = strings.CutPrefix(typ, "Nullable("); !ok {
				return typ, nullable
			}
			nullable = true
		}
		typ = strings.TrimSuffix(inner, ")")
	}
}

// resolve follows pointers and calls Valuers. Texts, IDs and decimals of
// libraries become text.
func resolve(value any) (any, error) {
	switch v := value.(type) {
	case nil, *big.Int:
		return v, nil
	case driver.Valuer:
		inner, err := core.ValuerValue(v)
		if err != nil {
			return nil, err
		}
		return inner, nil
	}
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.Pointer {
		return value, nil
	}
	if v.IsNil() {
		return nil, nil
	}
	return resolve(v.Elem().Interface())
}

var numberTypes = map[string]reflect.Type{
	"Int8": reflect.TypeFor[int8](), "Int16": reflect.TypeFor[int16](),
	"Int32": reflect.TypeFor[int32](), "Int64": reflect.TypeFor[int64](),
	"UInt8": reflect.TypeFor[uint8](), "UInt16": reflect.TypeFor[uint16](),
	"UInt32": reflect.TypeFor[uint32](), "UInt64": reflect.TypeFor[uint64](),
	"Float32": reflect.TypeFor[float32](), "Float64": reflect.TypeFor[float64](),
	"Int128": reflect.TypeFor[*big.Int](), "Int256": reflect.TypeFor[*big.Int](),
	"UInt128": reflect.TypeFor[*big.Int](), "UInt256": reflect.TypeFor[*big.Int](),
}

// bigBits is the number of bits, without the sign, of each large integer type.
var bigBits = map[string]int{"Int128": 127, "Int256": 255, "UInt128": 128, "UInt256": 256}

func exactNumber(base string, to reflect.Type, value any) (any, error) {
	if v := reflect.ValueOf(value); v.Kind() == reflect.Bool && base == "UInt8" { // Bool was a UInt8 before 21.12
		return v.Bool(), nil
	}
	n, err := core.NumberExact(value, to)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	if large, ok := n.(*big.Int); ok && !fitsBits(large, base) {
		return nil, errors.New("the number is beyond the type's range")
	}
	return n, nil
}

func fitsBits(n *big.Int, base string) bool {
	if n.Sign() < 0 {
		if strings.HasPrefix(base, "U") {
			return false
		}
		n = new(big.Int).Not(n) // -2^127 has as many bits as 2^127-1
	}
	return n.BitLen() <= bigBits[base]
}

// exactList converts the elements of a slice or array.
func exactList(element column.Type, value any) (any, error) {
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
		return nil, fmt.Errorf("a %T is not a list", value)
	}
	list := make([]any, v.Len())
	for i := range list {
		var err error
		if list[i], err = exactValue(element, v.Index(i).Interface()); err != nil {
			return nil, fmt.Errorf("element %d: %w", i+1, err)
		}
	}
	return list, nil
}

// timeBounds holds the first and the last time that a type can represent.
type timeBounds struct {
	from, to time.Time
	days     bool // in the time's own zone
}

var dateTimeBounds = timeBounds{time.Unix(0, 0), time.Unix(1<<32-1, 0), false}

// timeTypes: 16 bits of days, 32 bits of seconds, and for the wider types the
// range that ClickHouse documents and the driver's nanoseconds can represent.
var timeTypes = map[string]timeBounds{
	"Date":       {time.Unix(0, 0), time.Unix(1<<16*86400-1, 0), true},
	"Date32":     {time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2299, 12, 31, 0, 0, 0, 0, time.UTC), true},
	"DateTime":   dateTimeBounds,
	"DateTime64": {time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, math.MaxInt64), false},
}

func timeType(base string) (name string, bounds timeBounds, ok bool) {
	name, _, _ = strings.Cut(base, "(")
	bounds, ok = timeTypes[name]
	return name, bounds, ok
}

func (b timeBounds) has(t time.Time) bool {
	if b.days {
		year, month, day := t.Date()
		t = time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	}
	return !t.Before(b.from) && !t.After(b.to)
}

// exactTime accepts times, text, which the driver parses, and an int64 with the
// driver's meaning: seconds for DateTime, ticks for DateTime64.
func exactTime(name string, bounds timeBounds, value any) (any, error) {
	v := reflect.ValueOf(value)
	if n, ok := value.(int64); ok && name == "DateTime" {
		v = reflect.ValueOf(time.Unix(n, 0))
	} else if ok && name == "DateTime64" {
		return value, nil
	}
	if v.Kind() == reflect.String {
		return v.String(), nil
	}
	if !v.CanConvert(reflect.TypeFor[time.Time]()) {
		return nil, fmt.Errorf("a %T is not a time: use time.Time", value)
	}
	t := v.Convert(reflect.TypeFor[time.Time]()).Interface().(time.Time)
	if !bounds.has(t) {
		return nil, fmt.Errorf("the year %d is beyond the type's range", t.Year())
	}
	return t, nil
}

// storesAll reports whether the driver stores every value of a slice of a plain
// type unchanged, if it accepts the slice.
func storesAll(typ column.Type, values any) bool {
	base, _ := plainType(string(typ))
	_, bounds, ok := timeType(base)
	if !ok {
		return true
	}
	times, ok := values.([]time.Time)
	return ok && !slices.ContainsFunc(times, func(t time.Time) bool { return !bounds.has(t) })
}

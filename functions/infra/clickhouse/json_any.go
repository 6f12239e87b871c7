package clickhouse

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// jsonValue writes values of one column.
type jsonValue struct {
	bigInts bool
	date    bool // Date and Date32, also in an Array
}

// append writes what pointer points at. The types are those that the driver scans columns into.
func (j jsonValue) append(b []byte, pointer any) ([]byte, error) {
	switch v := pointer.(type) {
	case *string:
		return appendJSONString(b, *v), nil
	case *int64:
		return appendJSONInt(b, *v, j.bigInts), nil
	case *uint64:
		return appendJSONUint(b, *v, j.bigInts), nil
	case *time.Time:
		return appendJSONTime(b, *v, j.date), nil
	case *decimal.Decimal: // text, since it is exact; with the zeros of its scale
		return appendJSONString(b, v.StringFixed(max(-v.Exponent(), 0))), nil
	case *big.Int:
		if j.bigInts || v.IsInt64() {
			return append(b, v.String()...), nil
		}
		return appendJSONString(b, v.String()), nil
	}
	value := reflect.ValueOf(pointer).Elem()
	switch value.Kind() {
	case reflect.Pointer, reflect.Interface:
		if value.IsNil() {
			return append(b, "null"...), nil
		}
		if value.Kind() == reflect.Pointer {
			return j.append(b, value.Interface())
		}
		held := reflect.New(value.Elem().Type())
		held.Elem().Set(value.Elem())
		return j.append(b, held.Interface())
	}
	if marshaler, ok := pointer.(encoding.TextMarshaler); ok { // a UUID, an IP
		text, err := marshaler.MarshalText()
		return appendJSONString(b, string(text)), err
	}
	return j.appendKind(b, value)
}

func (j jsonValue) appendKind(b []byte, value reflect.Value) ([]byte, error) {
	switch value.Kind() {
	case reflect.Bool:
		return appendJSONBool(b, value.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return appendJSONInt(b, value.Int(), j.bigInts), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return appendJSONUint(b, value.Uint(), j.bigInts), nil
	case reflect.Float32:
		return appendJSONFloat(b, value.Float(), 32), nil
	case reflect.Float64:
		return appendJSONFloat(b, value.Float(), 64), nil
	case reflect.String:
		return appendJSONString(b, value.String()), nil
	case reflect.Slice, reflect.Array:
		return j.appendArray(b, value)
	case reflect.Map:
		return j.appendMap(b, value)
	}
	text, err := json.Marshal(value.Interface()) // what servers after this driver's and this unit's time may send
	return append(b, text...), err
}

func (j jsonValue) appendArray(b []byte, value reflect.Value) (_ []byte, err error) {
	b = append(b, '[')
	for i := range value.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = j.append(b, addressable(value.Index(i))); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// appendMap writes a Map or a Tuple with names as an object, its keys in order.
func (j jsonValue) appendMap(b []byte, value reflect.Value) (_ []byte, err error) {
	type entry struct {
		key   string
		value reflect.Value
	}
	entries := make([]entry, 0, value.Len())
	for key, v := range value.Seq2() {
		entries = append(entries, entry{fmt.Sprint(key.Interface()), v})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	b = append(b, '{')
	for i, e := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSONString(b, e.key), ':')
		if b, err = j.append(b, addressable(e.value)); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func addressable(value reflect.Value) any {
	if value.CanAddr() {
		return value.Addr().Interface()
	}
	held := reflect.New(value.Type())
	held.Elem().Set(value)
	return held.Interface()
}

// isDate says whether a column of this type holds dates without a time of day.
func isDate(databaseType string) bool {
	for {
		inner, ok := strings.CutSuffix(databaseType, ")")
		if !ok {
			return databaseType == "Date" || databaseType == "Date32"
		}
		outer, inner, _ := strings.Cut(inner, "(")
		if outer != "Nullable" && outer != "Array" && outer != "LowCardinality" {
			return false
		}
		databaseType = inner
	}
}

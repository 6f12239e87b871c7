package clickhouse

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"fnregistry.dev/functions/infra/rowjson"
)

// jsonValue writes values of one column.
type jsonValue struct {
	rowjson.RowJSON
	date bool // Date and Date32, also in an Array
}

func (j jsonValue) layout() string {
	if j.date {
		return time.DateOnly
	}
	return time.RFC3339Nano
}

// append appends the value that pointer points at. Its types are those that the
// driver scans columns into.
func (j jsonValue) append(b []byte, pointer any) ([]byte, error) {
	switch v := pointer.(type) {
	case *string:
		return j.AppendString(b, *v), nil
	case *int64:
		return j.AppendInt(b, *v), nil
	case *uint64:
		return j.AppendUint(b, *v), nil
	case *time.Time:
		return j.AppendTime(b, *v, j.layout()), nil
	case *decimal.Decimal: // as text, to stay exact, with the zeros of its scale
		return j.AppendString(b, v.StringFixed(max(-v.Exponent(), 0))), nil
	case *big.Int:
		return j.AppendNumber(b, v.String(), v.IsInt64()), nil
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
		return j.AppendString(b, string(text)), err
	}
	return j.appendKind(b, value)
}

func (j jsonValue) appendKind(b []byte, value reflect.Value) ([]byte, error) {
	switch value.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, value.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return j.AppendInt(b, value.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return j.AppendUint(b, value.Uint()), nil
	case reflect.Float32:
		return j.AppendFloat(b, value.Float(), 32), nil
	case reflect.Float64:
		return j.AppendFloat(b, value.Float(), 64), nil
	case reflect.String:
		return j.AppendString(b, value.String()), nil
	case reflect.Slice, reflect.Array:
		return j.appendArray(b, value)
	case reflect.Map:
		return j.appendMap(b, value)
	}
	text, err := json.Marshal(value.Interface()) // types of servers newer than this driver and this unit
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

// appendMap writes a Map or a named Tuple as an object, in key order.
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
		b = append(j.AppendString(b, e.key), ':')
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

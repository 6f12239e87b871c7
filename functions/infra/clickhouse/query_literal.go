package clickhouse

import (
	"database/sql/driver"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"
)

// appendLiteral writes a value as SQL. It refuses unknown types, so that no
// text of theirs gets into a query unquoted.
func appendLiteral(b []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(b, "NULL"...), nil
	case []byte:
		return appendText(b, string(v)), nil
	case json.Number:
		return appendNumber(b, v)
	case time.Time:
		return appendTime(b, v)
	}
	rv := reflect.ValueOf(value)
	if rv.Kind() == reflect.Pointer && rv.IsNil() {
		return append(b, "NULL"...), nil
	}
	switch v := value.(type) {
	case driver.Valuer:
		plain, err := v.Value()
		if err != nil {
			return nil, err
		}
		if _, again := plain.(driver.Valuer); again {
			return nil, fmt.Errorf("a %T returns no plain value", value)
		}
		return appendLiteral(b, plain)
	case encoding.TextMarshaler:
		text, err := v.MarshalText()
		return appendText(b, string(text)), err
	}
	return appendKind(b, rv)
}

func appendKind(b []byte, v reflect.Value) ([]byte, error) {
	switch v.Kind() {
	case reflect.Pointer:
		return appendLiteral(b, v.Elem().Interface())
	case reflect.String:
		return appendText(b, v.String()), nil
	case reflect.Bool:
		if v.Bool() {
			return append(b, '1'), nil
		}
		return append(b, '0'), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if v.Int() >= 0 {
			return strconv.AppendInt(b, v.Int(), 10), nil
		}
		return append(strconv.AppendInt(append(b, '('), v.Int(), 10), ')'), nil // 1-? must not become 1--1, a comment
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case reflect.Float32:
		return appendFloat(b, v.Float(), 32), nil
	case reflect.Float64:
		return appendFloat(b, v.Float(), 64), nil
	case reflect.Slice, reflect.Array:
		return appendArray(b, v)
	}
	return nil, fmt.Errorf("a %s can't be a value", v.Type())
}

func appendArray(b []byte, v reflect.Value) (_ []byte, err error) {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ", "...)
		}
		if b, err = appendLiteral(b, v.Index(i).Interface()); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendText(b []byte, text string) []byte {
	b = append(b, '\'')
	for _, c := range []byte(text) {
		switch c {
		case '\'', '\\':
			b = append(b, '\\', c)
		case 0:
			b = append(b, '\\', '0')
		default:
			b = append(b, c)
		}
	}
	return append(b, '\'')
}

// appendNumber writes a json.Number, as an integer if it is one.
// an integer where it is one.
func appendNumber(b []byte, number json.Number) ([]byte, error) {
	if n, err := number.Int64(); err == nil {
		return appendLiteral(b, n)
	}
	if n, err := strconv.ParseUint(number.String(), 10, 64); err == nil {
		return appendLiteral(b, n)
	}
	f, err := number.Float64()
	if err != nil {
		return nil, fmt.Errorf("%q is not a number", number)
	}
	return appendFloat(b, f, 64), nil
}

// appendFloat always writes an exponent, which makes the literal a Float64.
func appendFloat(b []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "nan"...)
	case math.IsInf(f, 1):
		return append(b, "inf"...)
	case math.IsInf(f, -1):
		return append(b, "(-inf)"...)
	case math.Signbit(f):
		return append(strconv.AppendFloat(append(b, '('), f, 'e', -1, bits), ')')
	}
	return strconv.AppendFloat(b, f, 'e', -1, bits)
}

// appendTime writes a DateTime: whole seconds from 1970 to 2106.
func appendTime(b []byte, t time.Time) ([]byte, error) {
	switch {
	case t.Nanosecond() != 0:
		return nil, errors.New("a DateTime has no fraction of a second: truncate it, or pass a string")
	case t.Unix() < 0 || t.Unix() > math.MaxUint32:
		return nil, errors.New("a DateTime lies between 1970 and 2106: pass a string")
	}
	return append(strconv.AppendInt(append(b, "toDateTime("...), t.Unix(), 10), ')'), nil
}

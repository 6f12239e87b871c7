package postgres

import (
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"fnregistry.dev/functions/core"
)

// copyEncoder appends a value in the text format of the column's type. null is
// true for a nil pointer, slice or map. The value itself is not nil. Its errors
// don't quote the value.
//
// Text goes to the server as it is: its own input function reads it. For
// integers and floats it is read here, by the rule of all drivers.
type copyEncoder func(buf []byte, value any) (text []byte, null bool, err error)

// newCopyEncoder picks the encoder for the column's type. Domains arrive as
// their base type.
func newCopyEncoder(types *pgtype.Map, oid uint32) copyEncoder {
	var typed copyEncoder
	switch oid {
	case pgtype.Int2OID:
		typed = integerEncoder[int16]
	case pgtype.Int4OID:
		typed = integerEncoder[int32]
	case pgtype.Int8OID:
		typed = integerEncoder[int64]
	case pgtype.OIDOID, pgtype.XIDOID, pgtype.CIDOID:
		typed = integerEncoder[uint32]
	case pgtype.XID8OID:
		typed = integerEncoder[uint64]
	case pgtype.Float4OID:
		typed = floatEncoder[float32]
	case pgtype.Float8OID:
		typed = floatEncoder[float64]
	case pgtype.NumericOID:
		typed = encodeNumeric
	case pgtype.BoolOID:
		typed = encodeBool
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID, pgtype.NameOID, pgtype.XMLOID, pgtype.UnknownOID:
		typed = encodeBytesAsText
	case pgtype.ByteaOID:
		typed = encodeBytea
	case pgtype.JSONOID, pgtype.JSONBOID:
		return encodeJSON
	case pgtype.DateOID:
		typed = timeEncoder("DATE", appendDate)
	case pgtype.TimestampOID:
		typed = timeEncoder("TIMESTAMP", appendTimestamp)
	case pgtype.TimestamptzOID:
		typed = timeEncoder("TIMESTAMPTZ", appendTimestamptz)
	case pgtype.TimeOID:
		typed = timeEncoder("TIME", func(buf []byte, t time.Time) []byte { return t.AppendFormat(buf, clockLayout) })
	case pgtype.TimetzOID:
		typed = timeEncoder("TIMETZ", func(buf []byte, t time.Time) []byte { return t.AppendFormat(buf, clockLayout+zoneLayout) })
	case pgtype.IntervalOID:
		typed = encodeInterval
	case pgtype.UUIDOID:
		typed = encodeUUID
	default:
		typed = codecEncoder(types, oid)
	}
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID, pgtype.XIDOID, pgtype.CIDOID, pgtype.XID8OID,
		pgtype.Float4OID, pgtype.Float8OID: // the server would take 0x10 and blanks, too
		return plainEncoder(typed, func(buf []byte, text string) ([]byte, error) {
			buf, _, err := typed(buf, text)
			return buf, err
		})
	}
	return plainEncoder(typed, appendText)
}

func appendText(buf []byte, text string) ([]byte, error) { return append(buf, text...), nil }

// plainEncoder handles what all types but JSON have in common: text, NULL,
// pointers, and Valuers.
func plainEncoder(typed copyEncoder, onText func(buf []byte, text string) ([]byte, error)) copyEncoder {
	var encode copyEncoder
	encode = func(buf []byte, value any) ([]byte, bool, error) {
		switch v := value.(type) {
		case string:
			text, err := onText(buf, v)
			return text, false, err
		case int, int64, float64, bool, time.Time, []byte:
			return typed(buf, v)
		case nil:
			return buf, true, nil
		case json.Number, *big.Int, pgtype.RangeValuer, pgtype.ArrayGetter, pgtype.MultirangeGetter, pgtype.CompositeIndexGetter:
			return typed(buf, v)
		case driver.Valuer:
			inner, err := core.ValuerValue(v)
			if err != nil {
				return nil, false, err
			}
			return encode(buf, inner)
		}
		v := reflect.ValueOf(value)
		switch v.Kind() {
		case reflect.String:
			text, err := onText(buf, v.String())
			return text, false, err
		case reflect.Pointer:
			if v.IsNil() {
				return buf, true, nil
			}
			return encode(buf, v.Elem().Interface())
		case reflect.Slice, reflect.Map:
			if v.IsNil() {
				return buf, true, nil
			}
		}
		return typed(buf, value)
	}
	return encode
}

func isNilPointer(value any) bool {
	v := reflect.ValueOf(value)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

func mismatch(value any, want string) error {
	return fmt.Errorf("got a %T, want %s", value, want)
}

// exact converts a number. Its error holds only the reason.
func exact[T any](value any) (n T, null bool, err error) {
	if n, ok := value.(T); ok {
		return n, false, nil
	}
	converted, err := core.NumberExact(value, reflect.TypeFor[T]())
	if err != nil {
		return n, false, errors.Unwrap(err)
	}
	n, ok := converted.(T)
	return n, !ok, nil
}

type integer interface {
	int16 | int32 | int64 | uint32 | uint64
}

// exactInteger is exact with a fast path for an int.
func exactInteger[T integer](value any) (n T, null bool, err error) {
	if i, ok := value.(int); ok && int64(i) == int64(T(i)) && (i < 0) == (T(i) < 0) {
		return T(i), false, nil
	}
	return exact[T](value)
}

func integerEncoder[T integer](buf []byte, value any) ([]byte, bool, error) {
	n, null, err := exactInteger[T](value)
	if err != nil || null {
		return buf, null, err
	}
	if n < 0 {
		return strconv.AppendInt(buf, int64(n), 10), false, nil
	}
	return strconv.AppendUint(buf, uint64(n), 10), false, nil
}

func floatEncoder[T float32 | float64](buf []byte, value any) ([]byte, bool, error) {
	n, null, err := exact[T](value)
	if err != nil || null {
		return buf, null, err
	}
	return strconv.AppendFloat(buf, float64(n), 'g', -1, reflect.TypeFor[T]().Bits()), false, nil
}

// encodeNumeric writes all digits; the server rounds to the column's scale.
func encodeNumeric(buf []byte, value any) ([]byte, bool, error) {
	switch v := value.(type) {
	case *big.Int:
		if v == nil {
			return buf, true, nil
		}
		return v.Append(buf, 10), false, nil
	case json.Number:
		return append(buf, v...), false, nil // the server refuses anything but a number
	case float32:
		return strconv.AppendFloat(buf, float64(v), 'g', -1, 32), false, nil
	}
	if n, _, err := exact[*big.Int](value); err == nil {
		return n.Append(buf, 10), false, nil
	}
	return floatEncoder[float64](buf, value)
}

func encodeBool(buf []byte, value any) ([]byte, bool, error) {
	b, err := asBool(value)
	return strconv.AppendBool(buf, b), false, err
}

func asBool(value any) (bool, error) {
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.Bool {
		return false, mismatch(value, "BOOLEAN")
	}
	return v.Bool(), nil
}

func encodeBytesAsText(buf []byte, value any) ([]byte, bool, error) {
	b, ok := asBytes(value)
	if !ok {
		return nil, false, mismatch(value, "text")
	}
	return append(buf, b...), b == nil, nil
}

func encodeBytea(buf []byte, value any) ([]byte, bool, error) {
	b, ok := asBytes(value)
	if !ok {
		return nil, false, mismatch(value, "BYTEA")
	}
	return hex.AppendEncode(append(buf, `\x`...), b), b == nil, nil
}

func asBytes(value any) ([]byte, bool) {
	if b, ok := value.([]byte); ok {
		return b, true
	}
	v := reflect.ValueOf(value)
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		return v.Bytes(), true
	}
	return nil, false
}

// encodeJSON treats strings and bytes as JSON text, as pgx does, and encodes
// everything else with encoding/json.
func encodeJSON(buf []byte, value any) ([]byte, bool, error) {
	switch v := value.(type) {
	case string:
		return append(buf, v...), false, nil
	case []byte:
		return append(buf, v...), v == nil, nil
	case json.Marshaler:
	case driver.Valuer:
		inner, err := core.ValuerValue(v)
		if err != nil {
			return nil, false, err
		}
		if inner == nil {
			return buf, true, nil
		}
		return encodeJSON(buf, inner)
	}
	if isNilPointer(value) {
		return buf, true, nil
	}
	text, err := json.Marshal(value)
	return append(buf, text...), false, err
}

const (
	clockLayout = "15:04:05.999999"
	zoneLayout  = "-07:00:00"
)

func timeEncoder(name string, appendTime func(buf []byte, t time.Time) []byte) copyEncoder {
	return func(buf []byte, value any) ([]byte, bool, error) {
		t, err := asTime(value, name)
		if err != nil {
			return nil, false, err
		}
		return appendTime(buf, t), false, nil
	}
}

func asTime(value any, name string) (time.Time, error) {
	if t, ok := value.(time.Time); ok {
		return t, nil
	}
	v := reflect.ValueOf(value)
	if !v.CanConvert(reflect.TypeFor[time.Time]()) {
		return time.Time{}, mismatch(value, name+": use a time.Time")
	}
	return v.Convert(reflect.TypeFor[time.Time]()).Interface().(time.Time), nil
}

// appendDate writes the date in the time's own zone. Years before 1 are BC, and
// there is no year 0.
func appendDate(buf []byte, t time.Time) []byte {
	year, month, day := t.Date()
	if year < 1 {
		year = 1 - year
		return fmt.Appendf(buf, "%04d-%02d-%02d BC", year, month, day)
	}
	return fmt.Appendf(buf, "%04d-%02d-%02d", year, month, day)
}

// appendTimestamp writes the time on its own clock, as pgx does.
func appendTimestamp(buf []byte, t time.Time) []byte {
	return appendMoment(buf, t, "")
}

func appendTimestamptz(buf []byte, t time.Time) []byte {
	return appendMoment(buf, t.UTC(), "Z")
}

func appendMoment(buf []byte, t time.Time, zone string) []byte {
	if year := t.Year(); year >= 1 && year <= 9999 {
		return append(t.AppendFormat(buf, "2006-01-02 "+clockLayout), zone...)
	}
	date := appendDate(nil, t)
	era := ""
	if t.Year() < 1 {
		date, era = date[:len(date)-len(" BC")], " BC"
	}
	buf = append(append(buf, date...), ' ')
	return append(append(t.AppendFormat(buf, clockLayout), zone...), era...)
}

func encodeInterval(buf []byte, value any) ([]byte, bool, error) {
	d, err := asDuration(value)
	// A single field: with several, IntervalStyle determines what a sign
	// applies to.
	return append(strconv.AppendInt(buf, d.Microseconds(), 10), " microseconds"...), false, err
}

func asDuration(value any) (time.Duration, error) {
	d, ok := value.(time.Duration)
	if !ok {
		return 0, mismatch(value, "INTERVAL: use a time.Duration, a pgtype.Interval or text")
	}
	return d, nil
}

func encodeUUID(buf []byte, value any) ([]byte, bool, error) {
	id, null, err := asUUID(value)
	if err != nil || null {
		return buf, null, err
	}
	return hex.AppendEncode(buf, id[:]), false, nil
}

func asUUID(value any) (id [16]byte, null bool, err error) {
	if b, ok := asBytes(value); ok {
		if b == nil {
			return id, true, nil
		}
		if len(b) != len(id) {
			return id, false, fmt.Errorf("%d bytes are not a UUID", len(b))
		}
		return [16]byte(b), false, nil
	}
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.Array || !v.CanConvert(reflect.TypeFor[[16]byte]()) {
		return id, false, mismatch(value, "UUID")
	}
	return v.Convert(reflect.TypeFor[[16]byte]()).Interface().([16]byte), false, nil
}

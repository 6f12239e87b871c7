//go:build cgo

package duckdb

import (
	"bytes"
	sqldriver "database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"time"
	"unicode/utf8"

	driver "github.com/duckdb/duckdb-go/v2"

	"fnregistry.dev/functions/core"
)

// converter turns a non-nil value into one that the driver's appender writes
// correctly into a column, or reports why that is impossible. Its errors don't
// quote the value.
type converter func(value any) (any, error)

// newConverter picks the converter for the column's type. waiting counts the
// bytes of text and blobs.
func newConverter(info driver.TypeInfo, isJSON bool, waiting *int) (converter, error) {
	if isJSON {
		return jsonConverter(waiting), nil
	}
	convert, err := typedConverter(info, waiting)
	return valued(convert), err
}

// valued calls Valuers before conversion.
func valued(convert converter) converter {
	return func(value any) (any, error) {
		switch v := value.(type) {
		case string, int, int64, float64, bool, []byte, time.Time, *driver.UUID:
			return convert(v)
		case sqldriver.Valuer:
			inner, err := core.ValuerValue(v)
			if err != nil || inner == nil {
				return nil, err
			}
			return convert(inner)
		}
		return convert(value)
	}
}

func typedConverter(info driver.TypeInfo, waiting *int) (converter, error) {
	kind := info.InternalType()
	if limits, ok := integerLimits[kind]; ok {
		return limits.convert, nil
	}
	switch kind {
	case driver.TYPE_BOOLEAN:
		return convertBool, nil
	case driver.TYPE_FLOAT:
		return convertFloat32, nil
	case driver.TYPE_DOUBLE:
		return convertFloat64, nil
	case driver.TYPE_HUGEINT:
		return hugeConverter(minHugeInt, maxHugeInt), nil
	case driver.TYPE_UHUGEINT:
		return hugeConverter(new(big.Int), maxUHugeInt), nil
	case driver.TYPE_VARCHAR:
		return textConverter(waiting), nil
	case driver.TYPE_BLOB:
		return blobConverter(waiting), nil
	case driver.TYPE_DATE:
		return convertDate, nil
	case driver.TYPE_TIMESTAMP, driver.TYPE_TIMESTAMP_TZ, driver.TYPE_TIMESTAMP_S, driver.TYPE_TIMESTAMP_MS:
		return timeConverter(minTimestamp, maxTimestamp), nil
	case driver.TYPE_TIMESTAMP_NS:
		return timeConverter(time.Unix(0, -math.MaxInt64), time.Unix(0, math.MaxInt64-1)), nil
	case driver.TYPE_TIME, driver.TYPE_TIME_TZ:
		return timeConverter(time.Time{}, time.Time{}), nil
	case driver.TYPE_INTERVAL:
		return convertInterval, nil
	case driver.TYPE_UUID:
		return convertUUID, nil
	}
	return nestedConverter(info, waiting)
}

func mismatch(value any, want string) error {
	return fmt.Errorf("got a %T, want %s", value, want)
}

func convertBool(value any) (any, error) {
	if _, ok := value.(bool); ok {
		return value, nil
	}
	if b, ok := indirect(value).(bool); ok {
		return b, nil
	}
	return orNil(value, "BOOLEAN")
}

// orNil handles values of a wrong type: a nil pointer is NULL, whatever its
// type.
func orNil(value any, want string) (any, error) {
	if indirect(value) == nil {
		return nil, nil
	}
	return nil, mismatch(value, want)
}

func convertFloat64(value any) (any, error) {
	if _, ok := value.(float64); ok {
		return value, nil // unchanged: boxing it again would allocate
	}
	return exact[float64](value, "DOUBLE")
}

func convertFloat32(value any) (any, error) {
	if _, ok := value.(float32); ok {
		return value, nil
	}
	f, err := exact[float32](value, "FLOAT")
	if err != nil {
		if wide, _ := exact[float64](value, "FLOAT"); wide != nil && math.Abs(wide.(float64)) > math.MaxFloat32 {
			return nil, fmt.Errorf("beyond the range of FLOAT")
		}
	}
	return f, err
}

// textConverter checks text. The driver cuts a string, but not a slice, at its
// first NUL byte.
func textConverter(waiting *int) converter {
	return func(value any) (any, error) {
		text, ok := value.(string)
		if !ok {
			switch v := indirect(value).(type) {
			case string:
				text = v
			case []byte:
				text = string(v)
			default:
				return orNil(value, "text")
			}
		}
		*waiting += len(text)
		switch plain, nul := scanText(text); {
		case !plain && !utf8.ValidString(text):
			return nil, errNotUTF8
		case nul:
			return []byte(text), nil
		case ok:
			return value, nil
		}
		return text, nil
	}
}

// scanText looks for bytes that are rare in text: non-ASCII bytes and NUL.
func scanText(text string) (ascii, nul bool) {
	var all byte
	for i := range len(text) {
		c := text[i]
		all |= c
		nul = nul || c == 0
	}
	return all < utf8.RuneSelf, nul
}

func blobConverter(waiting *int) converter {
	return func(value any) (any, error) {
		switch v := indirect(value).(type) {
		case []byte:
			if v == nil {
				return nil, nil
			}
			*waiting += len(v)
			return bytes.Clone(v), nil // the appender reads it after the iterator has moved on
		case string:
			*waiting += len(v)
			return []byte(v), nil
		}
		return orNil(value, "BLOB")
	}
}

func jsonConverter(waiting *int) converter {
	return func(value any) (any, error) {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		*waiting += len(text)
		return json.RawMessage(text), nil
	}
}

// The driver computes a DATE from the seconds in UTC, rounding towards 1970.
// What is meant is the date in the time's own zone.
func convertDate(value any) (any, error) {
	t, ok := indirect(value).(time.Time)
	if !ok {
		return orNil(value, "DATE: use a time.Time")
	}
	if year := t.Year(); year < -5877640 || year > 5881579 { // DuckDB's DATE is an int32 of days
		return nil, fmt.Errorf("the year %d is beyond the range of DATE", year)
	}
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC), nil
}

// DuckDB's TIMESTAMP is an int64 of microseconds.
var (
	minTimestamp = time.Date(-290307, 1, 1, 0, 0, 0, 0, time.UTC)
	maxTimestamp = time.Date(294246, 12, 31, 23, 59, 59, 0, time.UTC)
)

// timeConverter accepts times within a range, or any time if both ends are
// zero.
func timeConverter(low, high time.Time) converter {
	bounded := !low.IsZero()
	return func(value any) (any, error) {
		t, ok := value.(time.Time)
		if !ok {
			if t, ok = indirect(value).(time.Time); !ok {
				return orNil(value, "point in time: use a time.Time")
			}
			value = t
		}
		if bounded && (t.Before(low) || t.After(high)) {
			return nil, fmt.Errorf("the year %d is beyond the type's range", t.Year())
		}
		return value, nil
	}
}

func convertInterval(value any) (any, error) {
	switch v := indirect(value).(type) {
	case driver.Interval:
		return v, nil
	case time.Duration:
		return driver.Interval{Micros: v.Microseconds()}, nil
	}
	return orNil(value, "INTERVAL: use a time.Duration or the driver's Interval")
}

func convertUUID(value any) (any, error) {
	var id driver.UUID
	switch v := indirect(value).(type) {
	case driver.UUID:
		return v, nil
	case string:
		if err := id.Scan(v); err != nil {
			return nil, fmt.Errorf("text is not a UUID")
		}
		return id, nil
	case []byte:
		if len(v) != len(id) {
			return nil, fmt.Errorf("%d bytes are not a UUID", len(v))
		}
		return driver.UUID(v), nil
	case nil:
		return nil, nil
	default:
		if id, ok := asArray16(v); ok { // a UUID type of any library
			return driver.UUID(id), nil
		}
		return nil, mismatch(value, "UUID")
	}
}

//go:build cgo

package duckdb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	driver "github.com/duckdb/duckdb-go/v2"

	"fnregistry.dev/functions/infra/rowjson"
)

// jsonValues writes the driver's values as JSON.
type jsonValues struct{ rowjson.RowJSON }

// append writes a value by its Go type only.
func (w jsonValues) append(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int8:
		return strconv.AppendInt(b, int64(v), 10)
	case int16:
		return strconv.AppendInt(b, int64(v), 10)
	case int32:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return w.AppendInt(b, v)
	case uint8:
		return strconv.AppendUint(b, uint64(v), 10)
	case uint16:
		return strconv.AppendUint(b, uint64(v), 10)
	case uint32:
		return strconv.AppendUint(b, uint64(v), 10)
	case uint64:
		return w.AppendUint(b, v)
	case *big.Int:
		safe := v.IsInt64() && -maxSafeInt <= v.Int64() && v.Int64() <= maxSafeInt
		return w.AppendNumber(b, v.String(), safe)
	case driver.Decimal:
		safe := v.Value.IsInt64() && -maxSafeDecimal < v.Value.Int64() && v.Value.Int64() < maxSafeDecimal
		return w.AppendNumber(b, decimalText(v), safe)
	case float32:
		return w.AppendFloat(b, float64(v), 32)
	case float64:
		return w.AppendFloat(b, v, 64)
	case string:
		return w.AppendString(b, v)
	case []byte:
		return w.AppendBytes(b, v)
	case time.Time:
		return w.appendTime(b, v, time.RFC3339Nano)
	case driver.Interval:
		return w.AppendString(b, fmt.Sprintf("%d months %d days %d microseconds", v.Months, v.Days, v.Micros))
	}
	return w.appendNested(b, nil, value)
}

// maxSafeInt is JavaScript's Number.MAX_SAFE_INTEGER. A decimal of up to 15
// digits survives a float64.
const (
	maxSafeInt     = 1<<53 - 1
	maxSafeDecimal = 1e15
)

// decimalText writes all digits of the type: 1.50 in a DECIMAL(5,2).
func decimalText(d driver.Decimal) string {
	digits := new(big.Int).Abs(d.Value).String()
	if scale := int(d.Scale); scale > 0 {
		if len(digits) <= scale {
			digits = strings.Repeat("0", scale-len(digits)+1) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if d.Value.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

// appendTyped writes a value by its DuckDB type, which the elements of lists
// and structs need.
func (w jsonValues) appendTyped(b []byte, info driver.TypeInfo, value any) []byte {
	if value == nil {
		return append(b, "null"...)
	}
	if details := info.Details(); details != nil {
		return w.appendNested(b, details, value)
	}
	return w.appendKind(b, info.InternalType(), value)
}

func (w jsonValues) appendKind(b []byte, kind driver.Type, value any) []byte {
	switch kind {
	case driver.TYPE_DATE:
		if t, ok := value.(time.Time); ok {
			return w.appendTime(b, t, time.DateOnly)
		}
	case driver.TYPE_TIME, driver.TYPE_TIME_TZ:
		if t, ok := value.(time.Time); ok {
			return w.appendTime(b, t, clockLayout(t))
		}
	case driver.TYPE_UUID:
		if id, ok := value.([]byte); ok && len(id) == 16 {
			return w.AppendString(b, (*driver.UUID)(id).String())
		}
	case driver.TYPE_VARCHAR:
		if text, ok := value.(string); ok {
			return w.AppendString(b, text)
		}
		if encoded, err := json.Marshal(value); err == nil { // JSON inside another type: the driver decodes it
			return append(b, encoded...)
		}
	}
	return w.append(b, value)
}

func clockLayout(t time.Time) string {
	if _, offset := t.Zone(); offset != 0 {
		return "15:04:05.999999Z07:00"
	}
	return "15:04:05.999999"
}

// appendNested writes lists, structs, maps and unions. Without type details,
// names are sorted.
func (w jsonValues) appendNested(b []byte, details driver.TypeDetails, value any) []byte {
	switch v := value.(type) {
	case []any:
		return w.appendList(b, childType(details), v)
	case map[string]any:
		return w.appendStruct(b, details, v)
	case driver.Map:
		return w.appendMap(b, details, v)
	case driver.Union:
		b = append(w.AppendString(append(b, '{'), v.Tag), ':')
		if details, ok := details.(*driver.UnionDetails); ok {
			for _, member := range details.Members {
				if member.Name == v.Tag {
					return append(w.appendTyped(b, member.Type, v.Value), '}')
				}
			}
		}
		return append(w.append(b, v.Value), '}')
	}
	if details == nil {
		return w.AppendString(b, fmt.Sprint(value)) // the driver returns no other type
	}
	return w.append(b, value) // a DECIMAL or an ENUM, which have type details, too
}

func childType(details driver.TypeDetails) driver.TypeInfo {
	switch d := details.(type) {
	case *driver.ListDetails:
		return d.Child
	case *driver.ArrayDetails:
		return d.Child
	}
	return nil
}

func (w jsonValues) appendList(b []byte, child driver.TypeInfo, list []any) []byte {
	b = append(b, '[')
	for i, element := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = w.appendElement(b, child, element)
	}
	return append(b, ']')
}

func (w jsonValues) appendElement(b []byte, info driver.TypeInfo, value any) []byte {
	if info == nil {
		return w.append(b, value)
	}
	return w.appendTyped(b, info, value)
}

func (w jsonValues) appendStruct(b []byte, details driver.TypeDetails, fields map[string]any) []byte {
	types := map[string]driver.TypeInfo{}
	var names []string
	if d, ok := details.(*driver.StructDetails); ok {
		for _, entry := range d.Entries {
			names = append(names, entry.Name())
			types[entry.Name()] = entry.Info()
		}
	} else {
		names = slices.Sorted(maps.Keys(fields))
	}
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(w.AppendString(b, name), ':')
		b = w.appendElement(b, types[name], fields[name])
	}
	return append(b, '}')
}

// appendMap writes an object. The driver's map has no order: keys are sorted.
func (w jsonValues) appendMap(b []byte, details driver.TypeDetails, m driver.Map) []byte {
	var keyType, valueType driver.TypeInfo
	if d, ok := details.(*driver.MapDetails); ok {
		keyType, valueType = d.Key, d.Value
	}
	entries := make(map[string]any, len(m))
	for key, value := range m {
		text := w.appendElement(nil, keyType, key)
		if text[0] != '"' {
			text = w.AppendString(nil, string(text))
		}
		entries[string(text)] = value
	}
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(entries)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, key...), ':')
		b = w.appendElement(b, valueType, entries[key])
	}
	return append(b, '}')
}

// appendJSONText writes a value of a JSON column unchanged. DuckDB accepts NaN
// and trailing commas as JSON: such text is written as a string.
func (w jsonValues) appendText(b []byte, value any) []byte {
	text, ok := value.(string)
	if !ok { // decoded by the driver, in a statement that was not wrapped
		if encoded, err := json.Marshal(value); err == nil {
			return append(b, encoded...)
		}
	}
	compact := bytes.NewBuffer(b)
	if err := json.Compact(compact, []byte(text)); err != nil { // a line of NDJSON must not contain line breaks
		return w.AppendString(b, text)
	}
	return compact.Bytes()
}

// DuckDB's infinite dates and timestamps are the limits of their integers,
// which the driver reads as times.
var (
	infiniteTimes      = []time.Time{time.UnixMicro(math.MaxInt64), time.Unix(0, math.MaxInt64), time.Unix(math.MaxInt32*86400, 0)}
	minusInfiniteTimes = []time.Time{time.UnixMicro(-math.MaxInt64), time.Unix(0, -math.MaxInt64), time.Unix(-math.MaxInt32*86400, 0)}
)

func (w jsonValues) appendTime(b []byte, v time.Time, layout string) []byte {
	if year := v.Year(); year > 2261 || year < 1678 && year != 1 { // the years of the infinities, except those of bare clock times
		if slices.ContainsFunc(infiniteTimes, v.Equal) {
			return append(b, `"infinity"`...)
		}
		if slices.ContainsFunc(minusInfiniteTimes, v.Equal) {
			return append(b, `"-infinity"`...)
		}
	}
	return w.AppendTime(b, v, layout)
}

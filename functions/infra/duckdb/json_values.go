//go:build cgo

package duckdb

import (
	"bytes"
	"encoding/base64"
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
)

// jsonValues writes the driver's values as JSON.
type jsonValues struct {
	bigInts bool // every integer and decimal as a number
}

// append writes a value by its Go type alone.
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
		return w.quoteUnless(b, -maxSafeInt <= v && v <= maxSafeInt, strconv.FormatInt(v, 10))
	case uint8:
		return strconv.AppendUint(b, uint64(v), 10)
	case uint16:
		return strconv.AppendUint(b, uint64(v), 10)
	case uint32:
		return strconv.AppendUint(b, uint64(v), 10)
	case uint64:
		return w.quoteUnless(b, v <= maxSafeInt, strconv.FormatUint(v, 10))
	case *big.Int:
		safe := v.IsInt64() && -maxSafeInt <= v.Int64() && v.Int64() <= maxSafeInt
		return w.quoteUnless(b, safe, v.String())
	case driver.Decimal:
		safe := v.Value.IsInt64() && -maxSafeDecimal < v.Value.Int64() && v.Value.Int64() < maxSafeDecimal
		return w.quoteUnless(b, safe, decimalText(v))
	case float32:
		return appendJSONFloat(b, float64(v), 32)
	case float64:
		return appendJSONFloat(b, v, 64)
	case string:
		return appendJSONString(b, v)
	case []byte:
		b = base64.StdEncoding.AppendEncode(append(b, '"'), v)
		return append(b, '"')
	case time.Time:
		return appendJSONTime(b, v, time.RFC3339Nano)
	case driver.Interval:
		return appendJSONString(b, fmt.Sprintf("%d months %d days %d microseconds", v.Months, v.Days, v.Micros))
	}
	return w.appendNested(b, nil, value)
}

// maxSafeInt is JavaScript's Number.MAX_SAFE_INTEGER. A decimal of up to 15 digits comes back the same from a float64.
const (
	maxSafeInt     = 1<<53 - 1
	maxSafeDecimal = 1e15
)

func (w jsonValues) quoteUnless(b []byte, safe bool, number string) []byte {
	if safe || w.bigInts {
		return append(b, number...)
	}
	return append(append(append(b, '"'), number...), '"')
}

// decimalText writes all digits that the type has: 1.50 in a DECIMAL(5,2).
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

// appendTyped writes a value by DuckDB's type, which the elements of lists and structs need.
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
			return appendJSONTime(b, t, time.DateOnly)
		}
	case driver.TYPE_TIME, driver.TYPE_TIME_TZ:
		if t, ok := value.(time.Time); ok {
			return appendJSONTime(b, t, clockLayout(t))
		}
	case driver.TYPE_UUID:
		if id, ok := value.([]byte); ok && len(id) == 16 {
			return appendJSONString(b, (*driver.UUID)(id).String())
		}
	case driver.TYPE_VARCHAR:
		if text, ok := value.(string); ok {
			return appendJSONString(b, text)
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

// appendNested writes lists, structs, maps and unions. Without details, names are sorted.
func (w jsonValues) appendNested(b []byte, details driver.TypeDetails, value any) []byte {
	switch v := value.(type) {
	case []any:
		return w.appendList(b, childType(details), v)
	case map[string]any:
		return w.appendStruct(b, details, v)
	case driver.Map:
		return w.appendMap(b, details, v)
	case driver.Union:
		b = append(appendJSONString(append(b, '{'), v.Tag), ':')
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
		return appendJSONString(b, fmt.Sprint(value)) // the driver returns nothing else
	}
	return w.append(b, value) // a DECIMAL or an ENUM, which have details too
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
		b = append(appendJSONString(b, name), ':')
		b = w.appendElement(b, types[name], fields[name])
	}
	return append(b, '}')
}

// appendMap writes an object. The driver's map has lost its order: keys are sorted.
func (w jsonValues) appendMap(b []byte, details driver.TypeDetails, m driver.Map) []byte {
	var keyType, valueType driver.TypeInfo
	if d, ok := details.(*driver.MapDetails); ok {
		keyType, valueType = d.Key, d.Value
	}
	entries := make(map[string]any, len(m))
	for key, value := range m {
		text := w.appendElement(nil, keyType, key)
		if text[0] != '"' {
			text = appendJSONString(nil, string(text))
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

// appendJSONText puts a value of a JSON column in as it is. DuckDB takes NaN and trailing commas for JSON: such text is
// written as a string.
func appendJSONText(b []byte, value any) []byte {
	text, ok := value.(string)
	if !ok { // decoded by the driver, in a statement that was not wrapped
		if encoded, err := json.Marshal(value); err == nil {
			return append(b, encoded...)
		}
	}
	compact := bytes.NewBuffer(b)
	if err := json.Compact(compact, []byte(text)); err != nil { // a line of NDJSON must have no line ends
		return appendJSONString(b, text)
	}
	return compact.Bytes()
}

// appendJSONFloat keeps a real apart from an integer: 2.0 stays 2.0. JSON has neither NaN nor infinities.
func appendJSONFloat(b []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) { // where JavaScript changes over, too
		format = 'e'
	}
	start := len(b)
	b = strconv.AppendFloat(b, v, format, -1, bits)
	if !bytes.ContainsAny(b[start:], ".e") {
		b = append(b, ".0"...)
	}
	return b
}

// DuckDB's infinite dates and timestamps are the ends of the range of their integers, which the driver takes for times.
var (
	infiniteTimes      = []time.Time{time.UnixMicro(math.MaxInt64), time.Unix(0, math.MaxInt64), time.Unix(math.MaxInt32*86400, 0)}
	minusInfiniteTimes = []time.Time{time.UnixMicro(-math.MaxInt64), time.Unix(0, -math.MaxInt64), time.Unix(-math.MaxInt32*86400, 0)}
)

func appendJSONTime(b []byte, v time.Time, layout string) []byte {
	if year := v.Year(); year > 2261 || year < 1678 && year != 1 { // the years of the infinities, less those of bare clock times
		if slices.ContainsFunc(infiniteTimes, v.Equal) {
			return append(b, `"infinity"`...)
		}
		if slices.ContainsFunc(minusInfiniteTimes, v.Equal) {
			return append(b, `"-infinity"`...)
		}
	}
	b = v.AppendFormat(append(b, '"'), layout)
	return append(b, '"')
}

const hexDigits = "0123456789abcdef"

// appendJSONString writes a JSON string. DuckDB's text is UTF-8 throughout. encoding/json would have to allocate a
// result for each value.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0
	for i := range len(s) {
		var escaped string
		switch c := s[i]; {
		case c == '"', c == '\\':
			escaped = `\` + string(c)
		case c == '\n':
			escaped = `\n`
		case c == '\r':
			escaped = `\r`
		case c == '\t':
			escaped = `\t`
		case c < ' ':
			escaped = `\u00` + string(hexDigits[c>>4]) + string(hexDigits[c&0xf])
		case c == 0xe2 && i+2 < len(s) && s[i+1] == 0x80 && s[i+2]&^1 == 0xa8: // U+2028 and U+2029, line ends in JavaScript before 2019
			b = append(append(b, s[done:i]...), `\u202`...)
			b = append(b, hexDigits[s[i+2]&0xf])
			done = i + 3
			continue
		default:
			continue
		}
		b = append(append(b, s[done:i]...), escaped...)
		done = i + 1
	}
	return append(append(b, s[done:]...), '"')
}

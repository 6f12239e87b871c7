package postgres

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"fnregistry.dev/functions/infra/rowjson"
)

// jsonTypes knows the types that every server has: none registers another.
var jsonTypes = pgtype.NewMap()

func (r *textRows) columns(j rowjson.RowJSON) []rowjson.RowsJSONWriteColumn {
	fields := r.reader.FieldDescriptions()
	columns := make([]rowjson.RowsJSONWriteColumn, len(fields))
	for i, field := range fields {
		name := ""
		if known, ok := jsonTypes.TypeForOID(field.DataTypeOID); ok {
			name = known.Name
		}
		appendText := jsonAppender(j, field.DataTypeOID)
		columns[i] = rowjson.RowsJSONWriteColumn{Name: field.Name, Type: name, Append: func(b []byte) ([]byte, error) {
			if r.values[i] == nil {
				return append(b, "null"...), nil
			}
			return appendText(b, string(r.values[i]))
		}}
	}
	return columns
}

// jsonAppender returns what writes the text of a type's value as JSON.
func jsonAppender(j rowjson.RowJSON, oid uint32) func(b []byte, text string) ([]byte, error) {
	asText := func(b []byte, text string) ([]byte, error) { return j.AppendString(b, text), nil }
	switch oid {
	case pgtype.BoolOID:
		return func(b []byte, text string) ([]byte, error) { return strconv.AppendBool(b, text == "t"), nil }
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID:
		return func(b []byte, text string) ([]byte, error) {
			n, err := strconv.ParseInt(text, 10, 64)
			return j.AppendInt(b, n), err
		}
	case pgtype.Float4OID, pgtype.Float8OID:
		bits := 64
		if oid == pgtype.Float4OID {
			bits = 32
		}
		return func(b []byte, text string) ([]byte, error) {
			f, err := strconv.ParseFloat(text, bits)
			return j.AppendFloat(b, f, bits), err
		}
	case pgtype.NumericOID:
		return func(b []byte, text string) ([]byte, error) {
			if strings.Trim(text, "-.0123456789") != "" { // NaN, Infinity
				return j.AppendString(b, text), nil
			}
			return j.AppendNumber(b, text, isSafeNumber(text)), nil
		}
	case pgtype.ByteaOID:
		return func(b []byte, text string) ([]byte, error) {
			data, ok := strings.CutPrefix(text, `\x`)
			raw, err := hex.DecodeString(data)
			if !ok || err != nil {
				return nil, errors.New("bytea_output is not hex")
			}
			return j.AppendBytes(b, raw), nil
		}
	case pgtype.JSONOID, pgtype.JSONBOID:
		return func(b []byte, text string) ([]byte, error) {
			var line bytes.Buffer // a json value keeps its line ends
			err := json.Compact(&line, []byte(text))
			return append(b, line.Bytes()...), err
		}
	case pgtype.TimestampOID, pgtype.TimestamptzOID:
		return func(b []byte, text string) ([]byte, error) { return appendJSONTime(b, j, text), nil }
	}
	known, ok := jsonTypes.TypeForOID(oid)
	if !ok {
		return asText
	}
	array, ok := known.Codec.(*pgtype.ArrayCodec)
	if !ok {
		return asText
	}
	a := &arrayText{element: jsonAppender(j, array.ElementType.OID), delimiter: ','}
	if array.ElementType.OID == pgtype.BoxOID {
		a.delimiter = ';'
	}
	return a.append
}

// isSafeNumber reports whether a float64 has all digits of a decimal number.
func isSafeNumber(text string) bool {
	digits := strings.TrimLeft(strings.ReplaceAll(strings.TrimPrefix(text, "-"), ".", ""), "0")
	return len(digits) <= 15
}

// appendJSONTime writes a timestamp in UTC. What RFC 3339 has no form for
// (infinity, years BC and beyond 9999), and what a DateStyle other than ISO
// makes of it, stays as it is.
func appendJSONTime(b []byte, j rowjson.RowJSON, text string) []byte {
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04:05Z07", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z07:00:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return j.AppendTime(b, t.UTC(), time.RFC3339Nano)
		}
	}
	return j.AppendString(b, text)
}

// arrayText writes the text of an array as JSON.
type arrayText struct {
	element   func(b []byte, text string) ([]byte, error)
	delimiter byte
}

// maxDimensions is what PostgreSQL has.
const maxDimensions = 6

func (a *arrayText) append(b []byte, text string) ([]byte, error) {
	if strings.HasPrefix(text, "[") { // bounds that don't begin with 1: [0:1]={a,b}
		if _, after, found := strings.Cut(text, "="); found {
			text = after
		}
	}
	b, rest, err := a.level(b, text, 1)
	if err == nil && rest != "" {
		err = errArray
	}
	return b, err
}

var errArray = errors.New("the text is no array")

// level reads one { }.
func (a *arrayText) level(b []byte, text string, depth int) (out []byte, rest string, err error) {
	if !strings.HasPrefix(text, "{") || depth > maxDimensions {
		return nil, "", errArray
	}
	b, text = append(b, '['), text[1:]
	if strings.HasPrefix(text, "}") {
		return append(b, ']'), text[1:], nil
	}
	for {
		if strings.HasPrefix(text, "{") {
			b, text, err = a.level(b, text, depth+1)
		} else {
			b, text, err = a.value(b, text)
		}
		if err != nil || text == "" {
			return nil, "", cmp.Or(err, errArray)
		}
		c := text[0]
		text = text[1:]
		switch c {
		case '}':
			return append(b, ']'), text, nil
		case a.delimiter:
			b = append(b, ',')
		default:
			return nil, "", errArray
		}
	}
}

func (a *arrayText) value(b []byte, text string) (out []byte, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, string(a.delimiter)+"}")
		if end < 0 {
			return nil, "", errArray
		}
		if text[:end] == "NULL" {
			return append(b, "null"...), text[end:], nil
		}
		out, err = a.element(b, text[:end])
		return out, text[end:], err
	}
	var value strings.Builder
	for at := 1; at < len(text); at++ {
		switch text[at] {
		case '"':
			out, err = a.element(b, value.String())
			return out, text[at+1:], err
		case '\\':
			if at++; at == len(text) {
				return nil, "", errArray
			}
		}
		value.WriteByte(text[at])
	}
	return nil, "", fmt.Errorf("%w: a quote is not closed", errArray)
}

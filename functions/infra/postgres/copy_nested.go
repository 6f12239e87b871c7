package postgres

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"

	"github.com/jackc/pgx/v5/pgtype"
)

// codecEncoder handles arrays, ranges and rows, whose elements are checked like
// columns, and all types without a Go type here.
func codecEncoder(types *pgtype.Map, oid uint32) copyEncoder {
	known, ok := types.TypeForOID(oid)
	if !ok {
		return unknownEncoder()
	}
	switch codec := known.Codec.(type) {
	case *pgtype.ArrayCodec:
		return arrayEncoder(newCopyEncoder(types, codec.ElementType.OID))
	case *pgtype.RangeCodec:
		return rangeEncoder(newCopyEncoder(types, codec.ElementType.OID))
	case *pgtype.MultirangeCodec:
		return multirangeEncoder(newCopyEncoder(types, codec.ElementType.OID))
	case *pgtype.CompositeCodec:
		return compositeEncoder(types, codec)
	}
	return func(buf []byte, value any) ([]byte, bool, error) {
		if ip, ok := value.(net.IP); ok && ip.To4() != nil {
			value = ip.To4() // pgx would write ::ffff:10.0.0.1
		}
		text, err := types.Encode(oid, pgtype.TextFormatCode, value, buf)
		if err != nil { // its message quotes the value
			return nil, false, mismatch(value, known.Name)
		}
		return text, text == nil, nil
	}
}

// unknownEncoder handles types that the connection doesn't know, such as enums
// and those of extensions: they accept text, and slices of it.
func unknownEncoder() copyEncoder {
	text := plainEncoder(encodeBytesAsText, appendText)
	list := arrayEncoder(text)
	return func(buf []byte, value any) ([]byte, bool, error) {
		if _, ok := asBytes(value); !ok && reflect.ValueOf(value).Kind() == reflect.Slice {
			return list(buf, value)
		}
		buf, null, err := encodeBytesAsText(buf, value)
		if err != nil {
			err = mismatch(value, "value of this type: use text")
		}
		return buf, null, err
	}
}

var errRagged = errors.New("the rows of an array of several dimensions have different lengths")

// arrayEncoder writes slices and arrays of any depth. All elements at one depth
// have the same length, and only the top level may be empty: PostgreSQL has no
// other arrays.
func arrayEncoder(element copyEncoder) copyEncoder {
	return func(buf []byte, value any) ([]byte, bool, error) {
		if getter, ok := value.(pgtype.ArrayGetter); ok {
			return appendGetter(buf, element, getter)
		}
		v := reflect.ValueOf(value)
		if _, bytes := asBytes(value); bytes || !isList(v) {
			return nil, false, mismatch(value, "array")
		}
		lengths, err := arrayLengths(v)
		if err != nil {
			return nil, false, err
		}
		buf, err = appendArray(buf, element, v, lengths)
		return buf, false, err
	}
}

func isList(v reflect.Value) bool {
	return v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8 || v.Kind() == reflect.Array && v.Type().Elem().Kind() != reflect.Uint8
}

// inner returns the element behind an any or a pointer.
func inner(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer && isList(reflect.Zero(v.Type().Elem())) {
		v = v.Elem()
	}
	return v
}

// arrayLengths measures the dimensions by the first elements.
func arrayLengths(v reflect.Value) (lengths []int, err error) {
	for v.IsValid() && isList(v) {
		n := v.Len()
		if n == 0 && len(lengths) > 0 {
			return nil, errRagged
		}
		lengths = append(lengths, n)
		if n == 0 {
			break
		}
		v = inner(v.Index(0))
	}
	return lengths, nil
}

func appendArray(buf []byte, element copyEncoder, v reflect.Value, lengths []int) ([]byte, error) {
	buf = append(buf, '{')
	for i := range v.Len() {
		if i > 0 {
			buf = append(buf, ',')
		}
		item := inner(v.Index(i))
		list := item.IsValid() && isList(item)
		var err error
		switch deeper := lengths[1:]; {
		case list != (len(deeper) > 0), list && item.Len() != deeper[0]:
			return nil, errRagged
		case list:
			buf, err = appendArray(buf, element, item, deeper)
		case !item.IsValid():
			buf = append(buf, "NULL"...)
		default:
			buf, err = appendQuoted(buf, element, item.Interface(), "NULL")
		}
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i+1, err)
		}
	}
	return append(buf, '}'), nil
}

// appendQuoted writes an element of an array, range or row, in quotes.
func appendQuoted(buf []byte, element copyEncoder, value any, null string) ([]byte, error) {
	if value == nil {
		return append(buf, null...), nil
	}
	text, isNull, err := element(nil, value)
	if err != nil {
		return nil, err
	}
	if isNull {
		return append(buf, null...), nil
	}
	buf = append(buf, '"')
	for _, c := range text {
		if c == '"' || c == '\\' {
			buf = append(buf, '\\')
		}
		buf = append(buf, c)
	}
	return append(buf, '"'), nil
}

// appendGetter writes one of pgtype's own arrays.
func appendGetter(buf []byte, element copyEncoder, array pgtype.ArrayGetter) ([]byte, bool, error) {
	dimensions := array.Dimensions()
	if dimensions == nil {
		return buf, true, nil
	}
	if slices.ContainsFunc(dimensions, func(d pgtype.ArrayDimension) bool { return d.Length == 0 }) || len(dimensions) == 0 {
		return append(buf, "{}"...), false, nil
	}
	for _, d := range dimensions {
		buf = fmt.Appendf(buf, "[%d:%d]", d.LowerBound, d.LowerBound+d.Length-1)
	}
	buf = append(buf, '=')
	at := 0
	buf, err := appendDimension(buf, element, array, dimensions, &at)
	return buf, false, err
}

func appendDimension(buf []byte, element copyEncoder, array pgtype.ArrayGetter, dimensions []pgtype.ArrayDimension, at *int) ([]byte, error) {
	buf = append(buf, '{')
	for i := range dimensions[0].Length {
		if i > 0 {
			buf = append(buf, ',')
		}
		var err error
		if len(dimensions) > 1 {
			buf, err = appendDimension(buf, element, array, dimensions[1:], at)
		} else {
			buf, err = appendQuoted(buf, element, array.Index(*at), "NULL")
			*at++
		}
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i+1, err)
		}
	}
	return append(buf, '}'), nil
}

func rangeEncoder(bound copyEncoder) copyEncoder {
	return func(buf []byte, value any) ([]byte, bool, error) {
		r, ok := value.(pgtype.RangeValuer)
		if !ok {
			return nil, false, mismatch(value, "range: use a pgtype.Range or text")
		}
		if r.IsNull() {
			return buf, true, nil
		}
		low, high := r.BoundTypes()
		if low == pgtype.Empty {
			return append(buf, "empty"...), false, nil
		}
		lower, upper := r.Bounds()
		var err error
		if low == pgtype.Inclusive {
			buf = append(buf, '[')
		} else {
			buf = append(buf, '(')
		}
		if low != pgtype.Unbounded {
			if buf, err = appendQuoted(buf, bound, lower, ""); err != nil {
				return nil, false, fmt.Errorf("the lower bound: %w", err)
			}
		}
		buf = append(buf, ',')
		if high != pgtype.Unbounded {
			if buf, err = appendQuoted(buf, bound, upper, ""); err != nil {
				return nil, false, fmt.Errorf("the upper bound: %w", err)
			}
		}
		if high == pgtype.Inclusive {
			return append(buf, ']'), false, nil
		}
		return append(buf, ')'), false, nil
	}
}

func multirangeEncoder(each copyEncoder) copyEncoder {
	return func(buf []byte, value any) ([]byte, bool, error) {
		ranges, ok := value.(pgtype.MultirangeGetter)
		switch {
		case !ok:
			return nil, false, mismatch(value, "multirange: use a pgtype.Multirange or text")
		case ranges.IsNull():
			return buf, true, nil
		}
		buf = append(buf, '{')
		for i := range ranges.Len() {
			if i > 0 {
				buf = append(buf, ',')
			}
			text, null, err := each(nil, ranges.Index(i))
			if null {
				err = errors.New("a multirange has no NULL")
			}
			if err != nil {
				return nil, false, fmt.Errorf("range %d: %w", i+1, err)
			}
			buf = append(buf, text...)
		}
		return append(buf, '}'), false, nil
	}
}

func compositeEncoder(types *pgtype.Map, codec *pgtype.CompositeCodec) copyEncoder {
	fields := make([]copyEncoder, len(codec.Fields))
	for i, field := range codec.Fields {
		fields[i] = newCopyEncoder(types, field.Type.OID)
	}
	return func(buf []byte, value any) ([]byte, bool, error) {
		row, ok := value.(pgtype.CompositeIndexGetter)
		switch {
		case !ok:
			return nil, false, mismatch(value, "row: use pgtype.CompositeFields or text")
		case row.IsNull():
			return buf, true, nil
		}
		if given, ok := row.(pgtype.CompositeFields); ok && len(given) != len(fields) {
			return nil, false, fmt.Errorf("%d fields for a row of %d", len(given), len(fields))
		}
		buf = append(buf, '(')
		for i, encode := range fields {
			if i > 0 {
				buf = append(buf, ',')
			}
			var err error
			if buf, err = appendQuoted(buf, encode, row.Index(i), ""); err != nil {
				return nil, false, fmt.Errorf("field %q: %w", codec.Fields[i].Name, err)
			}
		}
		return append(buf, ')'), false, nil
	}
}

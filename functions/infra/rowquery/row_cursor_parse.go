package rowquery

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"

	"fnregistry.dev/functions/core"
)

// RowCursorParse reads a cursor that String wrote, for the query that of names.
//
// Errors: CodeInvalid for anything else.
//
// More in row_cursor_parse.md:
//   - of must say all that gives the values their meaning: the table and the
//     order; not the filter, which may change between two pages.
//   - The types of the values are those of the text, not of the columns.
func RowCursorParse(text, of string) (RowCursor, error) {
	bad := func(message string) (RowCursor, error) {
		return RowCursor{}, &core.Error{
			Code: core.CodeInvalid, Op: "row_cursor_parse", Message: message,
			Hint: "take the cursor from the page before, and keep the order; without one the first page comes",
		}
	}
	if len(text) > maxText {
		return bad("the cursor is too long")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 2+cursorSumSize || b[0] != cursorVersion || b[1] > 1 {
		return bad("not a cursor")
	}
	c := RowCursor{Of: of, Before: b[1] == 1}
	sum, b := b[2:2+cursorSumSize], b[2+cursorSumSize:]
	if !slices.Equal(sum, cursorSum(of)) {
		return bad("the cursor is of another table or order")
	}
	for len(b) > 0 {
		var v any
		var ok bool
		if v, b, ok = cutCursorValue(b); !ok || len(c.Values) == cursorMaxValues {
			return bad("not a cursor")
		}
		c.Values = append(c.Values, v)
	}
	return c, nil
}

func cutCursorValue(b []byte) (v any, rest []byte, ok bool) {
	kind, b := b[0], b[1:]
	switch kind {
	case cursorNull:
		return nil, b, true
	case cursorInt:
		i, n := binary.Varint(b)
		if n <= 0 {
			return nil, nil, false
		}
		return i, b[n:], true
	case cursorFloat:
		if len(b) < 8 {
			return nil, nil, false
		}
		f := math.Float64frombits(binary.BigEndian.Uint64(b))
		return f, b[8:], !math.IsNaN(f)
	case cursorText, cursorBytes:
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, nil, false
		}
		value, rest := b[n:n+int(size)], b[n+int(size):]
		if kind == cursorText {
			return string(value), rest, true
		}
		return slices.Clone(value), rest, true
	}
	return nil, nil, false
}

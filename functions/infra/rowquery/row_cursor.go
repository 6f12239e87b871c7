package rowquery

import (
	"encoding/base64"
	"encoding/binary"
	"math"

	"fnregistry.dev/functions/core"
)

// RowCursor is the place between two pages of rows: the values of the sorted
// columns, the key last, in the row next to it.
//
// More in row_cursor.md:
//   - It is not signed: whoever has it can change it.
//   - A long text in Values makes a long URL: sort by something short.
type RowCursor struct {
	Of     string // which query it belongs to; a parse for another one fails
	Before bool   // the page ends before the row, else it starts after it
	Values []any  // nil, int64, float64, string or []byte
}

// The types of a cursor's values.
const (
	cursorNull byte = iota
	cursorInt
	cursorFloat
	cursorText
	cursorBytes
)

const (
	cursorVersion   = 1
	cursorMaxValues = 2 * maxColumns
)

// String is the cursor as an opaque text for URLs: letters, digits, - and _.
// Of is in it as a hash. A value of another type than those allowed panics.
func (c RowCursor) String() string {
	b := []byte{cursorVersion, 0}
	if c.Before {
		b[1] = 1
	}
	b = append(b, cursorSum(c.Of)...)
	for _, v := range c.Values {
		b = appendCursorValue(b, v)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func appendCursorValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, cursorNull)
	case int64:
		return binary.AppendVarint(append(b, cursorInt), v)
	case float64:
		return binary.BigEndian.AppendUint64(append(b, cursorFloat), math.Float64bits(v))
	case string:
		b = binary.AppendUvarint(append(b, cursorText), uint64(len(v)))
		return append(b, v...)
	case []byte:
		b = binary.AppendUvarint(append(b, cursorBytes), uint64(len(v)))
		return append(b, v...)
	}
	panic("row_cursor: a value is no nil, int64, float64, string or []byte")
}

// cursorSumSize is how much of the hash of Of a cursor has: 11 characters are
// 66 bits. They find mistakes, not attacks.
const cursorSumSize = 11

func cursorSum(of string) []byte {
	const algorithm = len("sha256-")
	return []byte(core.HashContent([]byte(of))[algorithm : algorithm+cursorSumSize])
}

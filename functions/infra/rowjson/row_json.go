package rowjson

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// maxSafeInt is JavaScript's Number.MAX_SAFE_INTEGER.
const maxSafeInt = 1<<53 - 1

// RowJSON appends database values as JSON that any reader gets back whole. Its
// methods return the longer slice, as append does, and can't fail.
//
// More in row_json.md:
//   - A float that is whole keeps its point (2.0), so that a reader can tell it
//     from an integer; JavaScript can't.
//   - Strings escape U+2028 and U+2029, but not <, > and &: insert the result
//     into HTML only through a template.
type RowJSON struct {
	BigInts bool // write every integer as a number; default: those beyond ±(2^53-1) as strings, since JavaScript rounds them
}

// AppendInt appends an integer.
func (j RowJSON) AppendInt(b []byte, v int64) []byte {
	if j.BigInts || -maxSafeInt <= v && v <= maxSafeInt {
		return strconv.AppendInt(b, v, 10)
	}
	b = strconv.AppendInt(append(b, '"'), v, 10)
	return append(b, '"')
}

// AppendUint appends an unsigned integer.
func (j RowJSON) AppendUint(b []byte, v uint64) []byte {
	if j.BigInts || v <= maxSafeInt {
		return strconv.AppendUint(b, v, 10)
	}
	b = strconv.AppendUint(append(b, '"'), v, 10)
	return append(b, '"')
}

// AppendNumber appends the text of a number whose reader a float64 may not be
// enough for, as a string where safe is false, but with BigInts.
func (j RowJSON) AppendNumber(b []byte, text string, safe bool) []byte {
	if safe || j.BigInts {
		return append(b, text...)
	}
	return append(append(append(b, '"'), text...), '"')
}

// AppendFloat appends a real of 32 or 64 bits, apart from an integer: 2.0 stays
// 2.0. JSON has neither NaN nor infinities: they are the strings "NaN",
// "Infinity" and "-Infinity".
func (RowJSON) AppendFloat(b []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) { // JavaScript uses the same thresholds
		format = 'e'
	}
	start := len(b)
	b = strconv.AppendFloat(b, v, format, -1, bits)
	if !bytes.ContainsAny(b[start:], ".e") {
		b = append(b, ".0"...)
	}
	return b
}

// AppendBytes appends a string in base64 (RFC 4648, section 4).
func (RowJSON) AppendBytes(b, v []byte) []byte {
	b = base64.StdEncoding.AppendEncode(append(b, '"'), v)
	return append(b, '"')
}

// AppendTime appends a time in one of package time's layouts.
func (RowJSON) AppendTime(b []byte, v time.Time, layout string) []byte {
	b = v.AppendFormat(append(b, '"'), layout)
	return append(b, '"')
}

const hexDigits = "0123456789abcdef"

// AppendString appends a string; bytes that are no UTF-8 become U+FFFD.
// encoding/json would have to allocate a result for each value.
func (RowJSON) AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[done:i]...), `\ufffd`...)
				done = i + 1
			} else if r == '\u2028' || r == '\u2029' { // line terminators in JavaScript before 2019
				b = append(append(b, s[done:i]...), `\u202`...)
				b = append(b, hexDigits[r&0xf])
				done = i + size
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = appendEscape(append(b, s[done:i]...), c)
		i++
		done = i
	}
	return append(append(b, s[done:]...), '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}

package clickhouse

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// maxSafeInt is JavaScript's Number.MAX_SAFE_INTEGER.
const maxSafeInt = 1<<53 - 1

func appendJSONBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }

func appendJSONInt(b []byte, v int64, asNumber bool) []byte {
	if asNumber || -maxSafeInt <= v && v <= maxSafeInt {
		return strconv.AppendInt(b, v, 10)
	}
	b = strconv.AppendInt(append(b, '"'), v, 10)
	return append(b, '"')
}

func appendJSONUint(b []byte, v uint64, asNumber bool) []byte {
	if asNumber || v <= maxSafeInt {
		return strconv.AppendUint(b, v, 10)
	}
	b = strconv.AppendUint(append(b, '"'), v, 10)
	return append(b, '"')
}

// appendJSONFloat keeps a float apart from an integer: 2.0 stays 2.0. JSON has neither infinity nor NaN.
func appendJSONFloat(b []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) { // where JavaScript changes over, too
		format = 'e'
	}
	start := len(b)
	b = strconv.AppendFloat(b, v, format, -1, bits)
	for _, c := range b[start:] {
		if c == '.' || c == 'e' {
			return b
		}
	}
	return append(b, ".0"...)
}

func appendJSONTime(b []byte, v time.Time, date bool) []byte {
	layout := time.RFC3339Nano
	if date {
		layout = time.DateOnly
	}
	b = v.AppendFormat(append(b, '"'), layout)
	return append(b, '"')
}

const hexDigits = "0123456789abcdef"

// appendJSONString writes a JSON string; bytes that are no UTF-8 become U+FFFD. encoding/json would have to allocate a
// result for each value.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[done:i]...), `\ufffd`...)
				done = i + 1
			} else if r == '\u2028' || r == '\u2029' { // line ends in JavaScript before 2019
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
		b = append(b, s[done:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		}
		i++
		done = i
	}
	return append(append(b, s[done:]...), '"')
}

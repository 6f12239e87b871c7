package rowquery

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// RowKey writes the values of a row's key as one segment of a URL's path, which
// [RowKeyParse] reads: whole numbers and plain texts as they are, values with
// commas between them. texts says which columns hold texts alone (nil: none):
// elsewhere a text that looks like a number is marked as one. Values are nil,
// int64, float64, string or []byte; another type panics.
//
// The result has only letters, digits, comma and -._~, so that it needs no
// further encoding, and is neither empty, "." nor "..".
//
// More in row_key.md:
//   - ~2C is a byte, ~t a text, ~i a whole number, ~f a float64, ~b a BLOB in
//     hexadecimal digits and ~n NULL.
//   - Read it with the same texts: they decide what a part without a mark is.
func RowKey(values []any, texts []bool) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = keyPart(v, i < len(texts) && texts[i])
	}
	return strings.Join(parts, ",")
}

func keyPart(v any, text bool) string {
	switch v := v.(type) {
	case nil:
		return "~n"
	case int64:
		return marked(strconv.FormatInt(v, 10), "~i", text)
	case float64:
		return "~f" + escapeKey(strconv.FormatFloat(v, 'g', -1, 64))
	case []byte:
		return "~b" + hex.EncodeToString(v)
	case string:
		_, number := keyNumber(v)
		return marked(escapeKey(v), "~t", !text && number || v == "")
	}
	panic(fmt.Sprintf("row_key: a value is a %T, want nil, int64, float64, string or []byte", v))
}

func marked(part, mark string, is bool) string {
	if is {
		return mark + part
	}
	return part
}

// keyNumber is the whole number that a part is, if it is written as one.
func keyNumber(part string) (int64, bool) {
	n, err := strconv.ParseInt(part, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == part
}

// escapeKey writes a text's bytes, other than those that a path has as they
// are, as ~ and two hexadecimal digits.
func escapeKey(text string) string {
	dots := strings.Trim(text, ".") == "" // . and .. are folders in a path
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.' && !dots:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "~%02X", c)
		}
	}
	return b.String()
}

// isKeyFloat reports whether a float64 can be in a key.
func isKeyFloat(f float64) bool { return !math.IsNaN(f) }

package json

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"

	"fnregistry.dev/functions/core"
)

// JSONLine returns a value as one line of NDJSON, with its line break, that
// can't steer a terminal: in strings and keys everything that is not printable
// is written as \u and four digits, such as control characters, invisible ones
// and those that turn the direction of text. Readers of JSON get the same value
// as from json.Marshal.
//
// Errors: CodeInvalid for what encoding/json refuses: a channel, a NaN, a
// MarshalJSON that fails.
//
// More in json_line.md:
//   - Bytes that are no UTF-8 become U+FFFD, as with json.Marshal.
//   - The <, > and & of HTML stay as they are: it is not for a page.
func JSONLine(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		message := strings.TrimPrefix(err.Error(), "json: ")
		return nil, &core.Error{Code: core.CodeInvalid, Op: "json_line", Message: message}
	}
	line := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	out := make([]byte, 0, len(line)+1)
	for _, r := range string(line) { // outside of strings all is printable
		switch {
		case unicode.IsPrint(r):
			out = append(out, string(r)...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return append(out, '\n'), nil
}

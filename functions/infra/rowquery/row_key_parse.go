package rowquery

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"fnregistry.dev/functions/core"
)

// RowKeyParse reads the values of a key that [RowKey] wrote, for columns of
// which texts says whether they hold texts alone: as many values as texts has.
//
// Errors: CodeInvalid, also for another number of values.
//
// More in row_key_parse.md:
//   - A part without a mark is a whole number if it is written as one and the
//     column does not hold texts alone; else a text.
//   - %2C and a comma are the same to it: a comma in a text is ~2C.
func RowKeyParse(segment string, texts []bool) ([]any, error) {
	fail := func(format string, args ...any) ([]any, error) {
		return nil, &core.Error{
			Code: core.CodeInvalid, Op: "row_key_parse", Message: fmt.Sprintf(format, args...),
			Hint: "write the key as the links to rows do: values with commas between them, ~2C for a comma in a text",
		}
	}
	if len(segment) > maxText {
		return fail("the key is too long")
	}
	parts := strings.Split(segment, ",")
	if len(parts) != len(texts) {
		return fail("wrong number of values in the key: %d, want %d", len(parts), len(texts))
	}
	values := make([]any, len(parts))
	for i, part := range parts {
		value, err := keyValue(part, texts[i])
		if err != nil {
			return fail("value %d of the key: %v", i+1, err)
		}
		values[i] = value
	}
	return values, nil
}

func keyValue(part string, text bool) (any, error) {
	mark := ""
	if len(part) >= 2 && part[0] == '~' && strings.IndexByte("nifbt", part[1]) >= 0 {
		mark, part = part[:2], part[2:]
	}
	switch mark {
	case "~n":
		if part != "" {
			return nil, fmt.Errorf("there is something after ~n")
		}
		return nil, nil
	case "~b":
		blob, err := hex.DecodeString(part)
		if err != nil {
			return nil, fmt.Errorf("~b without an even number of hexadecimal digits")
		}
		return blob, nil
	}
	unescaped, err := unescapeKey(part)
	if err != nil {
		return nil, err
	}
	number, isNumber := keyNumber(unescaped)
	switch {
	case mark == "~f":
		f, err := strconv.ParseFloat(unescaped, 64)
		if err != nil || !isKeyFloat(f) {
			return nil, fmt.Errorf("~f without a number")
		}
		return f, nil
	case mark == "~i" && !isNumber:
		return nil, fmt.Errorf("~i without a whole number")
	case mark == "~i", mark == "" && isNumber && !text:
		return number, nil
	}
	return unescaped, nil
}

func unescapeKey(part string) (string, error) {
	before, rest, found := strings.Cut(part, "~")
	if !found {
		return part, nil
	}
	var b strings.Builder
	for b.WriteString(before); found; b.WriteString(before) {
		if len(rest) < 2 {
			return "", fmt.Errorf("~ without two hexadecimal digits")
		}
		c, err := strconv.ParseUint(rest[:2], 16, 8)
		if err != nil {
			return "", fmt.Errorf("~ without two hexadecimal digits")
		}
		b.WriteByte(byte(c))
		before, rest, found = strings.Cut(rest[2:], "~")
	}
	return b.String(), nil
}

package json

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/typename"
)

// check refuses what encoding/json would accept: text that is not UTF-8, which
// it replaces, and deep nesting, which costs stack. It counts brackets outside
// of strings; whether they match is left to the decoder.
func (d decoding) check(text []byte) error {
	if len(bytes.TrimLeft(text, " \t\r\n")) == 0 {
		return &core.Error{
			Code:    core.CodeInvalid,
			Op:      d.Op,
			Message: d.Name + " is empty",
			Hint:    "it must be a JSON value",
		}
	}
	if !utf8.Valid(text) {
		return &core.Error{Code: core.CodeInvalid, Op: d.Op, Message: d.Name + " is not valid UTF-8"}
	}
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			length, ok := escapeLength(text[i:])
			if !ok {
				return d.invalid("the JSON has half a surrogate pair, which is not a character", i, text)
			}
			i += length - 1
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > d.MaxDepth {
				return d.invalid(fmt.Sprintf("the JSON is nested deeper than %d", d.MaxDepth), i, text)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// escapeLength returns the length of the escape at the start of text, or of
// both if two \u form a pair. ok is false for half a pair, which encoding/json
// reads as U+FFFD.
func escapeLength(text []byte) (length int, ok bool) {
	first := escapedUnit(text)
	if !utf16.IsSurrogate(first) {
		return 2, true
	}
	second := escapedUnit(text[len(`\uD800`):])
	return len(`\uD800\uDC00`), utf16.DecodeRune(first, second) != utf8.RuneError
}

// escapedUnit returns the number in \u1234, or -1.
func escapedUnit(text []byte) rune {
	if len(text) < len(`\u1234`) || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// explain describes in JSON terms, not Go's, what encoding/json found.
func (d decoding) explain(err error, text []byte, in reflect.Type) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return d.invalid(d.Name+" is not JSON: "+syntax.Error(), int(syntax.Offset)-1, text)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return d.invalid("the JSON ends too early", len(text), text)
	}
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		// For a number, Value holds all digits.
		is := fmt.Sprintf(" is %s, want %s", valueName(clip(mismatch.Value)), typename.InJSON(mismatch.Type))
		field := fieldPath(mismatch.Field, in)
		if field == "" {
			return d.invalid("the JSON value"+is, int(mismatch.Offset)-1, text)
		}
		message := fmt.Sprintf("field %q%s (%s)", clip(field), is, place(int(mismatch.Offset)-1, text))
		return &core.Error{Code: core.CodeInvalid, Op: d.Op, Err: &JSONFieldError{Field: clip(field), Message: message}}
	}
	// encoding/json has no error type for an unknown field.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		name = strings.Trim(name, `"`)
		unknown := &JSONFieldError{
			Field:   clip(name),
			Message: fmt.Sprintf("unknown field %q", clip(name)),
			Known:   fieldNames(in),
		}
		return &core.Error{Code: core.CodeInvalid, Op: d.Op, Hint: unknown.hint(name), Err: unknown}
	}
	// What a type's own UnmarshalJSON or UnmarshalText says is about the
	// caller's value.
	message := strings.TrimPrefix(err.Error(), "json: ")
	return &core.Error{Code: core.CodeInvalid, Op: d.Op, Message: message, Err: &ownError{err}}
}

// ownError is a cause whose text the message has already: the message is what
// an HTTP client sees.
type ownError struct{ err error }

func (e *ownError) Error() string { return "" }

func (e *ownError) Unwrap() error { return e.err }

// invalid says where in the text something is wrong.
func (d decoding) invalid(message string, offset int, text []byte) error {
	return &core.Error{Code: core.CodeInvalid, Op: d.Op, Message: fmt.Sprintf("%s (%s)", message, place(offset, text))}
}

// place returns a byte's line and column.
func place(offset int, text []byte) string {
	before := text[:min(max(offset, 0), len(text))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("line %d, column %d", line, column)
}

// valueName adds an article to encoding/json's word for a value, such as
// "number 300".
func valueName(value string) string {
	switch value {
	case "array", "object":
		return "an " + value
	case "bool":
		return "true or false"
	}
	return "a " + value
}

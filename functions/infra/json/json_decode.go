package json

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"fnregistry.dev/functions/core"
)

// JSONDecodeConfig says how a text is decoded. The zero value of a field is its
// default.
type JSONDecodeConfig struct {
	// Op is that of the errors. Default: "json_decode".
	Op string
	// Name is what errors call the text, such as "the body". Default: "the
	// text".
	Name string
	// MaxDepth is the deepest nesting of arrays and objects. Default: 64.
	MaxDepth int
}

// JSONFieldError is the cause of an error about one field.
type JSONFieldError struct {
	Field   string   // JSON path such as "inner.color"; for an unknown field its name, up to 80 bytes
	Message string   // what is wrong, with the field's name
	Known   []string // for an unknown field: the fields of the type and of the structs inside it, sorted; else nil
}

// Error returns Message.
func (e *JSONFieldError) Error() string { return e.Message }

// hint suggests fields that an unknown one may have meant.
func (e *JSONFieldError) hint(field string) string {
	if near := core.NameNearest(field, e.Known); near != nil {
		return core.DidYouMean(near...)
	}
	if len(e.Known) == 0 {
		return "no fields are allowed here"
	}
	return "known are " + strings.Join(e.Known[:min(len(e.Known), 20)], ", ")
}

// JSONDecode decodes a text that is one JSON value of type T, and rejects
// everything else: unknown fields, a field that appears twice (for a struct
// also in another case), text after the value, invalid UTF-8, deep nesting, an
// empty text.
//
// The error is a *core.Error with CodeInvalid and, where there is one, the line
// and column. For an unknown field and for one of another type its cause is a
// *[JSONFieldError]; the hint names the fields that may have been meant by an
// unknown one.
//
// More in json_decode.md:
//   - A missing field is not an error: it keeps its zero value.
//   - Names that differ only in case are the same field of a struct, so only
//     one of them is allowed; in a map they are two.
func JSONDecode[T any](text []byte, cfg JSONDecodeConfig) (T, error) {
	value := new(T)
	err := decode(text, value, cfg)
	if err != nil {
		value = new(T)
	}
	return *value, err
}

// decode is JSONDecode without type parameters, so that it is compiled once.
func decode(text []byte, value any, cfg JSONDecodeConfig) error {
	d := decoding{
		Op:       cmp.Or(cfg.Op, "json_decode"),
		Name:     cmp.Or(cfg.Name, "the text"),
		MaxDepth: cmp.Or(cfg.MaxDepth, 64),
	}
	return d.decode(text, value)
}

// decoding is a config with its defaults applied.
type decoding JSONDecodeConfig

func (d decoding) decode(text []byte, value any) error {
	if err := d.check(text); err != nil {
		return err
	}
	t := reflect.TypeOf(value).Elem()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return d.explain(err, text, t)
	}
	end := decoder.InputOffset()
	if rest := bytes.TrimLeft(text[end:], " \t\r\n"); len(rest) > 0 {
		return d.invalid("there is data after the JSON value", len(text)-len(rest), text)
	}
	return d.nameTwice(text[:end], t)
}

// clip shortens an untrusted name for display.
func clip(name string) string { return fmt.Sprintf("%.80s", name) }

package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	fnhttp "fnregistry.dev/functions/infra/http"
)

// cell is a value of a row in a body: null, true, false, a number, a text, or
// {"base64": "..."} for a blob. An export has "bytes" beside it, their number.
type cell struct{ value any }

var errCell = errors.New(`want null, true, false, a number, a text or {"base64": "..."}`)

// UnmarshalJSON reads a value as it is stored: numbers exactly.
func (c *cell) UnmarshalJSON(text []byte) error {
	switch text[0] {
	case '{':
		var blob struct {
			Base64 *string `json:"base64"`
			Bytes  *int    `json:"bytes"`
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if decoder.Decode(&blob) != nil || blob.Base64 == nil {
			return errCell
		}
		value, err := base64.StdEncoding.Strict().DecodeString(*blob.Base64)
		if err == nil && blob.Bytes != nil && *blob.Bytes != len(value) {
			err = fmt.Errorf("base64 has %d bytes, and bytes says %d", len(value), *blob.Bytes)
		}
		c.value = value
		return err
	case '[':
		return errCell
	case '"', 't', 'f', 'n':
		return json.Unmarshal(text, &c.value)
	}
	number := json.Number(text)
	if n, err := number.Int64(); err == nil {
		c.value = n
		return nil
	}
	f, err := number.Float64()
	if err != nil || !bytes.ContainsAny(text, ".eE") {
		return fmt.Errorf("a number beyond 64 bits can't be stored exactly; send it as a text")
	}
	c.value = f
	return nil
}

// row is a row in a body, by column.
type row map[string]cell

func (r row) values() map[string]any {
	values := make(map[string]any, len(r))
	for name, c := range r {
		values[name] = c.value
	}
	return values
}

// oneOrMore is a row or a list of rows in a body.
type oneOrMore []row

// UnmarshalJSON reads an object as a list of one.
func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	if text[0] != '{' {
		return json.Unmarshal(text, (*[]row)(o))
	}
	*o = make([]row, 1)
	return json.Unmarshal(text, &(*o)[0])
}

func readBody[T any](w http.ResponseWriter, r *http.Request) (T, error) {
	return fnhttp.HTTPJSONRead[T](w, r, fnhttp.HTTPJSONReadConfig{MaxBytes: MaxWriteBytes})
}

// Schemas are the JSON Schemas of the types that say it themselves.
func Schemas() map[reflect.Type]map[string]any {
	return map[reflect.Type]map[string]any{reflect.TypeFor[cell](): {
		"description": "A value: null, true, false, a number, a text, or a blob as an object with base64.",
	}}
}

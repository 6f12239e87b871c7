package http

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"fnregistry.dev/functions/core"
)

// HTTPJSONReadConfig bounds what [HTTPJSONRead] takes. The zero value is usable.
type HTTPJSONReadConfig struct {
	MaxBytes int64 // longest body; zero: 1 MiB
	MaxDepth int   // deepest nesting of arrays and objects; zero: 64
}

const jsonReadOp = "http_json_read"

// HTTPJSONRead reads the request's body as one JSON value of type In, and
// refuses whatever is not exactly that: another Content-Type than
// application/json or +json, a Content-Encoding, unknown fields (the error
// carries the names that are close, as member candidates), a field that stands
// there twice, text after the value, invalid UTF-8, an empty body.
//
// Errors are meant for [HTTPProblem]: CodeTooLarge over MaxBytes; CodeTimeout
// or CodeCanceled for a body that didn't come; CodeInvalid for the rest, with
// status 415 for a type or encoding it does not read. w is told of a body that
// is too long, so that net/http closes the connection rather than read on. A
// body that came too slowly is the client's fault: its status is 408, not the
// 504 of CodeTimeout elsewhere.
func HTTPJSONRead[In any](w http.ResponseWriter, r *http.Request, cfg HTTPJSONReadConfig) (In, error) {
	var in In
	body, err := readJSONBody(w, r, cmp.Or(cfg.MaxBytes, 1<<20))
	if err != nil {
		return in, err
	}
	if err := checkJSONText(body, cmp.Or(cfg.MaxDepth, 64)); err != nil {
		return in, err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		var zero In
		return zero, explainJSON(err, body, reflect.TypeFor[In]())
	}
	if rest := bytes.TrimLeft(body[decoder.InputOffset():], " \t\r\n"); len(rest) > 0 {
		var zero In
		return zero, invalidJSON("there is more after the JSON value", len(body)-len(rest), body)
	}
	if err := nameTwice(body[:decoder.InputOffset()], reflect.TypeFor[In]()); err != nil {
		var zero In
		return zero, err
	}
	return in, nil
}

func readJSONBody(w http.ResponseWriter, r *http.Request, maxBytes int64) ([]byte, error) {
	unsupported := func(message, hint string) error {
		return &HTTPProblemError{Status: http.StatusUnsupportedMediaType,
			Err: &core.Error{Code: core.CodeInvalid, Op: jsonReadOp, Message: message, Hint: hint}}
	}
	contentType := r.Header.Get("Content-Type")
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return nil, unsupported(fmt.Sprintf("the body's content type %q is not JSON", contentType), "send Content-Type: application/json")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, unsupported(fmt.Sprintf("the body's charset %q is not UTF-8", charset), "JSON is always UTF-8 (RFC 8259)")
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, unsupported(fmt.Sprintf("the body's encoding %q is not read here", encoding), "send the body uncompressed")
	}
	body, err := io.ReadAll(http.MaxBytesReader(innermost(w), r.Body, maxBytes))
	if err == nil {
		return body, nil
	}
	failed := &core.Error{Op: jsonReadOp, Message: "the body did not arrive whole", Err: err}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		failed.Code, failed.Message = core.CodeTooLarge, fmt.Sprintf("the body is longer than %d bytes", maxBytes)
	} else if failed.Code = core.ErrorCode(err); failed.Code == core.CodeTimeout {
		return nil, &HTTPProblemError{Status: http.StatusRequestTimeout, Err: failed}
	} else {
		failed.Code = core.CodeCanceled // the client closed or broke the connection
	}
	return nil, failed
}

// innermost is the writer that net/http made: middleware's writers hide the method by which http.MaxBytesReader tells it
// to close the connection.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		wrapped, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = wrapped.Unwrap()
	}
}

// checkJSONText refuses what encoding/json would take: text that is not UTF-8, which it mends, and deep nesting, which
// costs it stack. It counts brackets outside of strings; whether they match is the decoder's business.
func checkJSONText(body []byte, maxDepth int) error {
	if len(bytes.TrimLeft(body, " \t\r\n")) == 0 {
		return &core.Error{Code: core.CodeInvalid, Op: jsonReadOp, Message: "the body is empty", Hint: "send a JSON value"}
	}
	if !utf8.Valid(body) {
		return &core.Error{Code: core.CodeInvalid, Op: jsonReadOp, Message: "the body is not valid UTF-8"}
	}
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return invalidJSON(fmt.Sprintf("the JSON is nested deeper than %d", maxDepth), i, body)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// explainJSON says in words of JSON, not of Go, what encoding/json found.
func explainJSON(err error, body []byte, in reflect.Type) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return invalidJSON("the body is not JSON: "+syntax.Error(), int(syntax.Offset)-1, body)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return invalidJSON("the JSON ends too early", len(body), body)
	}
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		what, field := "the JSON value", jsonPath(mismatch.Field, in)
		if field != "" {
			what = fmt.Sprintf("field %q", field)
		}
		failed := invalidJSON(fmt.Sprintf("%s is %s, want %s", what, jsonValueName(mismatch.Value), jsonTypeName(mismatch.Type)), int(mismatch.Offset)-1, body)
		if field == "" {
			return failed
		}
		return withName(failed, "field", field)
	}
	// encoding/json has no error type for this one.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		name = strings.Trim(name, `"`)
		failed := &core.Error{Code: core.CodeInvalid, Op: jsonReadOp, Message: fmt.Sprintf("unknown field %q", clipName(name))}
		return withCandidates(failed, "field", name, jsonFieldNames(in))
	}
	// What a type's own UnmarshalJSON or UnmarshalText says is about the caller's value.
	return &core.Error{Code: core.CodeInvalid, Op: jsonReadOp, Message: strings.TrimPrefix(err.Error(), "json: ")}
}

// jsonPath takes the names of embedded structs, which JSON does not know, out of
// the path of a field.
func jsonPath(path string, in reflect.Type) string {
	var known []string
	for name := range strings.SplitSeq(path, ".") {
		for slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map}, in.Kind()) {
			in = in.Elem()
		}
		var field reflect.StructField
		if in.Kind() == reflect.Struct {
			for f := range in.Fields() {
				tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				if cmp.Or(tag, f.Name) == name {
					field = f
				}
			}
		}
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); !field.Anonymous || tag != "" {
			known = append(known, name)
		}
		if field.Type != nil {
			in = field.Type
		}
	}
	return strings.Join(known, ".")
}

func invalidJSON(message string, offset int, body []byte) *core.Error {
	before := body[:min(max(offset, 0), len(body))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return &core.Error{Code: core.CodeInvalid, Op: jsonReadOp, Message: fmt.Sprintf("%s (line %d, column %d)", message, line, column)}
}

// jsonValueName adds the article to encoding/json's word for a value, such as "number 300".
func jsonValueName(value string) string {
	switch value {
	case "array", "object":
		return "an " + value
	case "bool":
		return "true or false"
	}
	return "a " + value
}

func jsonTypeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number that fits " + t.Kind().String()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number of at least 0 that fits " + t.Kind().String()
	}
	return "something else"
}

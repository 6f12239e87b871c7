package http

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"fnregistry.dev/functions/core"
	fnjson "fnregistry.dev/functions/infra/json"
)

// HTTPJSONReadConfig bounds what [HTTPJSONRead] takes. The zero value is
// usable.
type HTTPJSONReadConfig struct {
	MaxBytes int64 // longest body; zero: 1 MiB
	MaxDepth int   // deepest nesting of arrays and objects; zero: 64
}

const jsonReadOp = "http_json_read"

// HTTPJSONRead reads the request's body as one JSON value of type In, and
// refuses whatever is not exactly that: another Content-Type than
// application/json or +json, a Content-Encoding, unknown fields (the error
// carries the names that are close, as member candidates), a field that appears
// twice, text after the value, invalid UTF-8, an empty body.
//
// Errors are meant for [HTTPProblem]: CodeTooLarge over MaxBytes; CodeTimeout
// or CodeCanceled for a body that didn't come; CodeUnsupported, with status
// 415, for a type or encoding it does not read; CodeInvalid for the rest. w is
// told of a body that is too long, so that net/http closes the connection
// rather than read on. A body that came too slowly is the client's fault: its
// status is 408, not the 504 of CodeTimeout elsewhere.
//
// More in http_json_read.md:
//   - encoding/json matches names without regard to case: "NAME" fills
//     json:"name".
//   - A field that is absent stays zero.
func HTTPJSONRead[In any](w http.ResponseWriter, r *http.Request, cfg HTTPJSONReadConfig) (in In, err error) {
	body, err := readJSONBody(w, r, cfg.MaxBytes)
	if err == nil {
		in, err = fnjson.JSONDecode[In](body, jsonBodyDecoding(cfg.MaxDepth))
	}
	return in, explainField(err)
}

func jsonBodyDecoding(maxDepth int) fnjson.JSONDecodeConfig {
	return fnjson.JSONDecodeConfig{Op: jsonReadOp, Name: "the body", MaxDepth: maxDepth}
}

// explainField says in members what an error about a field is about.
func explainField(err error) error {
	about, ok := errors.AsType[*fnjson.JSONFieldError](err)
	if !ok {
		return err
	}
	failed := &core.Error{Code: core.CodeInvalid, Op: jsonReadOp, Message: about.Message}
	if about.Known == nil {
		return withName(failed, "field", about.Field)
	}
	return withCandidates(failed, "field", about.Field, about.Known)
}

// readJSONBody reads a body of up to maxBytes; zero: 1 MiB.
func readJSONBody(w http.ResponseWriter, r *http.Request, maxBytes int64) ([]byte, error) {
	unsupported := func(message, hint string) error {
		return &HTTPProblemError{Status: http.StatusUnsupportedMediaType,
			Err: &core.Error{Code: core.CodeUnsupported, Op: jsonReadOp, Message: message, Hint: hint}}
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
	body, err := io.ReadAll(http.MaxBytesReader(innermost(w), r.Body, cmp.Or(maxBytes, 1<<20))) // never nil without an error
	if err == nil {
		return body, nil
	}
	failed := &core.Error{Op: jsonReadOp, Message: "the body did not arrive whole", Err: err}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		failed.Code, failed.Message = core.CodeTooLarge, fmt.Sprintf("the body is longer than %d bytes", tooLarge.Limit)
	} else if failed.Code = core.ErrorCode(err); failed.Code == core.CodeTimeout {
		return nil, &HTTPProblemError{Status: http.StatusRequestTimeout, Err: failed}
	} else {
		failed.Code = core.CodeCanceled // the client closed or broke the connection
	}
	return nil, failed
}

// innermost is the writer that net/http made: middleware's writers hide the
// method by which http.MaxBytesReader tells it to close the connection.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		wrapped, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = wrapped.Unwrap()
	}
}

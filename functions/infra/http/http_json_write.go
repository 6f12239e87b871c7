package http

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"

	"fnregistry.dev/functions/core"
)

// jsonBuffers keeps buffers up to maxPooledBuffer: one huge response must not
// stay in memory.
var jsonBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const maxPooledBuffer = 1 << 20

// HTTPJSONWrite answers with status and v as JSON, with Content-Type,
// Content-Length, X-Content-Type-Options: nosniff and, unless the handler set
// one, Cache-Control: no-cache (stored, but asked about each time, which is
// what an ETag needs). A nil v, and a 204 or 304, have no body.
//
// The value is encoded before anything is sent. So an error, CodeInternal for
// what JSON can't hold, means that nothing was written and [HTTPProblem] can
// still answer. A client that went away is no error here.
//
// More in http_json_write.md:
//   - A nil slice is null.
//   - <, > and & are not escaped, unlike in json.Marshal: signatures stay
//     readable. nosniff guards browsers, but don't paste the output into HTML.
func HTTPJSONWrite(w http.ResponseWriter, status int, v any) error {
	header := w.Header()
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "no-cache")
	}
	if v == nil || status == http.StatusNoContent || status == http.StatusNotModified {
		w.WriteHeader(status)
		return nil
	}
	buffer := jsonBuffers.Get().(*bytes.Buffer)
	defer func() {
		if buffer.Cap() <= maxPooledBuffer {
			buffer.Reset()
			jsonBuffers.Put(buffer)
		}
	}()
	encoder := json.NewEncoder(buffer) // ends the text with a line break, which terminals like
	encoder.SetEscapeHTML(false)       // nosniff and the type keep browsers from reading it as HTML
	if err := encoder.Encode(v); err != nil {
		return &core.Error{Code: core.CodeInternal, Op: "http_json_write", Message: "the response can't be written as JSON", Err: err}
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(buffer.Len()))
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(buffer.Bytes())
	return nil
}

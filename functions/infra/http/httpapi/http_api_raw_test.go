package httpapi_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/http/httpapi"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func TestHTTPAPIRaw_Answers(t *testing.T) {
	t.Parallel()
	type in struct {
		Format string `query:"format" json:"-" doc:"Form." enum:"text,none" default:"text"`
	}
	text := get("/text", "text")
	text.Responses = []httpapi.HTTPAPIResponse{{Type: "text/plain"}}
	text.Problem = func(err error) error { return &core.Error{Code: core.CodeConflict, Message: "shown", Err: err} }
	upload := httpapi.HTTPAPIEndpoint{Method: "POST", Path: "/upload", Name: "upload", Tag: "test", Summary: "Test"}
	handler := serve(
		httpapi.HTTPAPIRaw(text, func(w http.ResponseWriter, _ *http.Request, in *in) error {
			if in.Format == "none" {
				return errors.New("s3cret")
			}
			_, err := io.WriteString(w, "format "+in.Format)
			return err
		}),
		httpapi.HTTPAPIRaw(upload, func(w http.ResponseWriter, r *http.Request, _ *none) error {
			_, err := io.Copy(w, r.Body)
			return err
		}),
	)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/text", "", 200, "format text"},
		{"GET", "/text?format=none", "", 409, "shown"},
		{"GET", "/text?format=tex", "", 400, `"candidates":["text"]`},
		{"GET", "/text?fromat=text", "", 400, `"candidates":["format"]`},
		{"POST", "/upload", "bytes", 200, "bytes"},
		{"POST", "/upload?x=1", "bytes", 400, "unknown parameter"},
	} {
		got := ask(handler, c.method, c.path, c.body)
		if got.Code != c.status || !strings.Contains(got.Body.String(), c.want) || strings.Contains(got.Body.String(), "s3cret") {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.Code, got.Body)
		}
		if tagged := got.Header().Get("Etag") != ""; tagged != (c.method == "GET" && c.status == 200) {
			t.Errorf("%s %s: ETag %v", c.method, c.path, tagged)
		}
	}
}

// A stream reaches the client as it is written, and has neither ETag nor 304.
func TestHTTPAPIRaw_Streams(t *testing.T) {
	t.Parallel()
	e := get("/events", "events")
	e.Responses = []httpapi.HTTPAPIResponse{{Type: "text/event-stream"}}
	server := httptest.NewServer(serve(httpapi.HTTPAPIRaw(e, func(w http.ResponseWriter, r *http.Request, _ *none) error {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return nil
	})))
	defer server.Close()
	defer server.CloseClientConnections()
	response, err := server.Client().Get(server.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	first := make([]byte, len("data: 1\n\n"))
	if _, err := io.ReadFull(response.Body, first); err != nil || string(first) != "data: 1\n\n" || response.Header.Get("Etag") != "" {
		t.Errorf("%q, %v, %v", first, err, response.Header)
	}
}

// The document has the body and the status that a raw endpoint has.
func TestHTTPAPIRaw_Document(t *testing.T) {
	t.Parallel()
	e := httpapi.HTTPAPIEndpoint{
		Method: "POST", Path: "/rows", Name: "insert", Tag: "test", Summary: "Test", Status: 201, Body: typeFor[map[string]string](),
		Responses: []httpapi.HTTPAPIResponse{{Type: "application/json", Go: typeFor[bool]()}},
	}
	op := at(document(t, httpapi.HTTPAPIConfig{Endpoints: []httpapi.HTTPAPIEndpoint{
		httpapi.HTTPAPIRaw(e, func(http.ResponseWriter, *http.Request, *none) error { return nil }),
	}}), "paths", "/rows", "post")
	wantJSON(t, "body", at(op, "requestBody", "content", "application/json", "schema"), `{"additionalProperties":{"type":"string"},"type":"object"}`)
	wantJSON(t, "response", at(op, "responses", "201", "content", "application/json", "schema"), `{"type":"boolean"}`)
	if responses, _ := at(op, "responses").(map[string]any); responses["200"] != nil || responses["415"] == nil {
		t.Errorf("%v", responses)
	}
}

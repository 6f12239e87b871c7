package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/errors"
)

// TestOpenAPI holds the document against the OpenAPI 3.1 schema, and what the server really answers, in all that the
// endpoints answer, against the document, in which no object may have other members than those that it names.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	document := s.get("/openapi.json", nil).body
	v := newValidator(t, document)
	if ok, problems := v.ValidateDocument(); !ok {
		report(t, "the document", problems)
	}
	strict := newValidator(t, closed(t, document))
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/api/v1/units?q=numbr&limit=2", ""}, {"GET", "/api/v1/units?kind=functoin", ""}, {"GET", "/api/v1/units?q=tga:x", ""},
		{"GET", "/api/v1/units/wait_go_f", ""}, {"GET", "/api/v1/units/tool_go_apps", ""}, {"GET", "/api/v1/units/nope", ""},
		{"GET", "/api/v1/units/round_go_f/dependents", ""}, {"GET", "/api/v1/units/wait_go_f/dependencies", ""},
		{"POST", "/api/v1/similar", `{"description":"waits"}`}, {"GET", "/api/v1/graph", ""}, {"GET", "/api/v1/apps", ""},
		{"GET", "/api/v1/findings", ""}, {"GET", "/api/v1/stats", ""}, {"GET", "/healthz", ""}, {"GET", "/readyz", ""}, {"GET", "/openapi.json", ""},
	} {
		got := s.do(c.method, c.path, c.body, map[string]string{"Content-Type": "application/json"})
		req, err := http.NewRequest(c.method, "/"+strings.TrimPrefix(c.path, "/"), strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res := &http.Response{StatusCode: got.status, Header: got.header, Body: io.NopCloser(bytes.NewReader(got.body)), Request: req}
		if ok, problems := strict.ValidateHttpResponse(req, res); !ok {
			report(t, c.method+" "+c.path, problems)
		}
	}
}

func newValidator(t *testing.T, document []byte) validator.Validator {
	t.Helper()
	doc, err := libopenapi.NewDocument(document)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(doc)
	for _, err := range errs {
		t.Fatal(err)
	}
	return v
}

// closed is the document with additionalProperties: false in all components that say nothing of it.
func closed(t *testing.T, document []byte) []byte {
	var doc map[string]any
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	for name, schema := range doc["components"].(map[string]any)["schemas"].(map[string]any) {
		schema := schema.(map[string]any)
		if _, told := schema["additionalProperties"]; !told && schema["type"] == "object" {
			schema["additionalProperties"] = false
		} else if !told {
			t.Errorf("component %s is no object", name)
		}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func report(t *testing.T, what string, problems []*errors.ValidationError) {
	t.Helper()
	for _, p := range problems {
		t.Errorf("%s: %s: %s", what, p.Message, p.Reason)
		for _, e := range p.SchemaValidationErrors {
			t.Errorf("    %s: %s", e.Location, e.Reason)
		}
	}
}

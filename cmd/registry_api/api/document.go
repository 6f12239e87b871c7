package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"strconv"
)

type object = map[string]any

// problemName is the component of RFC 9457, which no Go type may be called by.
const problemName = "HTTPProblem"

// document makes the OpenAPI 3.1 document of the endpoints.
func document(endpoints []Endpoint, version string) []byte {
	b := schemas{components: object{}, names: map[string]reflect.Type{}}
	b.components[problemName] = problemSchema()
	paths := object{}
	for _, e := range endpoints {
		path, _ := paths[e.Path].(object)
		if path == nil {
			path = object{}
			paths[e.Path] = path
		}
		path[method(e)] = b.operation(e)
	}
	doc := object{
		"openapi": "3.1.0",
		"info": object{
			"title": "fn_registry", "version": version, "license": object{"name": "MIT", "identifier": "MIT"},
			"description": "The units of one or more repositories: find, show, who uses whom, what is like a draft, what the linter finds. " +
				"Unknown parameters are refused. Every answer from the registry says how current it is in the headers " +
				"Registry-Generation, Registry-Swept-At and Registry-Watching; GET answers have an ETag.",
		},
		"servers":    []any{object{"url": "/"}},
		"security":   []any{},
		"paths":      paths,
		"components": object{"schemas": b.components},
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(err) // texts, numbers, lists and maps
	}
	return append(text, '\n')
}

func method(e Endpoint) string {
	if e.Method == http.MethodPost {
		return "post"
	}
	return "get"
}

func (b *schemas) operation(e Endpoint) object {
	op := object{"operationId": e.Name, "summary": e.Summary, "tags": []any{e.Tag}, "responses": b.responses(e)}
	if e.Description != "" {
		op["description"] = e.Description
	}
	var list []any
	for _, p := range params(e.In) {
		list = append(list, b.parameter(p))
	}
	if list != nil {
		op["parameters"] = list
	}
	if e.Body != nil {
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": b.request(e.Body)}}}
	}
	return op
}

func (b *schemas) parameter(p param) object {
	t := p.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	schema := b.of(t)
	inner := schema
	if t.Kind() == reflect.Slice {
		inner, _ = schema["items"].(object)
	}
	if p.enum != nil {
		inner["enum"] = p.enum
	}
	if inner["type"] == "string" {
		inner["maxLength"] = maxParam
	}
	if p.min != nil {
		inner["minimum"] = *p.min
	}
	if p.max != nil {
		inner["maximum"] = *p.max
	}
	if p.byDefault != "" {
		inner["default"] = defaultOf(p)
	}
	out := object{"name": p.name, "in": p.in, "description": p.doc, "schema": schema}
	if p.in == "path" {
		out["required"] = true
	}
	return out
}

func defaultOf(p param) any {
	if n, err := strconv.Atoi(p.byDefault); err == nil {
		return n
	}
	return p.byDefault
}

// responses lists what an endpoint answers: what is its own, and what all do.
func (b *schemas) responses(e Endpoint) object {
	content := object{}
	for _, a := range e.Answers {
		schema := object{"type": "string"}
		if a.Go != nil {
			schema = b.of(a.Go)
		}
		content[a.Type] = object{"schema": schema}
	}
	out := object{"200": object{"description": "The answer.", "content": content, "headers": headers(e)}}
	fails := map[int]string{
		http.StatusBadRequest: "A parameter is unknown or can't be what it is; candidates says what may have been meant.",
		http.StatusForbidden:  "The request names a foreign host, or a foreign page sent it to change something.",
	}
	if !e.always {
		fails[http.StatusServiceUnavailable] = "The repositories are still being read."
	}
	if e.Method == http.MethodGet {
		out["304"] = object{"description": "The answer is still the one whose ETag If-None-Match named."}
	}
	if e.Body != nil {
		fails[http.StatusRequestTimeout] = "The body did not come in time."
		fails[http.StatusRequestEntityTooLarge] = "The body is too long."
		fails[http.StatusUnsupportedMediaType] = "The body is not JSON."
	}
	maps.Copy(fails, own(e.Fails))
	for status, description := range fails {
		out[strconv.Itoa(status)] = object{"description": description, "content": object{
			"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/" + problemName}},
		}}
	}
	return out
}

func own(statuses []int) map[int]string {
	texts := map[int]string{
		http.StatusNotFound:           "There is no unit of this ID; candidates lists those that may have been meant.",
		http.StatusServiceUnavailable: "Not yet: the repositories are still being read.",
	}
	out := map[int]string{}
	for _, status := range statuses {
		out[status] = texts[status]
	}
	return out
}

func headers(e Endpoint) object {
	text := object{"type": "string"}
	out := object{"Registry-Watching": object{"description": "Whether changes of files are noticed as they happen.", "schema": object{"type": "string", "enum": []any{"true", "false"}}}}
	if !e.always {
		out["Registry-Generation"] = object{"description": "The state that the answer is from: a number that each change raises.", "schema": text}
		out["Registry-Swept-At"] = object{"description": "When all files were last looked at. Absent while only the cache was read.", "schema": object{"type": "string", "format": "date-time"}}
	}
	if e.Method == http.MethodGet {
		out["ETag"] = object{"description": "For If-None-Match.", "schema": text}
	}
	return out
}

// problemSchema is RFC 9457's, with the members that http_problem adds.
func problemSchema() object {
	text := object{"type": "string"}
	return object{
		"type": "object", "description": "What went wrong (RFC 9457).", "required": []any{"type", "title", "status", "code"},
		"properties": object{
			"type": object{"type": "string", "format": "uri-reference"}, "title": text, "status": object{"type": "integer"},
			"detail": text, "instance": text,
			"code":           object{"type": "string", "description": "For programs: invalid, not_found, forbidden, too_large, unavailable, timeout, internal."},
			"hint":           object{"type": "string", "description": "What to do about it."},
			"request_id":     text,
			"retry_after_ms": object{"type": "integer"},
			"parameter":      object{"type": "string", "description": "The parameter that it is about."},
			"candidates":     object{"type": "array", "items": text, "description": "What may have been meant, best first."},
		},
	}
}

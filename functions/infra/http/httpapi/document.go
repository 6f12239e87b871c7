package httpapi

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	fnhttp "fnregistry.dev/functions/infra/http"
)

type object = map[string]any

// problemName is the component of RFC 9457, which no Go type may be called by.
const problemName = "HTTPProblem"

// document makes the OpenAPI 3.1 document of an API.
func document(cfg *HTTPAPIConfig) []byte {
	b := schemas{components: object{problemName: json.RawMessage(problemSchema)}, names: map[string]reflect.Type{}, own: cfg.Schemas}
	paths := object{}
	for i := range cfg.Endpoints {
		e := &cfg.Endpoints[i]
		at := documentPath(e.Path)
		path, _ := paths[at].(object)
		if path == nil {
			path = object{}
			paths[at] = path
		}
		path[strings.ToLower(e.Method)] = b.operation(cfg, e)
	}
	components := object{"schemas": b.components}
	info := object{"title": cfg.Title, "version": cfg.Version}
	if cfg.Description != "" {
		info["description"] = cfg.Description
	}
	doc := object{
		"openapi": "3.1.0", "info": info, "servers": []any{object{"url": "/"}},
		"security": security(cfg.Access), "paths": paths, "components": components,
	}
	if cfg.Access != fnhttp.HTTPStackPublic {
		components["securitySchemes"] = object{"token": object{"type": "http", "scheme": "bearer"}}
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(err) // a schema of the config that is no JSON
	}
	return append(text, '\n')
}

// security says who needs a token; an empty object is nobody.
func security(access fnhttp.HTTPStackAccess) []any {
	token := object{"token": []any{}}
	switch access {
	case fnhttp.HTTPStackPublic:
		return []any{}
	case fnhttp.HTTPStackToken:
		return []any{token}
	}
	return []any{token, object{}} // programs on the same machine need none
}

// pathParams are the names of the parameters in a path of http.ServeMux.
func pathParams(path string) []string {
	var names []string
	for segment := range strings.SplitSeq(path, "/") {
		name, ok := strings.CutPrefix(segment, "{")
		if name = strings.TrimSuffix(strings.TrimSuffix(name, "}"), "..."); ok && name != "$" {
			names = append(names, name)
		}
	}
	return names
}

// documentPath is a path of http.ServeMux as OpenAPI writes it.
func documentPath(path string) string {
	return strings.ReplaceAll(strings.TrimSuffix(path, "{$}"), "...}", "}")
}

func (b *schemas) operation(cfg *HTTPAPIConfig, e *HTTPAPIEndpoint) object {
	op := object{"operationId": e.Name, "summary": e.Summary, "tags": []any{e.Tag}, "responses": b.responses(cfg, e)}
	if e.Description != "" {
		op["description"] = e.Description
	}
	if e.Public && cfg.Access != fnhttp.HTTPStackPublic {
		op["security"] = []any{}
	}
	var list []any
	for i := range e.made.rules {
		if r := &e.made.rules[i]; r.in != "body" {
			list = append(list, b.parameter(r))
		}
	}
	if list != nil {
		op["parameters"] = list
	}
	if body := e.body(); body != nil {
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": b.of(body, true)}}}
	}
	return op
}

// body is the type of the JSON that an endpoint reads; nil: none.
func (e *HTTPAPIEndpoint) body() reflect.Type {
	if e.made.body {
		return e.made.in
	}
	return e.Body
}

func (b *schemas) parameter(r *rule) object {
	if r.others {
		return object{
			"name": r.name, "in": r.in, "description": r.doc, "style": "form", "explode": true,
			"schema": object{"type": "object", "additionalProperties": object{
				"type": "array", "items": object{"type": "string", "maxLength": maxParam},
			}},
		}
	}
	t := r.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	schema := b.ofParameter(t)
	inner := schema
	if items, ok := schema["items"].(object); ok {
		inner = items
	}
	r.constrain(inner)
	if inner["type"] == "string" {
		inner["maxLength"] = maxParam
	}
	out := object{"name": r.name, "in": r.in, "description": r.doc, "schema": schema}
	if r.required {
		out["required"] = true
	}
	return out
}

// constrain adds what a rule says to the schema of one value.
func (r *rule) constrain(schema object) {
	if r.enum != nil {
		values := []any{}
		for _, value := range r.enum {
			values = append(values, value)
		}
		if _, nullable := schema["type"].([]any); nullable {
			values = append(values, nil)
		}
		schema["enum"] = values
	}
	if r.min != nil {
		schema["minimum"] = *r.min
	}
	if r.max != nil {
		schema["maximum"] = *r.max
	}
	if r.byDefault != nil {
		schema["default"] = r.byDefault
	}
}

// responses lists an endpoint's own responses and those of all endpoints.
func (b *schemas) responses(cfg *HTTPAPIConfig, e *HTTPAPIEndpoint) object {
	headers := object{}
	for _, h := range e.Headers {
		headers[h.Name] = object{"description": h.Doc, "schema": object{"type": "string"}}
	}
	tagged := e.Method == http.MethodGet && !e.streams()
	if tagged {
		headers["ETag"] = object{"description": "For If-None-Match.", "schema": object{"type": "string"}}
	}
	response := object{"description": "The response."}
	if len(headers) > 0 {
		response["headers"] = headers
	}
	out := object{}
	if len(e.Responses) == 0 {
		response["description"] = "It is done."
		out["204"] = response
	} else {
		response["content"] = b.content(e.Responses)
		out[strconv.Itoa(cmp.Or(e.Status, http.StatusOK))] = response
	}
	if tagged {
		out["304"] = object{"description": "The response is still the one whose ETag If-None-Match named."}
	}
	fails := map[int]string{
		http.StatusBadRequest: "A parameter or field is unknown, missing or has no such value; candidates has those that may have been meant.",
		http.StatusForbidden:  "The request names a foreign host, or a foreign page sent it to change something.",
	}
	if cfg.Access != fnhttp.HTTPStackPublic && !e.Public {
		fails[http.StatusUnauthorized] = "There is no token, or a wrong one."
	}
	if e.body() != nil {
		fails[http.StatusRequestTimeout] = "The body did not come in time."
		fails[http.StatusRequestEntityTooLarge] = "The body is too long."
		fails[http.StatusUnsupportedMediaType] = "The body is not JSON."
	}
	maps.Copy(fails, e.Errors)
	for status, description := range fails {
		out[strconv.Itoa(status)] = object{"description": description, "content": object{
			"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/" + problemName}},
		}}
	}
	return out
}

func (b *schemas) content(responses []HTTPAPIResponse) object {
	content := object{}
	for _, a := range responses {
		schema := object{"type": "string"}
		if a.Go != nil {
			t := a.Go
			if t.Kind() == reflect.Pointer {
				t = t.Elem() // a response is never null
			}
			schema = b.of(t, false)
		}
		content[a.Type] = object{"schema": schema}
	}
	return content
}

// problemSchema is RFC 9457's, with the members that http_problem adds.
const problemSchema = `{
	"type": "object", "description": "What went wrong (RFC 9457).", "required": ["type", "title", "status", "code"],
	"additionalProperties": true,
	"properties": {
		"type": {"type": "string", "format": "uri-reference"}, "title": {"type": "string"}, "status": {"type": "integer"},
		"detail": {"type": "string"}, "instance": {"type": "string"},
		"code": {"type": "string", "description": "For programs: invalid, unauthenticated, forbidden, not_found, conflict, too_large, rate_limited, timeout, unavailable, unsupported, internal."},
		"hint": {"type": "string", "description": "What to do about it."},
		"request_id": {"type": "string"},
		"retry_after_ms": {"type": "integer"},
		"parameter": {"type": "string", "description": "The parameter that it is about."},
		"field": {"type": "string", "description": "The field of the body that it is about."},
		"candidates": {"type": "array", "items": {"type": "string"}, "description": "What may have been meant, best first."}
	}
}`

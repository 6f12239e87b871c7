package httpapitest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// document is an OpenAPI document, as far as the tests look at it.
type document struct {
	Paths    map[string]map[string]operation
	Security []security
}

// security is one way to be let in: schemes that a request fulfils together.
// The empty one is that of requests without a token.
type security map[string]any

type operation struct {
	ID          string `json:"operationId"`
	Parameters  []parameter
	RequestBody *struct {
		Content map[string]struct{ Schema schema }
	}
	Responses map[string]struct {
		Content map[string]any
	}
	Security *[]security // nil: the document's

	method, path string
	pattern      *regexp.Regexp
}

type parameter struct {
	Name, In string
	Schema   schema
}

type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Enum       []any
	Minimum    *int64
	Maximum    *int64
	Items      *schema
	Properties map[string]schema
}

// kind is the one type that a schema has besides null.
func (s schema) kind() string {
	switch t := s.Type.(type) {
	case string:
		return t
	case []any:
		for _, one := range t {
			if one != "null" {
				return fmt.Sprint(one)
			}
		}
	}
	return ""
}

// operations lists the operations of a document, by path and method.
func operations(text []byte) ([]*operation, error) {
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	var all []*operation
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			op := doc.Paths[path][method]
			op.method, op.path = strings.ToUpper(method), path
			if op.Security == nil {
				op.Security = &doc.Security
			}
			segments := regexp.MustCompile(`\\\{[^}]*\\\}`).ReplaceAllString(regexp.QuoteMeta(path), "[^/]+")
			op.pattern = regexp.MustCompile("^" + segments + "$")
			all = append(all, &op)
		}
	}
	return all, nil
}

// find returns the operation of a request; of two whose path fits, that with
// the fewer parameters.
func find(all []*operation, method, path string) *operation {
	path, _, _ = strings.Cut(path, "?")
	var best *operation
	for _, op := range all {
		if op.method == method && op.pattern.MatchString(path) && (best == nil || strings.Count(op.path, "{") < strings.Count(best.path, "{")) {
			best = op
		}
	}
	return best
}

// streams reports whether an operation responds with a stream, which may have
// no end.
func (op *operation) streams() bool {
	_, ok := op.Responses["200"].Content["text/event-stream"]
	return ok
}

// open says whether an operation needs no token, whoever asks.
func (op *operation) open() bool { return len(*op.Security) == 0 }

// has says whether the document has the method at the operation's path.
func has(all []*operation, path, method string) bool {
	return slices.ContainsFunc(all, func(op *operation) bool {
		return op.path == path && (op.method == method || op.method == http.MethodGet && method == http.MethodHead)
	})
}

// closeObjects adds additionalProperties: false to all objects of a document
// that name their members and say nothing of others.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		_, says := v["additionalProperties"]
		if _, names := v["properties"].(map[string]any); names && v["type"] == "object" && !says {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range v {
			closeObjects(inner)
		}
	}
}

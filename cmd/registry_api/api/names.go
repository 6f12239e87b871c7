package api

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/fn_registry/spec"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// queryNames are the names of an endpoint's query parameters, in the order of the document.
func (e Endpoint) queryNames() []string {
	names := []string{}
	for _, p := range params(e.In) {
		if p.in == "query" {
			names = append(names, p.name)
		}
	}
	return names
}

// checkNames refuses a query that is badly encoded or has a parameter that is not known. HTTPQueryRead would refuse them
// too, but without candidates where no name is near; here all names that there are stand in for them.
func checkNames(r *http.Request, known []string) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &core.Error{Code: core.CodeInvalid, Message: "the query is badly encoded: " + err.Error()}
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(known, name) {
			return unknownName(name, known)
		}
	}
	return nil
}

func unknownName(name string, known []string) error {
	candidates, hint := known, "known are "+strings.Join(known, ", ")
	if near := spec.Suggest(name, known); near != "" {
		candidates, hint = []string{near}, "did you mean "+near+"?"
	} else if len(known) == 0 {
		hint = "this path takes no parameters"
	}
	const shown = 80 // bytes of a name that may be as long as a header
	if len(name) > shown {
		name = strings.ToValidUTF8(name[:shown], "") + "..."
	}
	return &fnhttp.HTTPProblemError{
		Err:     &core.Error{Code: core.CodeInvalid, Message: "unknown parameter " + strconv.Quote(name), Hint: hint},
		Members: map[string]any{"parameter": name, "candidates": candidates},
	}
}

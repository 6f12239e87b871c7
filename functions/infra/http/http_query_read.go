package http

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/candidate"
)

const queryReadOp = "http_query_read"

// HTTPQueryRead reads the request's query and path parameters into a struct, or
// a new one that In points to, by its fields' tags: query:"limit" takes
// ?limit=, path:"id" the {id} of the ServeMux pattern. A field is a string,
// bool, number, time.Duration (as 1m30s), an encoding.TextUnmarshaler, a
// pointer to one of these (nil where the parameter is absent), or, for the
// query, a slice of them for a parameter that may be repeated. Without a
// pointer, what is absent is the zero value. A field of type url.Values with
// query:"*" takes all parameters that no other field takes, with query:"p_*"
// those of them that begin with p_. Untagged fields stay as they are; those of
// an embedded struct count as In's own.
//
// It is strict: a parameter that no field takes is refused, with the names that
// are close as the problem's member candidates; so are a repeated one without a
// slice, a value that is none of its type, has a NUL byte or is not UTF-8, and
// a query that is badly encoded. These are CodeInvalid. A type of field that it
// can't fill is CodeInternal.
//
// More in http_query_read.md:
//   - Each tagged field needs json:"-" too: otherwise a body could set it where
//     the struct is read from both.
//   - Absent is zero.
func HTTPQueryRead[In any](r *http.Request) (In, error) {
	in := new(In)
	err := fillURL(r, reflect.ValueOf(in).Elem())
	if err != nil {
		in = new(In)
	}
	return *in, err
}

func fillURL(r *http.Request, in reflect.Value) error {
	if in.Kind() == reflect.Pointer {
		in.Set(reflect.New(in.Type().Elem()))
		in = in.Elem()
	}
	plan, err := urlPlanOf(in.Type())
	if err != nil {
		return err
	}
	return plan.fill(r, in)
}

func (plan *urlPlan) fill(r *http.Request, in reflect.Value) error {
	invalid := func(format string, args ...any) *core.Error {
		return &core.Error{Code: core.CodeInvalid, Op: queryReadOp, Message: fmt.Sprintf(format, args...)}
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return invalid("the query is badly encoded: %v", err)
	}
	others := url.Values{}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case slices.Contains(plan.queryNames, name):
		case plan.others.takes(name):
			others[name] = query[name]
			if !isText(name) || slices.ContainsFunc(query[name], func(value string) bool { return !isText(value) }) {
				return withName(invalid("parameter %q is not text: it has a NUL or is not UTF-8", candidate.Clip(name)), "parameter", candidate.Clip(name))
			}
		default:
			known := slices.Clone(plan.queryNames)
			if plan.others != nil {
				known = append(known, plan.others.name+"*")
			}
			return withCandidates(invalid("unknown parameter %q", candidate.Clip(name)), "parameter", name, known)
		}
	}
	if plan.others != nil {
		in.FieldByIndex(plan.others.index).Set(reflect.ValueOf(others))
	}
	for _, field := range plan.fields {
		values := query[field.name]
		if field.path {
			values = []string{r.PathValue(field.name)}
		}
		if len(values) > 1 && !field.repeated {
			return withName(invalid("parameter %q is given %d times, want once", field.name, len(values)), "parameter", field.name)
		}
		for _, value := range values {
			if !isText(value) {
				return withName(invalid("parameter %q is not text: it has a NUL or is not UTF-8", field.name), "parameter", field.name)
			}
			if err := field.set(in.FieldByIndex(field.index), value); err != nil {
				return withName(invalid("parameter %q is %q, want %v", field.name, value, err), "parameter", field.name)
			}
		}
	}
	return nil
}

func isText(s string) bool { return !strings.ContainsRune(s, 0) && utf8.ValidString(s) }

package registry

import (
	"fmt"
	"strings"

	"fnregistry.dev/fn_registry/spec"
	"fnregistry.dev/functions/core"
)

// NotFoundError reports an ID that no unit has.
type NotFoundError struct {
	ID         string
	Candidates []string // IDs that may be meant, best first
	Several    bool     // all candidates have that name
}

// Error names the ID and the likeliest candidates.
func (e *NotFoundError) Error() string {
	if e.Several {
		return "several units are called " + quote(e.ID) + ": " + strings.Join(e.Candidates, ", ")
	}
	return suggest("no unit "+quote(e.ID), e.Candidates)
}

// QueryError reports an invalid query.
type QueryError struct {
	Param      string // the query's parameter, by its name in the HTTP API: "kind", "cursor"
	Message    string // lower case, no full stop
	Candidates []string
	Err        error // the cause, whose text stands behind Message; nil: there is none
}

// Error names the part and what is wrong with it.
func (e *QueryError) Error() string {
	message := e.Message
	switch {
	case e.Err == nil:
	case message == "":
		message = e.Err.Error()
	default:
		message += ": " + e.Err.Error()
	}
	return e.Param + ": " + suggest(message, e.Candidates)
}

// Unwrap returns the cause.
func (e *QueryError) Unwrap() error { return e.Err }

// suggest ends a message with the candidates, unless it lists them already.
func suggest(message string, candidates []string) string {
	listed := strings.Contains(message, "did you mean") || len(candidates) > 1 && strings.Contains(message, strings.Join(candidates, ", "))
	if hint := core.DidYouMean(candidates...); hint != "" && !listed {
		return message + "; " + hint
	}
	return message
}

// unknown returns the error for a word that is not an allowed one.
func unknown(param, value string, allowed []string) error {
	e := &QueryError{
		Param:      param,
		Message:    quote(value) + " is not one of " + strings.Join(allowed, ", "),
		Candidates: allowed,
	}
	if len(allowed) == 0 {
		e.Message = "there is no " + quote(value)
	}
	if near := spec.Suggest(value, allowed); near != "" {
		e.Message, e.Candidates = "there is no "+quote(value), []string{near}
	}
	return e
}

// quote formats untrusted text, shortened and with unprintable characters
// escaped.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		return fmt.Sprintf("%q...", s[:most])
	}
	return fmt.Sprintf("%q", s)
}

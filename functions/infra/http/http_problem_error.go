package http

// HTTPProblemError says how [HTTPProblem] shows an error where the coded error
// alone does not say enough: another status, a problem type of its own, members
// for programs. Everything but Err may be left empty.
//
// More in http_problem_error.md:
//   - Only http_problem_go_infra reads it. core.ErrorHTTPStatus does not know
//     Status.
//   - The first one in the error's tree counts.
type HTTPProblemError struct {
	Err     error          // what went wrong; gives code, detail, hint and Retry-After
	Status  int            // HTTP status, 400 to 599; zero: the one of Err's code
	Type    string         // URI reference that names the kind of problem; empty: about:blank, which the status explains
	Title   string         // short text for Type, the same for each occurrence; empty: the status' text
	Members map[string]any // further members of the response, such as candidates; the standard ones win over equal names
}

// Error returns the text of Err.
func (e *HTTPProblemError) Error() string {
	if e.Err == nil {
		return "http problem"
	}
	return e.Err.Error()
}

// Unwrap returns Err, for errors.Is and errors.As.
func (e *HTTPProblemError) Unwrap() error { return e.Err }

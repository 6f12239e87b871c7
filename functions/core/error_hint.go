package core

// ErrorHint returns the hint of an error: the first one that is set among the
// [Error]s in its tree, outermost first, as errors.As walks it. It is empty for
// nil and where none has a hint.
//
// More in error_hint.md:
//   - A hint is written for the person who runs the program.
func ErrorHint(err error) string {
	hinted, _ := firstError(err, func(e *Error) bool { return e.Hint != "" })
	return hinted.Hint
}

// firstError returns the first [Error] in err's tree that ok accepts, outermost
// first and depth first.
func firstError(err error, ok func(*Error) bool) (Error, bool) {
	switch coded, is := err.(*Error); {
	case is && coded == nil: // a bug in the code that created it; it has no cause
		return Error{}, false
	case is && ok(coded):
		return *coded, true
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		if inner := wrapper.Unwrap(); inner != nil {
			return firstError(inner, ok)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapper.Unwrap() {
			if found, is := firstError(inner, ok); is {
				return found, true
			}
		}
	}
	return Error{}, false
}

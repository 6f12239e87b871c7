package search

import (
	"errors"
	"fmt"
	"strings"
)

// Signature is the shape of a function: the types of its parameters and
// results. A method's receiver is its first parameter. Get one from
// [ParseSignature].
type Signature struct {
	params, results       []*typ
	anyParams, anyResults bool   // not given: any match
	name                  string // as declared, a method's after its receiver's; empty where there is none
}

// ErrSignature is wrapped by all errors of [ParseSignature].
var ErrSignature = errors.New("not a signature")

// ParseSignature reads the signature that a query asks for, as Go or with
// arrows, whole or in part:
//
//	func(context.Context, *sql.DB) error     types alone, or with names, which don't count
//	func (c *Client) Do(r Request) error     a declaration; of equal shapes, the one of this name comes first
//	func(io.Reader)                          any results
//	(string, int) -> (time.Duration, error)  arrows; string -> int -> error is func(string, int) error
//	-> error                                 any parameters
//	[]T -> (T -> bool) -> []T                a function among them, in parentheses
//	func(_, []byte) error                    _ is any one type
//	func(ctx, string) error                  ctx is a context.Context
//	func([]T, func(T) bool) []T              a single capital is a type parameter, as is a declared one: func[K any](...)
//
// A package name may be left out (DB for sql.DB). What is still being typed is
// read as far as it goes: open brackets are closed, and the last name may go
// on. Errors wrap [ErrSignature].
func ParseSignature(text string) (Signature, error) {
	s, err := parseQuerySignature(strings.TrimSpace(text))
	if err != nil {
		return Signature{}, fmt.Errorf("%w: %w (write it as func(context.Context, string) error or (string) -> error)",
			ErrSignature, err)
	}
	return s, nil
}

// Any reports whether the signature asks for nothing: it is still being typed.
func (s Signature) Any() bool { return s.anyParams && s.anyResults }

// String writes the signature as Go does: func(context.Context, string) error.
// Type parameters become T, U, V and so on; what was not given becomes "...".
func (s Signature) String() string {
	var b strings.Builder
	b.WriteString("func")
	if s.anyParams {
		b.WriteString("(...)")
	} else {
		writeList(&b, "(", s.params, ")")
	}
	switch {
	case s.anyResults:
		b.WriteString(" ...")
	case len(s.results) == 1:
		b.WriteString(" " + s.results[0].String())
	case len(s.results) > 1:
		writeList(&b, " (", s.results, ")")
	}
	return b.String()
}

package page

import (
	"context"
	"io"
)

// PageComponent renders itself as HTML. It is templ's Component under another
// name: components of this package can be used in templ files, and templ's
// wherever this package takes a component.
//
// More in page_component.md:
//   - A component may be rendered several times, by several requests at once:
//     it must not change its own state.
//   - It has the methods of templ.Component, so either is assignable to the
//     other; that needs no import of templ.
type PageComponent interface {
	Render(ctx context.Context, w io.Writer) error
}

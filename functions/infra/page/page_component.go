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
//     it must not change what it holds.
//   - It has the methods of templ.Component, so either is assignable to the
//     other; no import of templ is needed for it.
type PageComponent interface {
	Render(ctx context.Context, w io.Writer) error
}

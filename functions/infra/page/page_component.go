package page

import (
	"context"
	"io"
)

// PageComponent renders itself as HTML. It is templ's Component under another
// name: components of this package can be used in templ files, and templ's
// wherever this package takes a component.
type PageComponent interface {
	Render(ctx context.Context, w io.Writer) error
}

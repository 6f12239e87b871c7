package page

import (
	"context"
	"strings"
)

// PageFragment renders a component as a text: the data of an event that a
// [PageLive] region receives. The error is the component's.
//
// More in page_fragment.md:
//   - It is HTML that is inserted unescaped: send it only to regions of your
//     own pages.
func PageFragment(ctx context.Context, component PageComponent) (string, error) {
	var b strings.Builder
	if err := component.Render(ctx, &b); err != nil {
		return "", err
	}
	return b.String(), nil
}

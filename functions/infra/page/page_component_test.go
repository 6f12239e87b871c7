package page

import (
	"context"
	"io"
	"testing"
)

// other is a component from elsewhere, such as templ's.
type other string

func (o other) Render(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, string(o))
	return err
}

func TestPageComponent_OfAnotherMake(t *testing.T) {
	t.Parallel()
	var c PageComponent = other("<b>own</b>")
	has(t, render(t, PageShell(PageShellConfig{Title: "t", Brand: "b", Footer: c}, c)), "<main id=\"main\" tabindex=\"-1\"><b>own</b></main>", "<footer><b>own</b></footer>")
}

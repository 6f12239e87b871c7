package page

import (
	"context"
	"io"
)

// PageHTML is the component that a function writes. The function is called at
// each rendering; what it writes is sent as a whole, once it has returned.
//
// More in page_html.md:
//   - The function closes its elements itself; nothing checks that they match.
//   - If an added component fails, its error is returned and nothing is sent.
func PageHTML(write func(*PageWriter)) PageComponent { return written(write) }

type written func(*PageWriter)

// Render calls the function. It returns the first error of a component that
// the function added, and nothing is sent then, else the error of out.
func (write written) Render(ctx context.Context, out io.Writer) error {
	w := PageWriter{ctx: ctx}
	write(&w)
	if w.err != nil {
		return w.err
	}
	_, err := io.WriteString(out, w.text.String())
	return err
}

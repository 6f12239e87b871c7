package page

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

type broken struct{ error }

func (b broken) Render(context.Context, io.Writer) error { return b.error }

func TestPageHTML_SendsAllOrNothing(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	var out strings.Builder
	err := PageHTML(func(w *PageWriter) {
		w.Text("before")
		w.Add(broken{bad})
		w.Add(broken{errors.New("a later one")})
	}).Render(t.Context(), &out)
	if !errors.Is(err, bad) || out.Len() != 0 {
		t.Errorf("%v, sent %q", err, out.String())
	}
	reader, writer := io.Pipe()
	reader.CloseWithError(bad)
	if err := PageHTML(func(w *PageWriter) { w.Text("x") }).Render(t.Context(), writer); !errors.Is(err, bad) {
		t.Errorf("the error of a writer: %v", err)
	}
}

func TestPageHTML_HandsOnTheContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "value")
	var got any
	inner := componentFunc(func(ctx context.Context, _ io.Writer) error {
		got = ctx.Value(key{})
		return nil
	})
	if err := PageHTML(func(w *PageWriter) { w.Add(inner) }).Render(ctx, io.Discard); err != nil || got != "value" {
		t.Errorf("%v, %v", got, err)
	}
}

type componentFunc func(context.Context, io.Writer) error

func (f componentFunc) Render(ctx context.Context, w io.Writer) error { return f(ctx, w) }

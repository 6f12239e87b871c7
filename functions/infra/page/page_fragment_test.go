package page

import (
	"errors"
	"testing"
)

func TestPageFragment(t *testing.T) {
	t.Parallel()
	if got, err := PageFragment(t.Context(), other("<b>x</b>")); err != nil || got != "<b>x</b>" {
		t.Errorf("%q, %v", got, err)
	}
	bad := errors.New("bad")
	if got, err := PageFragment(t.Context(), broken{bad}); !errors.Is(err, bad) || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}

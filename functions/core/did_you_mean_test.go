package core_test

import (
	"testing"

	"fnregistry.dev/functions/core"
)

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want       string
		candidates []string
	}{
		{"", nil},
		{"", []string{""}},
		{"did you mean a?", []string{"", "a"}},
		{"did you mean b or a?", []string{"b", "a"}},
		{"did you mean a, b or c?", []string{"a", "b", "c", "d"}},
	} {
		if got := core.DidYouMean(c.candidates...); got != c.want {
			t.Errorf("%q: %s", c.candidates, got)
		}
	}
	known := []string{"", "a"}
	if core.DidYouMean(known...); known[0] != "" || known[1] != "a" {
		t.Errorf("the candidates have changed: %q", known)
	}
}

package core_test

import (
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
)

func TestNameNearest_Candidates(t *testing.T) {
	t.Parallel()
	known := []string{"name", "version", "signature", "params", "used_by", "uses", "url"}
	for name, want := range map[string]string{
		"nmae":                     "name",
		"Name":                     "name",
		"used-by":                  "used_by",
		"use":                      "uses",
		"signatur":                 "signature",
		"verison":                  "version",
		"u":                        "",
		"ur":                       "url",
		"":                         "",
		"zebra":                    "",
		strings.Repeat("name", 17): "",
	} {
		if got := strings.Join(core.NameNearest(name, known), " "); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := core.NameNearest("bat", []string{"cart", "bats", "cat", "bat"}); !slices.Equal(got, []string{"bat", "bats", "cat"}) {
		t.Errorf("nearest first: %q", got)
	}
}

package main

import (
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
)

// What a changed file affects in this repository.
func TestReached(t *testing.T) {
	t.Parallel()
	c, _, err := catalog.Load(t.Context(), catalog.Options{Roots: []string{"../../.."}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		file          string
		reached, left []string // the ends of import paths
	}{
		{"functions/core/backoff_delay.go", []string{"functions/core", "infra/work", "infra/process"}, []string{"infra/yaml", "fn_registry/spec"}},
		{"functions/core/backoff_delay.md", []string{"functions/core", "infra/work"}, []string{"infra/yaml"}},
		{"functions/core/backoff_delay_test.go", []string{"functions/core"}, []string{"infra/work"}},
		{"fn_registry/spec/body.go", []string{"fn_registry/spec", "fn_registry/check", "cmd/fn"}, []string{"functions/core"}},
		{"fn_registry/registry/testdata/relevance/golden.txt", []string{"fn_registry/registry"}, []string{"cmd/fn"}},
		{"docs/design.md", nil, []string{"functions/core", "cmd/fn"}},
		{"functions/infra/no_such_folder/x.go", nil, []string{"functions/core"}},
	} {
		got := reached(c, []string{test.file})
		has := func(end string) bool {
			return slices.ContainsFunc(got, func(p string) bool { return strings.HasSuffix(p, end) })
		}
		for _, end := range test.reached {
			if !has(end) {
				t.Errorf("%s does not reach %s: %v", test.file, end, got)
			}
		}
		if slices.ContainsFunc(test.left, has) {
			t.Errorf("%s reaches one of %v: %v", test.file, test.left, got)
		}
	}
}

func TestStepsFor(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		goFiles, packages []string
		want              string
	}{
		{nil, nil, "lint"},
		{nil, []string{"p"}, "lint; vet p; test -count=1 p"},
		{[]string{"a.go"}, nil, "format a.go; layout a.go; lint; test -count=1 " + opsTest},
		{[]string{"a.go"}, []string{"p"}, "format a.go; layout a.go; lint; vet p; test -count=1 p " + opsTest},
		{[]string{"a.go"}, []string{opsTest}, "format a.go; layout a.go; lint; vet " + opsTest + "; test -count=1 " + opsTest},
	} {
		var got []string
		for _, s := range stepsFor(test.goFiles, test.packages) {
			words := []string{s.name}
			for _, arg := range s.args {
				if strings.HasPrefix(arg, "-count") || slices.Contains(test.goFiles, arg) || slices.Contains(test.packages, arg) || arg == opsTest {
					words = append(words, arg)
				}
			}
			got = append(got, strings.Join(words, " "))
		}
		if strings.Join(got, "; ") != test.want {
			t.Errorf("%v, %v: %q, want %q", test.goFiles, test.packages, got, test.want)
		}
	}
}

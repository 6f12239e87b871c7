package reuse

import (
	"slices"
	"strings"
	"testing"
)

func TestState(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		here, there, then string // "": it is not there; then: as it was recorded
		want              State
	}{
		{"a", "a", "a", Same},
		{"a", "a", "b", Same}, // both came to the same, or a crash kept the record back
		{"a", "a", "", Same},
		{"a", "b", "a", Outdated},
		{"b", "a", "a", Edited},
		{"b", "c", "a", Conflict},
		{"b", "a", "", Conflict}, // a file of somebody else
		{"", "a", "", New},
		{"", "a", "a", Missing},
		{"", "b", "a", Missing},
		{"a", "", "a", Gone},
		{"", "", "a", Gone},
		{"b", "", "a", Conflict},
	} {
		f := FileState{Copy: text(test.here), Fresh: text(test.there)}
		if got := f.state(hash([]byte(test.then)), test.then != ""); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

func text(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func TestRewrite(t *testing.T) {
	t.Parallel()
	paths := map[string]string{"a.example/lib": "my.example/units/lib", "a.example/lib/z": "my.example/units/lib/z"}
	const src = `//go:build linux

// Package p imports "a.example/lib".
package p

import (
	"a.example/lib" // the first
	b ` + "`a.example/lib/z`" + `
	"a.example/library"
	"fmt"
)

//go:embed one two*.txt "a b" ` + "`c`" + ` all:d
var _ = fmt.Sprint("a.example/lib", lib.X, b.Y, library.Z)
`
	got, embedded, err := rewrite("p.go", []byte(src), paths)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`// Package p imports "a.example/lib".`, `"my.example/units/lib" // the first`, `b "my.example/units/lib/z"`, `"a.example/library"`, `fmt.Sprint("a.example/lib",`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %s in:\n%s", want, got)
		}
	}
	if want := []string{"one", "two*.txt", "a b", "c", "all:d"}; !slices.Equal(embedded, want) {
		t.Errorf("embedded %q", embedded)
	}
	if _, _, err := rewrite("p.go", []byte("package"), paths); err == nil {
		t.Error("a file that is no Go was taken")
	}
	if _, _, err := rewrite("p.go", []byte("package p\n\n//go:embed \"open\n"), paths); err == nil {
		t.Error("a pattern with an open quote was taken")
	}
}

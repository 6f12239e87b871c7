package scaffold

import (
	"errors"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/check"
)

// shapes is a package of types alone, one of another package that is no units
// folder, and a function.
const shapes = `
-- go.mod --
module example.org/m

go 1.26
-- fn_registry.yaml --
version: 1
units: [lib]
-- lib/shape/shape.go --
// Package shape has shapes.
package shape

// Point is a point in the plane. It is small.
type Point struct{ X, Y int }

type (
	// Shape has an area.
	Shape interface{ Area() float64 }
	Pair[K comparable, V any] struct{ Key K; Value V }
)

// Unit is the unit of length.
const Unit = 1

// Twice doubles x.
func Twice(x int) int { return 2 * x }
-- other/other.go --
package other

// Half halves x.
func Half(x int) int { return x / 2 }
`

// The spec of a type that is there is all that is written of it: fn init
// --specs writes none, so the advice for it must lead somewhere.
func TestNew_ExistingType(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tree(t, dir, shapes)
	for name, want := range map[string][]string{
		"point": {"signature: \"type Point struct\"", "description: Is a point in the plane.", "purity: pure", "file_path: lib/shape/shape.go", "var v shape.Point\n"},
		"shape": {"signature: \"type Shape interface", "description: Has an area.", "var v shape.Shape\n"},
		"pair":  {"signature: \"type Pair[K comparable, V any] struct", "description: \"Not written yet:", "var v shape.Pair[string, string]\n"},
	} {
		p := makeUnit(t, dir, Draft{Name: name, Kind: "type", Domain: "shape"})
		if len(p.Files) != 1 || p.Files[0].Path != "lib/shape/"+name+".md" {
			t.Fatalf("%s: %+v", name, p.Files)
		}
		for _, w := range want {
			if !strings.Contains(p.Files[0].Text, w) {
				t.Errorf("%s has no %q:\n%s", name, w, p.Files[0].Text)
			}
		}
	}
	c := load(t, dir)
	found, err := check.Run(t.Context(), c, check.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Rule != "spec-missing" { // of Twice
			t.Errorf("%s:%d: %s: %s", f.File, f.Line, f.Rule, f.Message)
		}
	}
}

// The hint about a name that is taken says how its declaration gets a spec.
func TestNew_ExistingAdvice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tree(t, dir, shapes)
	c := load(t, dir)
	for want, d := range map[string]Draft{
		"write its spec with fn init --specs, or":                        {Name: "twice", Domain: "shape"},
		"after adding other to units in fn_registry.yaml":                {Name: "half", Domain: "other", Package: "other/"},
		"write its spec with fn new --kind type without a signature, or": {Name: "point", Domain: "shape"},
		"it is no function, which alone has a spec":                      {Name: "unit", Domain: "shape"},
	} {
		_, err := New(c, d)
		if refused, ok := errors.AsType[*Error](err); !ok || !refused.Exists || !strings.Contains(refused.Hint, want) {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
}

// What a draft says and its kind has no use for is refused, not ignored.
func TestNew_NothingIgnored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tree(t, dir, shapes)
	c := load(t, dir)
	for want, d := range map[string]Draft{
		"only an app has a budget":                         {Name: "big", Domain: "shape", BinaryMBMax: 3},
		"a program is neither pure nor impure":             {Name: "big", Kind: "app", Pure: true},
		"the budget of the binary is less than 0":          {Name: "big", Kind: "app", BinaryMBMax: -1},
		"an app is composed of units, and none is named":   {Name: "big", Kind: "app"},
		"a pipeline is composed of units, and none is":     {Name: "big", Domain: "shape", Kind: "pipeline"},
		"uses takes IDs, as error_go_core; look for them ": {Name: "big", Kind: "app", Uses: []string{"nothing_like_it"}},
	} {
		_, err := New(c, d)
		if refused, ok := errors.AsType[*Error](err); !ok || !strings.Contains(refused.Message+"; "+refused.Hint, want) {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

// A constraint that is part of itself, which Go refuses, is met by no type.
func TestNew_CircularConstraint(t *testing.T) {
	t.Parallel()
	c := load(t, tree(t, t.TempDir(), shapes+`-- lib/shape/circle.go --
package shape

type Itself interface{ Itself }

type Hen interface{ Egg | int }

type Egg interface{ Hen | ~string }

type Nest interface{ Hen }
`))
	for constraint, ok := range map[string]bool{"Itself": false, "Hen": true, "Egg": true, "Nest": true} {
		_, err := New(c, Draft{Name: "sit", Domain: "shape", Signature: "func Sit[T " + constraint + "](v T)"})
		if e, is := errors.AsType[*Error](err); (err == nil) != ok || !ok && (!is || !strings.HasPrefix(e.Message, "no type is known")) {
			t.Errorf("%s: %v", constraint, err)
		}
	}
}

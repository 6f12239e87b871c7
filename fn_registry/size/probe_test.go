package size

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
)

// packages are type-checked packages by import path.
type packages map[string]*types.Package

func (p packages) Import(path string) (*types.Package, error) {
	if found := p[path]; found != nil {
		return found, nil
	}
	return nil, errors.New("not compiled")
}

func (p packages) check(t *testing.T, path, src string) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	config := types.Config{Importer: p}
	if p[path], err = config.Check(path, fset, []*ast.File{file}, nil); err != nil {
		t.Fatal(err)
	}
}

// TestProbe: what a program must be made to keep of a unit, by the unit's kind.
func TestProbe(t *testing.T) {
	t.Parallel()
	all := packages{}
	all.check(
		t,
		"example.org/far",
		"package far\n\ntype T struct{}\n\nfunc (T) M() {}\nfunc (*T) N() {}\nfunc (T) hidden() {}\n",
	)
	all.check(t, "example.org/internal/deep", "package deep\n\ntype T struct{}\n\nfunc (T) M() {}\n")
	all.check(t, "vendor/example.org/kept", "package kept\n\ntype T struct{}\n\nfunc (T) M() {}\n")
	all.check(t, "reflect", "package reflect\n\ntype Value struct{}\n\nfunc (Value) M() {}\n")
	all.check(t, "example.org/p", `package p

import (
	"example.org/far"
	"example.org/internal/deep"
	"reflect"
	"vendor/example.org/kept"
)

type Plain struct{}

func (Plain) M() {}
func (*Plain) N() {}

type Empty struct{}
type Other = far.T
type Generic[K comparable, V any] struct{ m map[K]V }

func (*Generic[K, V]) Get(k K) (v V) { return v }

type Number interface{ ~int | ~float64 }
type Doer interface{ Do() }
type hidden struct{}

func (hidden) M() {}

var Variable = 1

func Nothing()                                    {}
func One() *Plain                                 { return nil }
func Slices() ([]far.T, chan *Plain, error)       { return nil, nil, nil }
func Doers() (Doer, hidden, [2]Plain)             { panic(0) }
func Internal() (deep.T, kept.T, reflect.Value)   { panic(0) }
func Twice() (Plain, *Plain, []Plain)             { panic(0) }
func Any[T any](x T) []T                          { return nil }
func Numbers[T Number](x T) *Generic[string, T]   { return nil }
func Keys[M ~map[K]V, K comparable, V any](m M)   {}
func Elements[S ~[]E, E Number](s S)              {}
func Pointers[P ~*E, E any](p P)                  {}
func Methods[T Doer](x T)                         {}
func Impossible[T interface{ ~int; Do() }](x T)   {}
func Bytes[T ~[]byte | ~string](x T)              {}
func Channel[C ~chan int](c C)                    {}
`)
	for symbol, want := range map[string]string{
		"Nothing":     "p.Nothing",
		"Variable":    "p.Variable",
		"Plain":       "*new(p.Plain) (*p.Plain).M (*p.Plain).N",
		"Empty":       "*new(p.Empty)",
		"Other":       "*new(p.Other) (*far.T).M (*far.T).N",
		"Generic":     "*new(p.Generic[string, string]) (*p.Generic[string, string]).Get",
		"Plain.N":     "(*p.Plain).N",
		"Generic.Get": "(*p.Generic[string, string]).Get",
		"One":         "p.One (*p.Plain).M (*p.Plain).N",
		"Slices":      "p.Slices (*far.T).M (*far.T).N (*p.Plain).M (*p.Plain).N",
		"Doers":       "p.Doers",
		"Internal":    "p.Internal",
		"Twice":       "p.Twice (*p.Plain).M (*p.Plain).N",
		"Any":         "p.Any[string]",
		"Numbers":     "p.Numbers[int] (*p.Generic[string, int]).Get",
		"Keys":        "p.Keys[map[string]string, string, string]",
		"Elements":    "p.Elements[[]int, int]",
		"Pointers":    "p.Pointers[*string, string]",
		"Methods":     "p.Methods[p.Doer]",
		"Bytes":       "p.Bytes[string]",
		"Channel":     "p.Channel[chan int]",
		"Impossible":  "error: Impossible: no type arguments are known that its constraints allow, so it can't be built by itself",
		"Gone":        `error: example.org/p has no Gone where it is built (its build tags: ["extra"])`,
	} {
		p := newProbe(all)
		u := &catalog.Unit{Dir: &catalog.Dir{ImportPath: "example.org/p"}, Code: &catalog.Code{Symbol: symbol}}
		u.Spec.BuildTags = []string{"extra"}
		got := ""
		if err := p.add(u); err != nil {
			got = "error: " + err.Error()
		} else {
			got = strings.Join(p.keeps, " ")
			for path, name := range p.names {
				got = strings.ReplaceAll(got, name, path[strings.LastIndexByte(path, '/')+1:])
			}
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", symbol, got, want)
		}
	}
	p := newProbe(all)
	for _, at := range []struct{ path, symbol string }{{"example.org/p", "One"}, {"example.org/far", "T"}} {
		if err := p.add(&catalog.Unit{Dir: &catalog.Dir{ImportPath: at.path}, Code: &catalog.Code{Symbol: at.symbol}}); err != nil {
			t.Fatal(err)
		}
	}
	want := `package main

import (
	"unsafe"
	fnSizePackage0 "example.org/p"
	fnSizePackage1 "example.org/far"
)

var (
	fnSizeSink unsafe.Pointer
	fnSizeKeep0 = fnSizePackage0.One
	fnSizeKeep1 = (*fnSizePackage0.Plain).M
	fnSizeKeep2 = (*fnSizePackage0.Plain).N
	fnSizeKeep3 = *new(fnSizePackage1.T)
	fnSizeKeep4 = (*fnSizePackage1.T).M
	fnSizeKeep5 = (*fnSizePackage1.T).N
)

//go:noinline
func fnSizeStore(p unsafe.Pointer) { fnSizeSink = p }

func init() {
	fnSizeStore(unsafe.Pointer(&fnSizeKeep0))
	fnSizeStore(unsafe.Pointer(&fnSizeKeep1))
	fnSizeStore(unsafe.Pointer(&fnSizeKeep2))
	fnSizeStore(unsafe.Pointer(&fnSizeKeep3))
	fnSizeStore(unsafe.Pointer(&fnSizeKeep4))
	fnSizeStore(unsafe.Pointer(&fnSizeKeep5))
}
`
	if got := p.source(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestListing: what a listing contains about a package and its imports.
func TestListing(t *testing.T) {
	t.Parallel()
	l := listing{
		"a":   {ImportPath: "a", Imports: []string{"b", "d", "x"}, ImportMap: map[string]string{"x": "vendor/x"}},
		"b":   {ImportPath: "b", Imports: []string{"c", "gone"}},
		"c":   {ImportPath: "c", Imports: []string{"d/e", "a"}},
		"d":   {ImportPath: "d", Imports: []string{"C", "d/e"}, CgoFiles: []string{"c.go"}},
		"d/e": {ImportPath: "d/e"},
		"f":   {ImportPath: "f", Imports: []string{"net", "bad"}},
		"net": {ImportPath: "net", Standard: true, CgoFiles: []string{"cgo.go"}},
		"bad": {ImportPath: "bad", Error: &struct{ Err string }{" no such file\n"}},

		"vendor/x": {ImportPath: "vendor/x"},
	}
	for ask, want := range map[string]string{
		"a c": "a b c", "a d": "a d", "b d": "b c d/e", "a d/e": "a d d/e", "a a": "a", "a x": "", "a vendor": "a vendor/x", "a f": "", "gone a": "", "f net": "f net",
	} {
		pkg, forbidden, _ := strings.Cut(ask, " ")
		if got := strings.Join(l.chain(pkg, forbidden), " "); got != want {
			t.Errorf("chain %s: %q, want %q", ask, got, want)
		}
	}
	for pkg, want := range map[string]string{"a": "", "f": "bad: no such file", "gone": "the go command does not find gone", "bad": "bad: no such file"} {
		got := ""
		if err := l.problem(pkg); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("problem of %s: %q, want %q", pkg, got, want)
		}
	}
	for pkgs, want := range map[string]bool{"a": true, "b": true, "d/e": false, "f": false, "d/e f": false, "f d": true, "gone": false, "": false} {
		if got := l.needsCgo(strings.Fields(pkgs)); got != want {
			t.Errorf("%q needs cgo: %v", pkgs, got)
		}
	}
}

// TestPlace_Flags: how the go command is invoked.
func TestPlace_Flags(t *testing.T) {
	t.Parallel()
	rest, tags := splitTags([]string{"-race", "-tags=a,b", "-ldflags=-s", "-tags=c", "-tags"})
	if rest != "-race -ldflags=-s -tags" || !slices.Equal(tags, []string{"a", "b", "c"}) {
		t.Errorf("%q and %q", rest, tags)
	}
	for want, at := range map[string]place{
		"-trimpath": {}, "-trimpath -tags=a,b": {tags: "a,b"}, "-trimpath -race -x": {flags: "-race -x"}, "-trimpath -race -tags=a": {flags: "-race", tags: "a"},
	} {
		if got := strings.Join(at.buildFlags(), " "); got != want {
			t.Errorf("%+v: %q, want %q", at, got, want)
		}
	}
	for want, at := range map[string]place{
		"GOOS=linux GOARCH=amd64 CGO_ENABLED=0": {}, "GOOS=linux GOARCH=amd64 CGO_ENABLED=1 GOWORK=off": {cgo: true, gowork: "off"},
	} {
		env := at.env()
		if n := len(strings.Fields(want)); strings.Join(env[len(env)-n:], " ") != want {
			t.Errorf("%+v: %q, want %q", at, env[len(env)-n:], want)
		}
	}
}

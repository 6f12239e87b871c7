package source

import (
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestResolver compares the resolver with go/parser's resolution, on the files
// of this module: two identifiers refer to the same object here if and only if
// they do there.
func TestResolver(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		compareObjects(t, path, src)
		return nil
	})
	if err != nil || files < 100 {
		t.Fatalf("%d files, %v", files, err)
	}
}

// TestResolver_Scopes does the same for constructs that our own files may not
// contain.
func TestResolver_Scopes(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"func F(x int) (err error) { x, y := 1, x; { x := y; _ = x }; return err }",
		"func F() { for i, v := range v { i, v := v, i; _, _ = i, v }; for v = range a { }; v := 1; _ = v }",
		"func F() { switch x := x; x { case x: x := x; _ = x; default: _ = x } }",
		"func F() { switch x := x.(type) { case T: x := x; _ = x }; switch y := 1; z := y.(type) { case T: _ = z } }",
		"func F() { select { case x := <-x: _ = x; case y, ok = <-x: _ = y } }",
		"func F() { if x := f(x); x { } else if y := x; y { _ = x } else { x, y = y, x } }",
		"func F() { x := func(x, y int) (z int) { x, z := y, x; return z }; type T struct{ T *T; x int }; var t T; t.x = x }",
		"func F() { const x, y = 1, x; var a, b = b, a; var ( c = d; d = c ); _, _, _, _, _, _ = x, y, a, b, c, d }",
		"func F[K comparable, V []K](m map[K]V) (K, V) { var x K; return x, m[x] }",
		"func F() { x := T{x: x, y: 1, z.a: x, f(x): 2}; goto x; x: for { break x } }",
		"type T[P any] struct{ f P; T }; type U[P, Q interface{ M(P) Q }] func(P, x Q) (y P); func (T) x(T T) { _ = T }",
		"var a, b = func() int { a := b; return a }(), c; const ( c = iota; d = c ); func init() { init := c; _ = init }; func a() {}",
	} {
		compareObjects(t, body, []byte("package p\n"+body))
	}
}

// compareObjects walks two trees of the same text in parallel.
func compareObjects(t *testing.T, path string, src []byte) {
	t.Helper()
	want, err := goparser.ParseFile(token.NewFileSet(), path, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	tree, err := goparser.ParseFile(fset, path, src, goparser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	newResolver(nil, false).file(tree) // not released: the objects stay in use
	theirs, unused := identifiers(want)
	ours, _ := identifiers(tree)
	known, back := map[*object]*object{}, map[*object]*object{}
	for i, id := range ours {
		got, other := id.Obj, theirs[i].Obj
		if got == nil && (other == nil || unused[theirs[i]]) || got != nil && isReceiverParam(got) {
			continue
		}
		if got == nil || other == nil || known[got] != nil && known[got] != other || back[other] != nil && back[other] != got {
			t.Errorf("%s: %s is %v, and %v for go/parser", fset.Position(id.Pos()), id.Name, got, other)
			continue
		}
		known[got], back[other] = other, got
		if declaredAt(got) != other.Pos() || (got.Kind == ast.Con) != (other.Kind == ast.Con) {
			t.Errorf("%s: %s is declared at %s, not %s; a constant: %v", fset.Position(id.Pos()), id.Name, fset.Position(declaredAt(got)), fset.Position(other.Pos()), got.Kind == ast.Con)
		}
		if top := want.Scope.Lookup(id.Name) == other; top != isPackageLevel(id) {
			t.Errorf("%s: %s is at package level: %v, and %v for go/parser", fset.Position(id.Pos()), id.Name, !top, top)
		}
	}
}

// isReceiverParam reports whether an object is a type parameter named by a
// receiver, which go/parser does not resolve.
func isReceiverParam(o *object) bool {
	_, ok := o.Decl.(*ast.Ident)
	return ok
}

// identifiers lists all identifiers of a tree, and those whose objects are
// never used: labels, and names in types.
func identifiers(tree *ast.File) (all []*ast.Ident, unused map[*ast.Ident]bool) {
	unused = map[*ast.Ident]bool{}
	fields := func(lists ...*ast.FieldList) {
		for _, list := range lists {
			if list != nil {
				for _, f := range list.List {
					for _, name := range f.Names {
						unused[name] = true
					}
				}
			}
		}
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			all = append(all, n)
		case *ast.StructType:
			fields(n.Fields)
		case *ast.InterfaceType:
			fields(n.Methods)
		case *ast.FuncType:
			fields(n.Params, n.Results)
		case *ast.LabeledStmt:
			unused[n.Label] = true
		case *ast.BranchStmt:
			if n.Label != nil {
				unused[n.Label] = true
			}
		}
		return true
	})
	return all, unused
}

// TestParse_ReceiverParams: a type parameter named by a receiver is not one of
// the package's names.
func TestParse_ReceiverParams(t *testing.T) {
	t.Parallel()
	f := parse(
		t,
		"f.go",
		"package p\nfunc (s *Store[K, V]) Get(key K) V { return other[V](s, key) }\nfunc (s One[T]) F() T { panic(s) }",
	)
	if got := refs(f.Decls[0].Refs); !reflect.DeepEqual(got, []string{"Store", "other"}) {
		t.Errorf("refs of Get: %q", got)
	}
	if got := refs(f.Decls[1].Refs); !reflect.DeepEqual(got, []string{"One"}) {
		t.Errorf("refs of F: %q", got)
	}
}

// TestParse_ManyRefs: each name is listed once, at its first position, however
// many there are.
func TestParse_ManyRefs(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	const names = 3 * fewMentions
	for range 2 {
		for i := range names {
			fmt.Fprintf(&body, "\tcall%d()\n", i)
		}
	}
	d := decl(t, parse(t, "f.go", "package p\nfunc F() {\n"+body.String()+"}\nfunc G() { call0() }"), "F")
	if len(d.Refs) != names {
		t.Fatalf("%d names, want %d", len(d.Refs), names)
	}
	for i, r := range d.Refs {
		if r.Name != fmt.Sprintf("call%d", i) || r.Pos.Line != 3+i {
			t.Errorf("name %d is %v", i, r)
		}
	}
}

// TestParse_Channels: sending to or receiving from a channel changes what the
// channel's variable refers to; parameters count from 0 in each function,
// including unchanged ones.
func TestParse_Channels(t *testing.T) {
	t.Parallel()
	f := parse(t, "f.go", `package p
func Send(_, n int, to chan int) { to <- n }
func Receive(from chan int) int { return <-from }
func Wait(string, error) { <-done; all <- 1 }
func (s Store) Next() int { return <-s.next }`)
	for name, want := range map[string][]int{"Send": {2}, "Receive": {0}, "Wait": nil, "Next": nil} {
		if got := decl(t, f, name).ChangesParams; !reflect.DeepEqual(got, want) {
			t.Errorf("%s changes parameters %v, want %v", name, got, want)
		}
	}
	var writes []string
	for _, w := range decl(t, f, "Wait").Writes {
		writes = append(writes, w.Name)
	}
	if want := []string{"done", "all"}; !reflect.DeepEqual(writes, want) {
		t.Errorf("Wait writes %q, want %q", writes, want)
	}
	if !decl(t, f, "Next").ChangesReceiver {
		t.Error("Next does not change its receiver")
	}
}

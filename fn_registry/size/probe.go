package size

import (
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
)

// serverSource is the default base that units are added to: what almost any
// program here uses.
const serverSource = `package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewEncoder(w).Encode(map[string]string{"path": r.URL.Path}); err != nil {
			slog.Error("not sent", "error", err)
		}
	})
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	if err := http.ListenAndServe("127.0.0.1:8080", nil); err != nil {
		slog.Error("ended", "error", err)
		os.Exit(1)
	}
}
`

const emptySource = "package main\n\nfunc main() {}\n"

// probe writes the Go file of a program from the base and units: each unit's
// symbol is stored where the linker must assume that it is read.
type probe struct {
	packages types.Importer
	names    map[string]string // of imports, by path
	keeps    []string          // expressions whose address is stored
	from     *types.Package    // the unit's package
	visited  map[string]bool   // types whose methods are kept
}

func newProbe(packages types.Importer) *probe {
	return &probe{packages: packages, names: map[string]string{}, visited: map[string]bool{}}
}

// importerOf reads the types of packages that go list has compiled.
func importerOf(l listing) types.Importer {
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		if p := l[path]; p != nil && p.Export != "" {
			return os.Open(p.Export)
		}
		return nil, errors.New("not compiled")
	})
}

// add keeps a unit: a function itself and the exported methods of what it
// returns, or a type's exported methods.
func (p *probe) add(u *catalog.Unit) error {
	pkg, err := p.packages.Import(u.Dir.ImportPath)
	if err != nil {
		return err
	}
	p.from = pkg
	symbol, method, isMethod := strings.Cut(u.Code.Symbol, ".")
	object := pkg.Scope().Lookup(symbol)
	if object == nil {
		return fmt.Errorf("%s has no %s where it is built (its build tags: %q)", u.Dir.ImportPath, symbol, u.Spec.BuildTags)
	}
	t, err := instance(object.Type())
	if err != nil {
		return fmt.Errorf("%s: %w", symbol, err)
	}
	switch named, isType := object.(*types.TypeName); {
	case isMethod:
		p.keep(fmt.Sprintf("(*%s).%s", p.typeText(t), method))
	case isType && !named.IsAlias():
		p.keep("*new(" + p.typeText(t) + ")")
		p.methods(t)
	case isType:
		p.keep("*new(" + p.qualified(pkg) + "." + symbol + ")")
		p.methods(types.Unalias(t))
	default:
		return p.function(object.Name(), t)
	}
	return nil
}

func (p *probe) function(name string, t types.Type) error {
	signature, ok := t.(*types.Signature)
	if !ok {
		p.keep(p.qualified(p.from) + "." + name) // a variable
		return nil
	}
	var args []string
	if inst := signature.TypeParams(); inst.Len() > 0 {
		chosen, err := arguments(signature, inst)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		whole, err := types.Instantiate(nil, signature, chosen, false)
		if err != nil {
			return err
		}
		for _, a := range chosen {
			args = append(args, p.typeText(a))
		}
		signature = whole.(*types.Signature)
	}
	call := p.qualified(p.from) + "." + name
	if len(args) > 0 {
		call += "[" + strings.Join(args, ", ") + "]"
	}
	p.keep(call)
	for result := range signature.Results().Variables() {
		p.methods(result.Type())
	}
	return nil
}

// methods keeps the exported methods of a type that code outside of its package
// can name. Package reflect's are omitted: calling one by a computed name keeps
// every method of the program, and few callers do.
func (p *probe) methods(t types.Type) {
	switch u := types.Unalias(t).(type) {
	case *types.Pointer:
		t = u.Elem()
	case *types.Slice:
		p.methods(u.Elem())
		return
	case *types.Chan:
		p.methods(u.Elem())
		return
	}
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || types.IsInterface(named) || !p.canName(named.Obj()) {
		return
	}
	id := types.TypeString(named, nil)
	if p.visited[id] {
		return
	}
	p.visited[id] = true
	for method := range types.NewMethodSet(types.NewPointer(named)).Methods() {
		if method.Obj().Exported() {
			p.keep("(*" + p.typeText(named) + ")." + method.Obj().Name())
		}
	}
}

func (p *probe) canName(o *types.TypeName) bool {
	switch {
	case o.Pkg() == nil || !o.Exported() || o.Parent() != o.Pkg().Scope() || o.Pkg().Path() == "reflect":
		return false
	case o.Pkg() == p.from:
		return true
	}
	elements := strings.Split(o.Pkg().Path(), "/")
	return elements[0] != "vendor" && !slices.Contains(elements, "internal")
}

func (p *probe) keep(expression string) { p.keeps = append(p.keeps, expression) }

// typeText formats a type for the probe's file.
func (p *probe) typeText(t types.Type) string { return types.TypeString(t, p.qualified) }

// qualified returns the name under which the probe's file imports a package.
func (p *probe) qualified(pkg *types.Package) string {
	name := p.names[pkg.Path()]
	if name == "" {
		name = "fnSizePackage" + strconv.Itoa(len(p.names))
		p.names[pkg.Path()] = name
	}
	return name
}

// source returns the file. It stores addresses of variables rather than
// interface values: those would make the linker keep more of the types.
func (p *probe) source() string {
	var b strings.Builder
	b.WriteString("package main\n\nimport (\n\t\"unsafe\"\n")
	paths := make([]string, len(p.names))
	for path, name := range p.names {
		n, _ := strconv.Atoi(strings.TrimPrefix(name, "fnSizePackage"))
		paths[n] = path
	}
	for n, path := range paths {
		fmt.Fprintf(&b, "\tfnSizePackage%d %q\n", n, path)
	}
	b.WriteString(")\n\nvar (\n\tfnSizeSink unsafe.Pointer\n")
	for n, expression := range p.keeps {
		fmt.Fprintf(&b, "\tfnSizeKeep%d = %s\n", n, expression)
	}
	b.WriteString(")\n\n//go:noinline\nfunc fnSizeStore(p unsafe.Pointer) { fnSizeSink = p }\n\nfunc init() {\n")
	for n := range p.keeps {
		fmt.Fprintf(&b, "\tfnSizeStore(unsafe.Pointer(&fnSizeKeep%d))\n", n)
	}
	b.WriteString("}\n")
	return b.String()
}

// instance supplies type arguments that a generic's constraints allow.
func instance(t types.Type) (types.Type, error) {
	named, ok := t.(*types.Named)
	if !ok || named.TypeParams().Len() == 0 {
		return t, nil
	}
	chosen, err := arguments(named, named.TypeParams())
	if err != nil {
		return nil, err
	}
	return types.Instantiate(nil, named, chosen, false)
}

// arguments finds type arguments for a generic function or type: strings if
// possible. Parameters whose constraint names others come last.
func arguments(generic types.Type, params *types.TypeParamList) ([]types.Type, error) {
	chosen := make([]types.Type, params.Len())
	order := make([]int, params.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(
		order,
		func(a, b int) int { return len(terms(params.At(a), true)) - len(terms(params.At(b), true)) },
	)
	var try func(n int) bool
	try = func(n int) bool {
		if n == len(order) {
			_, err := types.Instantiate(nil, generic, chosen, true)
			return err == nil
		}
		i := order[n]
		return slices.ContainsFunc(candidates(params.At(i), chosen), func(t types.Type) bool {
			chosen[i] = t
			return try(n + 1)
		})
	}
	if !try(0) {
		return nil, errors.New("no type arguments are known that its constraints allow, so it can't be built by itself")
	}
	return chosen, nil
}

// candidates lists types to try for a type parameter: a few that satisfy most
// constraints, those that the constraint names, and the constraint itself if it
// is an interface of methods.
func candidates(p *types.TypeParam, chosen []types.Type) []types.Type {
	constraint, ok := p.Constraint().Underlying().(*types.Interface)
	if ok && constraint.IsMethodSet() && constraint.NumMethods() > 0 {
		return []types.Type{p.Constraint()}
	}
	text, number := types.Typ[types.String], types.Typ[types.Int]
	all := []types.Type{text, number, types.NewSlice(text), types.NewMap(text, text)}
	for _, t := range terms(p, false) {
		all = append(all, substitute(t, chosen))
	}
	return all
}

// terms lists the types that a type parameter's constraint names: all, or only
// those composed of other type parameters.
func terms(p *types.TypeParam, ofParams bool) (all []types.Type) {
	constraint, ok := p.Constraint().Underlying().(*types.Interface)
	if !ok {
		return nil
	}
	for embedded := range constraint.EmbeddedTypes() {
		if union, ok := embedded.(*types.Union); ok {
			for term := range union.Terms() {
				if t := term.Type(); !ofParams || substitute(t, nil) != t {
					all = append(all, t)
				}
			}
		}
	}
	return all
}

// substitute replaces type parameters by the chosen types; those not chosen yet
// become strings.
func substitute(t types.Type, chosen []types.Type) types.Type {
	switch u := t.(type) {
	case *types.TypeParam:
		if u.Index() < len(chosen) && chosen[u.Index()] != nil {
			return chosen[u.Index()]
		}
		return types.Typ[types.String]
	case *types.Slice:
		if elem := substitute(u.Elem(), chosen); elem != u.Elem() {
			return types.NewSlice(elem)
		}
	case *types.Pointer:
		if elem := substitute(u.Elem(), chosen); elem != u.Elem() {
			return types.NewPointer(elem)
		}
	case *types.Map:
		key, elem := substitute(u.Key(), chosen), substitute(u.Elem(), chosen)
		if key != u.Key() || elem != u.Elem() {
			return types.NewMap(key, elem)
		}
	}
	return t
}

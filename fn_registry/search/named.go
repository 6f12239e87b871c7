package search

import (
	"go/ast"
	"go/parser"
	"go/token"
	"iter"
	"strings"
	"sync"
)

// Factors for types that match only by what their name stands for.
const (
	matchAlias = 0.97 // fs.FileMode for os.FileMode
	matchSeen  = 0.6  // string for type ID string
	matchFar   = 0.3  // int64 for time.Duration: to a person they differ
)

// NamedTypes are named types of which it is known what they stand for: a search
// by signature sees through them. Get one from [NewNamedTypes]. It knows some
// of the standard library by itself.
type NamedTypes struct {
	byName map[string][]namedType // each step of what a name stands for
	heads  map[headPair]bool      // of types that may match by what one stands for
}

// headPair is the heads of two types.
type headPair struct{ a, b uint32 }

// namedType is what a name of one package stands for.
type namedType struct {
	pkg   string
	under *typ
	score float64
}

// standardTypes are the named types of the standard library that a user may
// spell out instead, or by their other name.
const standardTypes = `
context type CancelFunc func()
context type CancelCauseFunc func(error)
fs type FileMode uint32
fs type WalkDirFunc func(string, fs.DirEntry, error) error
http type HandlerFunc func(http.ResponseWriter, *http.Request)
http type Header map[string][]string
json type RawMessage []byte
net type HardwareAddr []byte
net type IP []byte
os type DirEntry = fs.DirEntry
os type FileInfo = fs.FileInfo
os type FileMode = fs.FileMode
os type PathError = fs.PathError
slog type Level int
template type HTML string
textproto type MIMEHeader map[string][]string
time type Duration int64
time type Month int
time type Weekday int
url type Values map[string][]string
`

// NewNamedTypes reads declarations as [Doc.Signature] has them, type ID string,
// each after the name of its package. Structs, interfaces and generic types
// stand for nothing but themselves and are left out, as is what can't be read.
// Types of the same name in several packages are distinguished only if a
// signature names the package.
func NewNamedTypes(declarations iter.Seq2[string, string]) *NamedTypes {
	t := &NamedTypes{byName: map[string][]namedType{}, heads: map[headPair]bool{}}
	for line := range strings.Lines(strings.TrimSpace(standardTypes)) {
		pkg, declaration, _ := strings.Cut(strings.TrimSpace(line), " ")
		t.add(pkg, declaration, true)
	}
	if declarations != nil {
		for pkg, declaration := range declarations {
			t.add(pkg, declaration, false)
		}
	}
	steps := make(map[string][]namedType, len(t.byName))
	for name, all := range t.byName {
		head := (&typ{kind: kindNamed, name: name}).head()
		for _, n := range all {
			for _, step := range t.steps(n) {
				steps[name] = append(steps[name], step)
				under := step.under.head()
				t.heads[headPair{head, under}], t.heads[headPair{under, head}] = true, true
			}
		}
	}
	t.byName = steps
	return t
}

func (t *NamedTypes) add(pkg, declaration string, standard bool) {
	if len(declaration) > maxSignature {
		return
	}
	file, err := parser.ParseFile(token.NewFileSet(), "", filePrefix+declaration, parser.SkipObjectResolution)
	if err != nil || len(file.Decls) != 1 {
		return
	}
	d, ok := file.Decls[0].(*ast.GenDecl)
	if !ok || d.Tok != token.TYPE || len(d.Specs) != 1 {
		return
	}
	s := d.Specs[0].(*ast.TypeSpec)
	if s.TypeParams != nil {
		return
	}
	c := &converter{source: declaration, base: 1 + len(filePrefix), vars: map[string]int{}, typed: -1}
	under, err := c.typ(s.Type, 0)
	if err != nil || under.kind == kindOpaque || under.kind == kindAny {
		return
	}
	n := namedType{pkg: pkg, under: under, score: matchSeen}
	switch {
	case s.Assign != token.NoPos:
		n.score = matchAlias
	case standard && under.kind == kindNamed && under.name != "string":
		n.score = matchFar
	}
	t.byName[s.Name.Name] = append(t.byName[s.Name.Name], n)
}

// maxNameSteps limits how many names are followed from one to the next.
const maxNameSteps = 4

// steps lists what a name stands for, and what that stands for in turn: type A
// B, type B string.
func (t *NamedTypes) steps(n namedType) []namedType {
	all := []namedType{n}
	for len(all) < maxNameSteps {
		last := all[len(all)-1]
		next := t.of(last.under)
		if last.under.pkg == "" {
			next = only(next, n.pkg)
		}
		if len(next) != 1 {
			break
		}
		all = append(all, namedType{n.pkg, next[0].under, min(last.score, next[0].score)})
	}
	return all
}

// only returns those of one package.
func only(all []namedType, pkg string) []namedType {
	var out []namedType
	for _, n := range all {
		if n.pkg == pkg {
			out = append(out, n)
		}
	}
	return out
}

// of lists what a named type may stand for; nothing for any other.
func (t *NamedTypes) of(named *typ) []namedType {
	if t == nil || named.kind != kindNamed || len(named.elems) > 0 {
		return nil
	}
	all := t.byName[named.name]
	if named.pkg == "" || len(all) == 0 {
		return all
	}
	return only(all, named.pkg)
}

// mayMatch reports whether types with these heads may match by what one of them
// stands for.
func (t *NamedTypes) mayMatch(q *typ, dHead uint32) bool {
	if t == nil {
		return false
	}
	whole := *q
	whole.unended = false
	return t.heads[headPair{whole.head(), dHead}]
}

// WithNamedTypes returns the same index with what is known of named types; nil
// knows none. They are asked for when the first signature is searched.
func (x *Index) WithNamedTypes(types func() *NamedTypes) *Index {
	with := *x
	with.named = nil
	if types != nil {
		with.named = sync.OnceValue(types)
	}
	return &with
}

// namedTypes returns the known named types, or nil.
func (x *Index) namedTypes() *NamedTypes {
	if x.named == nil {
		return nil
	}
	return x.named()
}

// seeThrough returns how well two types match by what the name of one of them
// stands for.
func (b *binding) seeThrough(q, d *typ) float64 {
	before, best := *b, *b
	score := 0.0
	try := func(q, d *typ, worth float64) {
		*b = before
		if s := worth * b.direct(q, d); s > score {
			score, best = s, *b
		}
	}
	for _, n := range b.named.of(d) {
		try(q, n.under, n.score)
	}
	for _, n := range b.named.of(q) {
		try(n.under, d, n.score)
	}
	*b = best
	return score
}

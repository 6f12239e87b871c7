// Package scaffold generates code and specs: the Go file, spec and test of a
// new unit ([New]), a program composed of units, the settings of a repository
// ([Settings]) and initial specs for functions that have none ([FirstSpecs]).
//
// Everything is first a [Plan], text in memory that can be shown, and is
// written by [Plan.Write], which never overwrites a file. The result compiles,
// passes go vet and has no finding of the linter.
package scaffold

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
	"fnregistry.dev/functions/core"
)

// Draft describes a unit to be created.
type Draft struct {
	Name   string    // snake_case
	Kind   spec.Kind // empty: function
	Domain string    // of fn_registry.yaml's domains; for an app it may be empty: apps where that is one of them, else the first used unit's
	// Package says where: a folder from the root ("functions/infra/http"), or
	// the name of a package of the domain, there or new ("http"). Empty: the
	// domain's own package; for an app the folder apps/NAME.
	Package string
	// Signature is a Go declaration, with or without the name: "func(s string)
	// int", "type Level int". Empty: a shape that is common for the kind.
	Signature   string
	Description string   // one to three sentences; empty: one that says that nothing is written yet
	Tags        []string // lower-case words
	Pure        bool
	Uses        []string // IDs; what an app or a pipeline is composed of
	BinaryMBMax float64  // budget of an app in megabytes of 10^6 bytes; 0: 10
}

// Plan is a set of files to write.
type Plan struct {
	ID     string   `json:"id,omitempty"`     // of the unit; empty where it is not one
	Folder string   `json:"folder,omitempty"` // of the unit, from the root
	Files  []File   `json:"files"`
	Notes  []string `json:"notes"` // what is left for a person to do or to know
}

// File is one file of a plan.
type File struct {
	Path string `json:"path"` // from the root, with slashes
	Text string `json:"text"`

	edit   bool   // the file is there and is changed
	before string // its text then
}

// Error says why there is no plan.
type Error struct {
	Message string
	Hint    string // what to do about it, or empty
	Exists  bool   // what was asked for is there already; else what was asked for is wrong
}

func (e *Error) Error() string { return e.Message }

func wrong(message, hint string) *Error { return &Error{Message: message, Hint: hint} }

func exists(message, hint string) *Error { return &Error{Message: message, Hint: hint, Exists: true} }

// maker holds what the making of one unit needs.
type maker struct {
	c       *catalog.Catalog
	root    *catalog.Root
	draft   Draft
	symbols map[symbolKey]*catalog.Unit
	dirs    map[string]*catalog.Dir
	uses    []*catalog.Unit

	packages map[string]*packageSource // what packageSource has read
}

type symbolKey struct{ pkg, name string }

// New plans a unit in the catalogue's first root. The error is an *Error if the
// draft is at fault.
func New(c *catalog.Catalog, d Draft) (*Plan, error) {
	m := newMaker(c, d)
	for _, check := range []func() error{m.checkName, m.checkKind, m.checkDomain, m.checkUses} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	switch m.draft.Kind {
	case spec.KindApp:
		return m.app()
	case spec.KindType:
		return m.typeUnit()
	default:
		return m.function()
	}
}

func newMaker(c *catalog.Catalog, d Draft) *maker {
	d.Kind = cmp.Or(d.Kind, spec.KindFunction)
	m := &maker{c: c, root: c.Roots[0], draft: d, symbols: map[symbolKey]*catalog.Unit{}, dirs: map[string]*catalog.Dir{},
		packages: map[string]*packageSource{}}
	for _, u := range c.Units {
		if u.Code != nil {
			m.symbols[symbolKey{u.Dir.ImportPath, u.Code.Symbol}] = u
		}
	}
	for _, dir := range c.Dirs {
		if dir.Root == 0 {
			m.dirs[dir.Path] = dir
		}
	}
	return m
}

func (m *maker) checkName() error {
	name := m.draft.Name
	if !keyAllows("name", name) {
		hint := "a name is snake_case: lower-case words of letters and digits, joined by _"
		if near := SnakeCase(name); near != "" && near != name {
			hint += "; " + core.DidYouMean(near)
		}
		return wrong("name "+quote(name)+" is not valid", hint)
	}
	for _, u := range m.c.Units {
		if catalog.Squash(u.Spec.Name) == catalog.Squash(name) {
			return exists("the unit "+u.ID+" has that name", "names are unique in the repository: see "+u.File)
		}
	}
	return nil
}

var kinds = []spec.Kind{spec.KindFunction, spec.KindType, spec.KindPipeline, spec.KindApp}

func (m *maker) checkKind() error {
	kind := m.draft.Kind
	if !slices.Contains(kinds, kind) {
		return wrong("kind "+quote(kind)+" is not one of "+strings.Join(kinds, ", "), suggestion(kind, kinds))
	}
	switch app := kind == spec.KindApp; {
	case app && m.draft.Signature != "":
		return wrong("a program has no signature", "leave it out")
	case app && m.draft.Pure:
		return wrong("a program is neither pure nor impure", "leave pure out")
	case !app && m.draft.BinaryMBMax != 0:
		return wrong("only an app has a budget of its binary", "leave it out, or say kind app")
	case m.draft.BinaryMBMax < 0:
		return wrong("the budget of the binary is less than 0", "leave it out, or give it in MB of 10^6 bytes")
	}
	for _, tag := range m.draft.Tags {
		if !keyAllows("tags", tag) {
			return wrong("tag "+quote(tag)+" is not valid", "a tag is a lower-case word of letters, digits and dashes")
		}
	}
	return nil
}

func (m *maker) checkDomain() error {
	domain, known := m.draft.Domain, m.root.Config.Domains
	switch {
	case domain == "" && m.draft.Kind == spec.KindApp:
		return nil
	case domain == "":
		return wrong("no domain is named", "the domains here are "+orNone(m.domains()))
	case !keyAllows("domain", domain):
		return wrong("domain "+quote(domain)+" is not valid", "a domain is one lower-case word of letters and digits")
	case len(known) > 0 && !slices.Contains(known, domain):
		return wrong("domain "+domain+" is not among the domains of fn_registry.yaml: "+strings.Join(known, ", "), suggestion(domain, known))
	}
	return nil
}

// domains lists those of the settings, or those in use where the settings allow
// any.
func (m *maker) domains() []string {
	if known := m.root.Config.Domains; len(known) > 0 {
		return known
	}
	var used []string
	for _, u := range m.c.Units {
		if u.Spec.Domain != "" && !slices.Contains(used, u.Spec.Domain) {
			used = append(used, u.Spec.Domain)
		}
	}
	slices.Sort(used)
	return used
}

func (m *maker) checkUses() error {
	composed := m.draft.Kind == spec.KindApp || m.draft.Kind == spec.KindPipeline
	switch {
	case m.draft.Kind == spec.KindPipeline && len(m.draft.Uses) == 0:
		return wrong("a pipeline is composed of units, and none is named", "name their IDs in uses (fn new --uses ID,ID)")
	case !composed && len(m.draft.Uses) > 0:
		return wrong("only a pipeline or an app is made of units", "leave uses out, or make it a pipeline")
	}
	for _, id := range m.draft.Uses {
		u, err := m.lookup(id)
		if err != nil {
			return err
		}
		if !slices.Contains(m.uses, u) {
			m.uses = append(m.uses, u)
		}
	}
	slices.SortFunc(m.uses, func(a, b *catalog.Unit) int { return strings.Compare(a.ID, b.ID) })
	return nil
}

func (m *maker) lookup(id string) (*catalog.Unit, error) {
	u := m.c.Unit(id)
	switch {
	case u == nil:
		var ids []string
		for _, v := range m.c.Units {
			ids = append(ids, v.ID)
		}
		return nil, wrong("no unit "+quote(id), cmp.Or(suggestion(id, ids), "uses takes IDs, as error_go_core; look for them with find"))
	case u.IsApp():
		return nil, wrong(id+" is a program, which nothing can use", "")
	case u.Code == nil:
		return nil, wrong(id+" has no code", "see the linter's findings on "+u.File)
	case strings.Contains(u.Code.Symbol, "."):
		return nil, wrong(id+" is a method", "use the unit of its type")
	}
	return u, nil
}

// patterns are the spec model's patterns, by key.
var patterns = sync.OnceValue(func() map[string]*regexp.Regexp {
	all := map[string]*regexp.Regexp{}
	for _, k := range spec.Keys() {
		if k.Pattern != "" {
			all[k.Name] = regexp.MustCompile(k.Pattern)
		}
	}
	return all
})

// keyAllows reports whether a value, or an element of a list, has the form that
// the spec model asks of the key.
func keyAllows(key, value string) bool { return patterns()[key].MatchString(value) }

func suggestion(word string, candidates []string) string {
	return core.DidYouMean(spec.Suggest(word, candidates))
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "free to choose: none is set or in use"
	}
	return strings.Join(list, ", ")
}

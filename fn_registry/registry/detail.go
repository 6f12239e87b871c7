package registry

import (
	"crypto/sha256"
	"path/filepath"
	"slices"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/spec"
)

// Detail is everything known about one unit. Its lists are never nil.
type Detail struct {
	Item
	Spec       spec.Spec       `json:"spec"`
	SpecFile   string          `json:"spec_file"`   // from the root
	Root       string          `json:"root"`        // the name of the repository's folder
	Dir        string          `json:"-"`           // the repository's folder on this machine
	ImportPath string          `json:"import_path"` // of its package; of a program's main package
	Package    string          `json:"package"`     // its name
	Symbol     string          `json:"symbol"`      // the Go name; Type.Method for a method; "" for a program
	Line       int             `json:"line"`        // of the declaration in FilePath; 0 if there is none
	Derived    *Derived        `json:"derived"`     // facts derived from the code; nil if there is none
	Body       Body            `json:"body"`
	Uses       []Ref           `json:"uses"`     // what its code reaches directly
	UsedBy     []Ref           `json:"used_by"`  // whose code reaches it directly
	Apps       []string        `json:"apps"`     // IDs of the programs that include it
	Findings   []check.Finding `json:"findings"` // of the rules that look at one unit; of all rules once Findings has run
	Stale      bool            `json:"stale"`    // the spec's file has changed since it was read: see Get
	Bytes      *int64          `json:"bytes"`    // bytes it adds to a small server's binary, for a program its size; nil until fn size has measured this code
}

// Derived is what the code says of a unit, whatever its spec says.
type Derived struct {
	Signature       string   `json:"signature"`
	UsesFunctions   []string `json:"uses_functions"`
	UsesTypes       []string `json:"uses_types"`
	Returns         []string `json:"returns"`
	ReturnsOptional *bool    `json:"returns_optional"` // nil if syntax can't tell
	ErrorTypes      []string `json:"error_types"`
	Imports         []string `json:"imports"`
	BuildTags       []string `json:"build_tags"`
	Tests           []string `json:"tests"`
	TestFilePath    string   `json:"test_file_path"`
	FilePath        string   `json:"file_path"`
	Pure            bool     `json:"pure"`
	Impurity        string   `json:"impurity"` // the path to the impure code: "a -> b -> time.Now"
}

// Body is the spec's Markdown.
type Body struct {
	Markdown string    `json:"markdown"`
	Sections []Section `json:"sections"`
}

// Section is a part of a spec's body.
type Section struct {
	Kind     spec.SectionKind `json:"kind"`
	Heading  string           `json:"heading"`
	Level    int              `json:"level"` // number of #s; 0 for text before the first heading
	Markdown string           `json:"markdown"`
	Line     int              `json:"line"`
}

// Ref is a unit as another one mentions it.
type Ref struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Kind        string `json:"kind"`
	Domain      string `json:"domain"`
	Purity      string `json:"purity"`
	Description string `json:"description"`
}

func ref(u *catalog.Unit) Ref {
	return Ref{
		ID:          u.ID,
		Name:        u.Spec.Name,
		Kind:        u.Spec.Kind,
		Domain:      u.Spec.Domain,
		Purity:      u.Spec.Purity,
		Description: u.Spec.Description,
	}
}

func refs(units []*catalog.Unit) []Ref {
	all := make([]Ref, 0, len(units))
	for _, u := range units {
		all = append(all, ref(u))
	}
	return all
}

// Get returns a unit. An unknown ID is a [*NotFoundError].
//
// All of the spec is of one write of its file, frontmatter and body. Where the
// file has changed since the state was made, Stale says so: then Item, Spec and
// Body are what the file says now, and what comes from the code and the graph
// is the state's. A file that can't be read now, as one that is being
// rewritten, leaves what was known, without a body.
func (s *State) Get(id string) (*Detail, error) {
	u := s.Catalog.Unit(id)
	if u == nil {
		return nil, s.missing(id)
	}
	root := s.Catalog.Roots[u.Dir.Root]
	d := &Detail{
		Item: s.item(u), Spec: withLists(u.Spec), SpecFile: u.File, Root: filepath.Base(root.Dir), Dir: root.Dir,
		ImportPath: u.Dir.ImportPath, Package: u.Dir.Package, Derived: s.derived(u),
		Uses: refs(s.Catalog.Uses(u)), UsedBy: refs(s.Catalog.UsedBy(u)), Apps: s.apps(u), Findings: s.findingsOf(u),
	}
	if bytes, ok := s.registry.files.sizes.Unit(s.Catalog, u); ok {
		d.Bytes = &bytes
	}
	if u.Code != nil {
		d.Symbol, d.Line = u.Code.Symbol, u.Code.Pos.Line
	}
	doc, src, err := s.Catalog.Document(u)
	if err != nil {
		d.Stale, d.Body.Sections = true, []Section{}
		return d, nil
	}
	sum := sha256.Sum256(src)
	if d.Stale = [16]byte(sum[:16]) != u.Hash; d.Stale && !d.update(s, u, doc) {
		d.Body.Sections = []Section{}
		return d, nil
	}
	d.Body = Body{Markdown: doc.Body.Text, Sections: []Section{}}
	for _, sec := range doc.Body.Sections {
		d.Body.Sections = append(d.Body.Sections, Section{
			Kind: sec.Kind, Heading: sec.Heading, Level: sec.Level, Markdown: sec.Text, Line: sec.Pos.Line,
		})
	}
	return d, nil
}

// update sets Item and Spec from a newer document; it returns false if that is
// not the unit's.
func (d *Detail) update(s *State, u *catalog.Unit, doc *spec.Document) bool {
	if doc.Spec.Name == "" || doc.Spec.ID() != u.ID {
		return false
	}
	now := *u
	now.Spec = doc.Spec
	users := d.Users
	d.Item, d.Spec = s.item(&now), withLists(doc.Spec)
	d.Users = users // the graph knows the unit itself
	return true
}

// withLists returns the spec with empty lists instead of nil ones.
func withLists(s spec.Spec) spec.Spec {
	for _, l := range []*[]string{
		&s.Tags, &s.UsesFunctions, &s.UsesTypes, &s.Returns, &s.Imports, &s.BuildTags, &s.Tests, &s.ForbiddenImports, &s.BuildFlags,
	} {
		*l = list(*l)
	}
	s.Params = list(s.Params)
	return s
}

func (s *State) derived(u *catalog.Unit) *Derived {
	from, ok := s.Catalog.Derive(u)
	if !ok {
		return nil
	}
	d := &Derived{
		Signature: from.Signature, UsesFunctions: list(from.UsesFunctions), UsesTypes: list(from.UsesTypes), Returns: list(from.Returns),
		ErrorTypes: list(from.ErrorTypes), Imports: list(from.Imports), BuildTags: list(from.BuildTags), Tests: list(from.Tests),
		TestFilePath: from.TestFilePath, FilePath: from.FilePath,
	}
	if from.Optional != catalog.Unknown {
		yes := from.Optional == catalog.Yes
		d.ReturnsOptional = &yes
	}
	if u.IsApp() {
		d.Impurity = "it is a program"
	} else if chain := s.Catalog.Impurity(u); chain != nil {
		d.Impurity = chain.String()
	} else {
		d.Pure = true
	}
	return d
}

// apps lists the programs that a unit is part of.
func (s *State) apps(u *catalog.Unit) []string {
	ids := []string{}
	for _, r := range s.Catalog.Dependents(u) {
		if r.Unit.IsApp() {
			ids = append(ids, r.Unit.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Reach lists the units reached from a unit by following the graph.
type Reach struct {
	ID    string    `json:"id"`
	Total int       `json:"total"`
	Items []Reached `json:"items"` // nearest first
	Apps  []string  `json:"apps"`  // IDs of the programs among them
}

// Reached is a unit that was found by following the graph.
type Reached struct {
	Ref
	Depth int    `json:"depth"` // 1: directly
	Via   string `json:"via"`   // ID of the previous unit on a shortest path; the unit itself at depth 1
}

// Dependencies returns all that a unit needs. An unknown ID is a
// [*NotFoundError].
func (s *State) Dependencies(id string) (*Reach, error) { return s.reach(id, s.Catalog.Dependencies) }

// Dependents returns all that may break when a unit changes, programs included.
// An unknown ID is a [*NotFoundError].
func (s *State) Dependents(id string) (*Reach, error) { return s.reach(id, s.Catalog.Dependents) }

func (s *State) reach(id string, follow func(*catalog.Unit) []catalog.Reached) (*Reach, error) {
	u := s.Catalog.Unit(id)
	if u == nil {
		return nil, s.missing(id)
	}
	r := &Reach{ID: id, Items: []Reached{}, Apps: []string{}}
	for _, found := range follow(u) {
		r.Items = append(r.Items, Reached{Ref: ref(found.Unit), Depth: found.Depth, Via: found.Via.ID})
		if found.Unit.IsApp() {
			r.Apps = append(r.Apps, found.Unit.ID)
		}
	}
	slices.Sort(r.Apps)
	r.Total = len(r.Items)
	return r, nil
}

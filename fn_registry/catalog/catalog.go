// Package catalog turns a repository's folders into units: it walks the roots,
// reads specs and Go files, links each spec to its code, and resolves which
// unit uses which. The result is kept in a snapshot on disk, so that the next
// start reads only the folders that changed.
// A Catalog is immutable; Refresh returns a new one that shares what has not
// changed.
package catalog

import (
	"io/fs"
	"strconv"
	"strings"

	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// Catalog is everything known about one or more roots at one time.
type Catalog struct {
	Roots []*Root
	Dirs  []*Dir  // sorted by root and path
	Units []*Unit // sorted by ID, then by file: a duplicate ID appears twice

	ids      map[string]*Unit // the first unit of each ID
	names    func() *names    // built on first use
	packages map[string]*Dir  // by import path
	number   map[*Unit]int    // indexes in Units
	uses     [][]*Unit        // by index: the units that a unit's code reaches directly, sorted by ID
	usedBy   [][]*Unit        // the reverse
}

// names resolves the packages' names.
type names struct {
	symbols map[symbolKey]*Unit   // registered symbols
	exports map[symbolKey]*Export // exported functions without a spec
	helpers map[symbolKey]*Helper
}

// symbolKey identifies a package's name, by the package's key.
type symbolKey struct{ pkg, name string }

// Root is one repository.
type Root struct {
	Dir       string // absolute
	Config    *config.Config
	ConfigErr error             // why fn_registry.yaml could not be used; Config is then zero
	Modules   map[string]string // folder from the root ("." for the root itself) -> module path

	info   fs.FileInfo       // of Dir, at the time it was opened
	before map[string]string // Modules before the walk
}

// Dir is one folder: a package with its specs. All its facts come from its own
// files, so a folder is the unit of re-reading.
type Dir struct {
	Root       int    // index in Catalog.Roots
	Path       string // from the root, with slashes; "." for the root itself
	ImportPath string // "" outside of any module
	Package    string // the name in the package clauses of its non-test files
	InUnits    bool   // under one of the config's units folders
	ReadAt     int64  // start of the reading, nanoseconds since 1970; only for the refreshing goroutine, which updates it
	Units      []*Unit
	Exports    []*Export    // if InUnits
	Helpers    []*Helper    // its other functions and variables that are not pure
	Imports    []FileImport // of all its Go files, except the standard library's
	Standard   []string     // standard library packages that its Go files import, and "C"; without tests and ignored files; sorted
	Types      []string     // the declarations of its exported types other than structs and interfaces, if InUnits: type ID string
	Names      []Ref        // in folders without units or outside of units folders: every name from a non-standard package; an app's uses
	Faults     []Fault

	files []FileStat
}

// PackageKey is what the folder's package is known by in a catalog: its
// import path. Outside of any module, where nothing can import it, its place
// is; no import path is written so.
func (d *Dir) PackageKey() string {
	if d.ImportPath != "" {
		return d.ImportPath
	}
	return strconv.Itoa(d.Root) + ":./" + d.Path
}

// FileNames lists the folder's Go and Markdown files, sorted.
func (d *Dir) FileNames() []string {
	names := make([]string, len(d.files))
	for i := range d.files { // by index: a refresh may be updating a ModTime meanwhile
		names[i] = d.files[i].Name
	}
	return names
}

// CodeHash is the hash of the names and contents of the folder's Go files,
// tests left out.
func (d *Dir) CodeHash() [16]byte {
	var text strings.Builder
	for i := range d.files { // by index: see FileNames
		if f := &d.files[i]; strings.HasSuffix(f.Name, ".go") && !strings.HasSuffix(f.Name, "_test.go") {
			text.WriteString(f.Name + "\x00" + string(f.Hash[:]))
		}
	}
	return sum([]byte(text.String()))
}

// FileStat is a file as it was when it was read.
type FileStat struct {
	Name    string
	Size    int64
	ModTime int64 // nanoseconds since 1970; only for the refreshing goroutine, which updates it
	Hash    [16]byte
}

// FileImport is one import of one file.
type FileImport struct {
	File    string // from the root
	Test    bool
	Ignored bool // of a file that no build includes
	Path    string
	Pos     source.Pos
}

// Fault is a file that could not be read or parsed. The rest of its folder is
// still in the catalog.
type Fault struct {
	Rule    string // file-read, file-size or file-syntax
	File    string
	Pos     source.Pos
	Message string
}

// Unit is a spec with the facts read from its code.
//
// A spec that can't be read leaves its unit in place: Unread is set, Problems
// say why, and Spec and Hash are those of the last version that could be read.
// If none is known, Spec has only what follows from file name, folder and code.
type Unit struct {
	ID       string
	Spec     spec.Spec
	File     string // the spec, from the root, with slashes
	Dir      *Dir
	Hash     [16]byte // of the bytes that Spec was read from
	Unread   bool
	Problems []spec.Problem
	Code     *Code // nil: no code was found, or it is an app
}

// Export is an exported function of a units folder that has no spec. One in an
// internal package or in package main has no callers outside and owes none.
type Export struct {
	Code *Code
	Owes bool
}

// Helper is an exported name that is neither a unit nor an Export, and that may
// not be pure: a variable, a method ("Store.Save"), or a function outside of
// units folders.
type Helper struct {
	Symbol string
	Refs   []Ref
	Impure []Evidence
}

// Code is what syntax says about a unit's code. Files are from the root.
type Code struct {
	Kind       source.Kind
	Symbol     string
	File       string
	Pos        source.Pos
	Signature  string
	Params     []Param
	Results    []source.Field
	Fields     []source.Field // of a struct type
	Imports    []string       // of its file and of what it reaches in its package, except the standard library's, sorted
	BuildTags  []string
	TestFile   string // "" if there is none
	Tests      []TestName
	Reached    bool       // one of the tests reaches the unit's own code
	Refs       []Ref      // names from outside its own declarations, except the standard library's
	Impure     []Evidence // why its own code isn't pure
	Calls      []string   // the methods that its code calls, by name
	NilNil     *source.Pos
	IsError    bool // a type with an Error() string method
	Constraint string
}

// Param is a parameter; one whose type is a plain struct of the package brings
// that struct's exported fields.
type Param struct {
	source.Field
	Config []source.Field
}

// TestName is a test as a spec lists it.
type TestName struct {
	Name  string
	Pos   source.Pos
	Skips bool // its function always skips
}

// Ref is a use of a name in another package, or of a registered name in the
// same one.
type Ref struct {
	Pkg  string // its key: see Dir.PackageKey
	Name string
	File string
	Pos  source.Pos
}

// Evidence says why code is not pure.
type Evidence struct {
	What string // "time.Now", "a go statement", "package variable cache, which reset changes"
	File string
	Pos  source.Pos
	Via  []string // the functions of the package between the unit and it, outermost first
}

// Unit returns the unit with this ID, or nil.
func (c *Catalog) Unit(id string) *Unit { return c.ids[id] }

// Symbol returns the unit that an exported name of a package is, or nil.
func (c *Catalog) Symbol(importPath, name string) *Unit {
	return c.names().symbols[symbolKey{importPath, name}]
}

// Path returns a unit's or a finding's file on this machine.
func (c *Catalog) Path(d *Dir, file string) string { return c.Roots[d.Root].Path(file) }

// IsApp reports whether the unit is a program.
func (u *Unit) IsApp() bool { return u.Spec.Kind == spec.KindApp }

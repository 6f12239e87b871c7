// Package reuse brings units of a repository into a Go module elsewhere: by
// require and replace lines in its go.mod, or as a copy of the packages that
// the units need, with a record that makes later changes on either side
// detectable.
//
// The go command is not run: afterwards, go mod tidy downloads third-party
// modules and removes unused lines.
package reuse

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/modfile"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/functions/core"
)

// Target is the module that units are brought into.
type Target struct {
	Dir    string // of its go.mod, absolute
	Module string // its path
	mod    *modfile.File
	before []byte // the text of its go.mod as last read or written

	unwritten bool // mod has lines that the file lacks
}

// OpenTarget finds the module that a folder belongs to: the nearest go.mod from
// there upwards.
func OpenTarget(dir string) (*Target, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	for folder := dir; ; folder = filepath.Dir(folder) {
		file := filepath.Join(folder, "go.mod")
		text, err := readPath(file)
		switch {
		case err == nil:
			mod, err := modfile.Parse(file, text, nil)
			if err != nil {
				return nil, &core.Error{Code: core.CodeInvalid, Err: err}
			}
			if mod.Module == nil {
				return nil, &core.Error{Code: core.CodeInvalid, Message: file + " has no module line"}
			}
			return &Target{Dir: folder, Module: mod.Module.Mod.Path, mod: mod, before: text}, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		case folder == filepath.Dir(folder):
			return nil, &core.Error{
				Code: core.CodeNotFound, Message: "no go.mod in " + dir + " or above it",
				Hint: "go mod init creates one",
			}
		}
	}
}

// source is the repository that the units come from.
type source struct {
	*catalog.Catalog
	root *catalog.Root
}

// sourceOf takes the first of a catalog's roots for the source. The target
// may not be a module of its own.
func sourceOf(c *catalog.Catalog, t *Target) (*source, error) {
	s := &source{Catalog: c, root: c.Roots[0]}
	for folder := range s.root.Modules {
		if sameFile(s.root.Path(folder), t.Dir) {
			return nil, &core.Error{
				Code: core.CodeInvalid, Message: t.Dir + " belongs to the repository of the units",
				Hint: "--to is a folder of another module, --root the repository of the units; within it an import is enough",
			}
		}
	}
	return s, nil
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// importable refuses units that no other module can import.
func importable(units []*catalog.Unit) error {
	for _, u := range units {
		switch {
		case u.IsApp() || u.Dir.Package == "main":
			return &core.Error{Code: core.CodeInvalid, Message: u.ID + " is a program", Hint: "name the units that it is composed of: fn uses " + u.ID}
		case u.Dir.ImportPath == "":
			return &core.Error{Code: core.CodeInvalid, Message: u.ID + " is outside any module"}
		case isInternal(u.Dir.ImportPath):
			return &core.Error{Code: core.CodeForbidden, Message: u.ID + " is in an internal package"}
		}
	}
	return nil
}

// importPaths lists the packages of units, each once, sorted.
func importPaths(units []*catalog.Unit) []string {
	var paths []string
	for _, u := range units {
		paths = append(paths, u.Dir.ImportPath)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

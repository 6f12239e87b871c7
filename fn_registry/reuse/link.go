package reuse

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/module"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/gomod"
)

// Linked is what Link did.
type Linked struct {
	Module   string   // the target's
	GoMod    string   // its file
	Lines    []string // added lines; none: everything was there
	Packages []string // import paths of the units
}

// Link lets a module import units from the repository where it lies: it writes
// require and replace lines into the module's go.mod, for the modules of the
// units and all of the repository's that those require. With dry, nothing is
// written.
func Link(ctx context.Context, c *catalog.Catalog, t *Target, units []*catalog.Unit, dry bool) (*Linked, error) {
	s, err := sourceOf(c, t)
	if err != nil {
		return nil, err
	}
	if err := importable(units); err != nil {
		return nil, err
	}
	var direct []string
	for _, u := range units {
		folder, _ := s.root.ModuleDir(u.Dir.Path)
		direct = append(direct, s.root.Modules[folder])
	}
	need, err := gomod.Read(s.root, direct)
	if err != nil {
		return nil, err
	}
	e := &edit{Target: t}
	if err := e.goLine(need.GoLine); err != nil {
		return nil, err
	}
	folders := gomod.Folders(s.root)
	for _, p := range need.Own {
		e.require(p, gomod.Unreleased(p), !slices.Contains(direct, p))
		if err := e.replaceBy(module.Version{Path: p}, module.Version{Path: s.root.Path(folders[p])}); err != nil {
			return nil, err
		}
	}
	if err := e.replaceOthers(need); err != nil {
		return nil, err
	}
	done := &Linked{Module: t.Module, GoMod: filepath.Join(t.Dir, "go.mod"), Lines: e.lines, Packages: importPaths(units)}
	if dry {
		return done, nil
	}
	return done, e.write(ctx)
}

// Links are the modules of a repository that a target replaces by their
// folders.
type Links struct {
	Modules []string // sorted
	Lines   []string // missing lines of go.mod that they need

	edit *edit
}

// FindLinks looks up which modules of the repository a target replaces by their
// folders, and what go.mod lacks for them: replace lines of the modules that
// these require, of the repository and of others, and its go line. Nothing is
// written.
func FindLinks(c *catalog.Catalog, t *Target) (*Links, error) {
	s, err := sourceOf(c, t)
	if err != nil {
		return nil, err
	}
	links := &Links{Modules: []string{}, edit: &edit{Target: t}}
	folders := gomod.Folders(s.root)
	for _, r := range t.mod.Replace {
		folder, own := folders[r.Old.Path]
		if own && r.New.Version == "" && sameFile(links.edit.folder(r.New.Path), s.root.Path(folder)) {
			links.Modules = append(links.Modules, r.Old.Path)
		}
	}
	slices.Sort(links.Modules)
	need, err := gomod.Read(s.root, links.Modules)
	if err != nil {
		return nil, err
	}
	if len(links.Modules) == 0 {
		return links, nil
	}
	if err := links.edit.goLine(need.GoLine); err != nil {
		return nil, err
	}
	for _, p := range need.Own {
		if err := links.edit.replaceBy(module.Version{Path: p}, module.Version{Path: s.root.Path(folders[p])}); err != nil {
			return nil, err
		}
	}
	if err := links.edit.replaceOthers(need); err != nil {
		return nil, err
	}
	links.Lines = links.edit.lines
	return links, nil
}

// Apply writes the lines that are not there.
func (l *Links) Apply(ctx context.Context) error { return l.edit.write(ctx) }

// Source guesses where the repository of the units is: the folder that the
// first record of copies names, else the nearest one above a replaced module
// that has the given file. It is "" where neither is known.
func (t *Target) Source(marker string) (string, error) {
	folders, err := t.Records()
	if err != nil {
		return "", err
	}
	e := &edit{Target: t}
	if len(folders) > 0 {
		record, err := t.ReadRecord(folders[0])
		if err != nil {
			return "", err
		}
		return e.folder(record.From.Root), nil
	}
	for _, r := range t.mod.Replace {
		if r.New.Version != "" {
			continue
		}
		for dir := e.folder(r.New.Path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, marker)); err == nil {
				return dir, nil
			}
		}
	}
	return "", nil
}

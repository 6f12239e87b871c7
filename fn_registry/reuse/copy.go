package reuse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/gomod"
	"fnregistry.dev/functions/core"
)

// State is how a copied file stands to the repository.
type State string

// States of a file. Changes made in the target are never overwritten unless
// requested.
const (
	Same     State = "same"
	Outdated State = "outdated" // the repository has another version
	New      State = "new"      // in the repository, but not yet in the copy
	Gone     State = "gone"     // the repository no longer has it, or no unit needs it
	Edited   State = "edited"   // changed in the target only
	Conflict State = "conflict" // changed in the target and in the repository
	Missing  State = "missing"  // deleted in the target
)

// FileState is the state of one file.
type FileState struct {
	File  string // from the folder of copies, with slashes
	State State
	Copy  []byte // as it is in the target; nil: it is not there
	Fresh []byte // as a copy made now would be; nil: there is none
}

// UnitState is the version of a copied unit, and the repository's.
type UnitState struct {
	ID        string
	Copied    string // version of the copy; "": it is not copied yet
	Available string // version in the repository now; "": it has gone
}

// Plan is what a folder of copies has and what it should have.
type Plan struct {
	Folder string // from the target, with slashes
	Units  []UnitState
	Files  []FileState // sorted
	Lines  []string    // lines that go.mod needs

	target *Target
	source *source
	edit   *edit
	record *Record // as it will be, except From
}

// Count returns how many files have one of some states.
func (p *Plan) Count(states ...State) (n int) {
	for _, f := range p.Files {
		if slices.Contains(states, f.State) {
			n++
		}
	}
	return n
}

// Current reports whether there is nothing to bring in from the repository.
func (p *Plan) Current() bool {
	return p.Count(Outdated, New, Gone, Conflict, Missing) == 0 && len(p.Lines) == 0
}

// PlanCopy compares a folder of copies with the repository. The units are those
// that the folder has already, and the given ones. Nothing is written.
func PlanCopy(c *catalog.Catalog, t *Target, folder string, more []*catalog.Unit) (*Plan, error) {
	folder = path.Clean(filepath.ToSlash(folder))
	if folder == "." || !filepath.IsLocal(filepath.FromSlash(folder)) || module.CheckImportPath(path.Join(t.Module, folder)) != nil {
		return nil, &core.Error{Code: core.CodeInvalid, Message: folder + " can't be a folder of packages in " + t.Dir, Hint: "name one below it, as --copy units"}
	}
	s, err := sourceOf(c, t)
	if err != nil {
		return nil, err
	}
	old, err := t.ReadRecord(folder)
	if err != nil {
		return nil, err
	}
	if old == nil {
		old = &Record{}
	}
	p := &Plan{Folder: folder, target: t, source: s, edit: &edit{Target: t}}
	units, err := p.units(s, old, more)
	if err != nil {
		return nil, err
	}
	if err := importable(units); err != nil {
		return nil, err
	}
	wanted, err := s.render(units, path.Join(t.Module, folder))
	if err != nil {
		return nil, err
	}
	if err := p.compare(old, wanted); err != nil {
		return nil, err
	}
	if err := p.require(s, wanted); err != nil {
		return nil, err
	}
	p.record = &Record{Format: recordFormat, Files: map[string]string{}}
	for _, u := range p.Units {
		if u.Available != "" {
			p.record.Units = append(p.record.Units, RecordUnit{ID: u.ID, Version: u.Available})
		}
	}
	for name, text := range wanted.files {
		p.record.Files[name] = hash(text)
	}
	return p, nil
}

// units lists the units to copy. A unit that the repository no longer has is
// skipped: its files are Gone.
func (p *Plan) units(s *source, old *Record, more []*catalog.Unit) ([]*catalog.Unit, error) {
	var units []*catalog.Unit
	for _, r := range old.Units {
		u := s.Unit(r.ID)
		state := UnitState{ID: r.ID, Copied: r.Version}
		if u != nil {
			state.Available = u.Spec.Version
			units = append(units, u)
		}
		p.Units = append(p.Units, state)
	}
	for _, u := range more {
		if !slices.Contains(units, u) {
			units = append(units, u)
			p.Units = append(p.Units, UnitState{ID: u.ID, Available: u.Spec.Version})
		}
	}
	slices.SortFunc(p.Units, func(a, b UnitState) int { return strings.Compare(a.ID, b.ID) })
	if len(units) == 0 {
		return nil, &core.Error{Code: core.CodeNotFound, Message: p.Folder + " has no copies", Hint: "fn add UNIT --copy " + p.Folder}
	}
	return units, nil
}

// compare determines the state of each recorded or wanted file.
func (p *Plan) compare(old *Record, wanted *copies) error {
	names := map[string]bool{}
	for name := range old.Files {
		names[name] = true
	}
	for name := range wanted.files {
		names[name] = true
	}
	for name := range names {
		here, err := p.target.readFile(path.Join(p.Folder, name))
		if err != nil {
			return err
		}
		then, recorded := old.Files[name]
		f := FileState{File: name, Copy: here, Fresh: wanted.files[name]}
		f.State = f.state(then, recorded)
		p.Files = append(p.Files, f)
	}
	slices.SortFunc(p.Files, func(a, b FileState) int { return strings.Compare(a.File, b.File) })
	return nil
}

// state compares three versions: the target's, the repository's and the
// recorded one.
func (f *FileState) state(then string, recorded bool) State {
	switch {
	case f.Copy == nil && f.Fresh == nil:
		return Gone // deleted on both sides
	case f.Copy == nil && recorded:
		return Missing
	case f.Copy == nil:
		return New
	case f.Fresh != nil && bytes.Equal(f.Copy, f.Fresh):
		return Same
	case !recorded:
		return Conflict // somebody else's file
	case f.Fresh == nil && hash(f.Copy) == then:
		return Gone
	case f.Fresh == nil:
		return Conflict
	case hash(f.Copy) == then:
		return Outdated
	case hash(f.Fresh) == then:
		return Edited
	}
	return Conflict
}

// require requests the third-party modules that the copies import, in the
// repository's versions.
func (p *Plan) require(s *source, wanted *copies) error {
	var direct []string
	for _, d := range wanted.dirs {
		folder, _ := s.root.ModuleDir(d.Path)
		direct = append(direct, s.root.Modules[folder])
	}
	need, err := gomod.Read(s.root, direct)
	if err != nil {
		return err
	}
	if err := p.edit.goLine(need.GoLine); err != nil {
		return err
	}
	var modules []string
	for i := range wanted.imports {
		if m := gomod.ModuleOf(need.Requires, i); m != "" {
			modules = append(modules, m)
		}
	}
	slices.Sort(modules)
	for _, m := range slices.Compact(modules) {
		p.edit.require(m, need.Requires[m], false)
	}
	for _, r := range need.Replaces {
		if !slices.Contains(modules, r.Old.Path) && r.New.Version == "" {
			continue // a folder of the repository: a module that the copies do not import
		}
		if err := p.edit.replaceBy(r.Old, r.New); err != nil {
			return err
		}
	}
	p.Lines = p.edit.lines
	return nil
}

// Apply brings the copies up to date. Files that were changed on both sides, or
// deleted in the target, stop it before anything is written, unless overwrite
// is set; those that were changed in the target alone stay as they are. The
// record is written last: after a crash, a second run finishes the work.
func (p *Plan) Apply(ctx context.Context, overwrite bool) error {
	if names := p.names(Conflict, Missing); len(names) > 0 && !overwrite {
		return &core.Error{
			Code: core.CodeConflict, Message: fmt.Sprintf("changed or deleted in %s: %s", p.Folder, strings.Join(names, ", ")),
			Hint: "commit your changes; --force overwrites them",
		}
	}
	for _, f := range p.Files {
		name := path.Join(p.Folder, f.File)
		switch {
		case f.State == Same, f.State == Edited && !overwrite:
			continue
		case f.Fresh == nil:
			if err := p.target.removeFile(name); err != nil {
				return err
			}
			p.target.removeEmpty(p.Folder, path.Dir(f.File))
		default:
			if err := p.target.writeFile(ctx, name, f.Fresh); err != nil {
				return err
			}
		}
	}
	if err := p.edit.write(ctx); err != nil {
		return err
	}
	p.record.From = p.source.from(ctx, p.target)
	return p.target.writeRecord(ctx, p.Folder, p.record)
}

func (p *Plan) names(states ...State) (names []string) {
	for _, f := range p.Files {
		if slices.Contains(states, f.State) {
			names = append(names, f.File)
		}
	}
	return names
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// ImportPath is the import path of the copy of a unit's package.
func (p *Plan) ImportPath(u *catalog.Unit) string {
	return path.Join(p.target.Module, p.Folder, p.source.place(u.Dir))
}

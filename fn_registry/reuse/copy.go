package reuse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/gomod"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
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
	Here  []byte // in the target; nil: missing
	There []byte // as a new copy would be; nil: none
}

// UnitState is a copied unit's version, and the repository's.
type UnitState struct {
	ID         string
	Here, Then string // versions of the copy, and of the repository now; "": none
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
	record *Record // the future record
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
func PlanCopy(ctx context.Context, c *catalog.Catalog, t *Target, folder string, more []*catalog.Unit) (*Plan, error) {
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
	p.record = &Record{Format: recordFormat, From: s.from(ctx, t), Files: map[string]string{}}
	for _, u := range p.Units {
		if u.Then != "" {
			p.record.Units = append(p.record.Units, RecordUnit{ID: u.ID, Version: u.Then})
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
		state := UnitState{ID: r.ID, Here: r.Version}
		if u != nil {
			state.Then = u.Spec.Version
			units = append(units, u)
		}
		p.Units = append(p.Units, state)
	}
	for _, u := range more {
		if !slices.Contains(units, u) {
			units = append(units, u)
			p.Units = append(p.Units, UnitState{ID: u.ID, Then: u.Spec.Version})
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
		if err := p.target.inside(path.Join(p.Folder, name)); err != nil {
			return err
		}
		here, err := os.ReadFile(p.target.path(p.Folder, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		then, recorded := old.Files[name]
		f := FileState{File: name, Here: here, There: wanted.files[name]}
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
	case f.Here == nil && f.There == nil:
		return Gone // deleted on both sides
	case f.Here == nil && recorded:
		return Missing
	case f.Here == nil:
		return New
	case f.There != nil && bytes.Equal(f.Here, f.There):
		return Same
	case !recorded:
		return Conflict // another owner's file
	case f.There == nil && hash(f.Here) == then:
		return Gone
	case f.There == nil:
		return Conflict
	case hash(f.Here) == then:
		return Outdated
	case hash(f.There) == then:
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
		name := p.target.path(p.Folder, f.File)
		switch {
		case f.State == Same, f.State == Edited && !overwrite:
			continue
		}
		if err := p.target.inside(path.Join(p.Folder, f.File)); err != nil {
			return err // it has become a link since the comparison
		}
		switch {
		case f.There == nil:
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			p.target.removeEmpty(p.Folder, path.Dir(f.File))
		default:
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return err
			}
			if err := atomicfile.FileWriteAtomic(ctx, name, bytes.NewReader(f.There), 0o644); err != nil {
				return err
			}
		}
	}
	if err := p.edit.write(ctx); err != nil {
		return err
	}
	return p.target.writeRecord(ctx, p.Folder, p.record)
}

// removeEmpty removes a folder of the copies, and those above it, as long as
// they are empty.
func (t *Target) removeEmpty(folder, dir string) {
	for ; dir != "."; dir = path.Dir(dir) {
		if os.Remove(t.path(folder, dir)) != nil {
			return
		}
	}
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

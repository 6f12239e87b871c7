package reuse

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"fnregistry.dev/fn_registry/internal/gomod"
	"fnregistry.dev/functions/core"
)

// edit changes the target's go.mod in memory. All edits of a target share one
// file, and the first write writes all changes.
type edit struct {
	*Target
	lines []string // lines that were added
}

// require adds a requirement, unless the same or a higher version is required
// already.
func (e *edit) require(path, version string, indirect bool) {
	for _, r := range e.mod.Require {
		if r.Mod.Path == path && semver.Compare(r.Mod.Version, version) >= 0 {
			return
		}
	}
	if indirect {
		e.mod.AddNewRequire(path, version, true)
	} else if err := e.mod.AddRequire(path, version); err != nil {
		panic(err) // only for a bad version, and this one is from a go.mod
	}
	e.note("require " + path + " " + version)
}

// replaceOthers replaces modules of others as the repository does.
func (e *edit) replaceOthers(need *gomod.Needs) error {
	for _, r := range need.Replaces {
		if err := e.replaceBy(r.Old, r.New); err != nil {
			return err
		}
	}
	return nil
}

// replaceBy replaces a module, unless it is replaced so already. One that the
// target replaces in another way is the target's own business: it is refused.
func (e *edit) replaceBy(old, by module.Version) error {
	if by.Version == "" {
		by.Path = gomod.Relative(e.Dir, by.Path)
	}
	for _, r := range e.mod.Replace {
		if r.Old.Path != old.Path || r.Old.Version != old.Version {
			continue
		}
		if r.New == by || by.Version == "" && r.New.Version == "" && sameFile(e.folder(r.New.Path), e.folder(by.Path)) {
			return nil
		}
		return &core.Error{
			Code: core.CodeConflict, Message: "go.mod replaces " + old.Path + " by " + strings.TrimSpace(r.New.Path+" "+r.New.Version) + " already",
			Hint: "remove that line and run it again, or use --copy",
		}
	}
	if err := e.mod.AddReplace(old.Path, old.Version, by.Path, by.Version); err != nil {
		return err
	}
	e.note("replace " + old.Path + " => " + strings.TrimSpace(by.Path+" "+by.Version))
	return nil
}

func (e *edit) goLine(version string) error {
	if e.mod.Go != nil && semver.Compare("v"+e.mod.Go.Version, "v"+version) >= 0 {
		return nil
	}
	e.note("go " + version)
	return e.mod.AddGoStmt(version)
}

func (e *edit) note(line string) {
	e.lines = append(e.lines, line)
	e.unwritten = true
}

// folder returns the folder that a replacement's path leads to.
func (e *edit) folder(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(e.Dir, filepath.FromSlash(name))
}

// write writes go.mod if there is something to change, and fails if it was
// changed since it was read.
func (e *edit) write(ctx context.Context) error {
	if !e.unwritten {
		return nil
	}
	e.mod.Cleanup()
	text, err := e.mod.Format()
	if err != nil {
		return err
	}
	now, err := e.readFile("go.mod")
	if err != nil {
		return err
	}
	if !bytes.Equal(now, e.before) {
		return changed(filepath.Join(e.Dir, "go.mod"))
	}
	if err := e.writeFile(ctx, "go.mod", text); err != nil {
		return err
	}
	e.before, e.unwritten = text, false
	return nil
}

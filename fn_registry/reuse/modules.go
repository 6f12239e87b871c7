package reuse

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
)

// modules is what some modules of the repository need, all together.
type modules struct {
	own      []string          // their paths and those of the repository's modules that they need, sorted
	requires map[string]string // of other modules: path -> version, the highest that is asked for
	replaces []module.Version  // of other modules, in the repository: path and version replaced
	by       []module.Version  // by what
	goLine   string            // the highest go line
}

// needs reads the go.mod files of modules, given by their paths, and of those of
// the repository that they require.
func (s *source) needs(direct []string) (*modules, error) {
	m := &modules{requires: map[string]string{}, goLine: "1.21"}
	folders, known := s.folders(), map[string]bool{}
	queue := slices.Clone(direct)
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		if known[p] {
			continue
		}
		known[p] = true
		mod, err := readMod(s.root.Path(path.Join(folders[p], "go.mod")))
		if err != nil {
			return nil, err
		}
		if mod.Go != nil && semver.Compare("v"+mod.Go.Version, "v"+m.goLine) > 0 {
			m.goLine = mod.Go.Version
		}
		for _, r := range mod.Require {
			if _, own := folders[r.Mod.Path]; own {
				queue = append(queue, r.Mod.Path)
			} else if semver.Compare(r.Mod.Version, m.requires[r.Mod.Path]) > 0 {
				m.requires[r.Mod.Path] = r.Mod.Version
			}
		}
		m.replace(mod.Replace, s.root.Path(folders[p]), folders)
	}
	m.own = slices.Sorted(maps.Keys(known))
	return m, s.workspace(m, folders)
}

// replace notes how modules of others are replaced. Folders become absolute.
func (m *modules) replace(lines []*modfile.Replace, dir string, own map[string]string) {
	for _, r := range lines {
		if _, ok := own[r.Old.Path]; ok || slices.Contains(m.replaces, r.Old) {
			continue
		}
		by := r.New
		if by.Version == "" && !filepath.IsAbs(by.Path) {
			by.Path = filepath.Join(dir, filepath.FromSlash(by.Path))
		}
		m.replaces, m.by = append(m.replaces, r.Old), append(m.by, by)
	}
}

// workspace adds the replacements of the repository's go.work, of modules that
// are required.
func (s *source) workspace(m *modules, folders map[string]string) error {
	file := s.root.Path("go.work")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	work, err := modfile.ParseWork(file, text, nil)
	if err != nil {
		return err
	}
	var needed []*modfile.Replace
	for _, r := range work.Replace {
		if _, ok := m.requires[r.Old.Path]; ok {
			needed = append(needed, r)
		}
	}
	m.replace(needed, s.root.Dir, folders)
	return nil
}

func readMod(file string) (*modfile.File, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(file, text, nil)
}

// edit changes the target's go.mod in memory.
type edit struct {
	*Target
	lines []string // that were put in
}

// require asks for a module, unless a version as high is required already.
func (e *edit) require(path, version string, indirect bool) {
	for _, r := range e.mod.Require {
		if r.Mod.Path == path && semver.Compare(r.Mod.Version, version) >= 0 {
			return
		}
	}
	if indirect {
		e.mod.AddNewRequire(path, version, true)
	} else if err := e.mod.AddRequire(path, version); err != nil {
		panic(err) // of a bad version alone, and this one is from a go.mod
	}
	e.note("require " + path + " " + version)
}

// replaceBy replaces a module, unless it is replaced so already. One that the
// target replaces in another way is the target's own business: it is refused.
func (e *edit) replaceBy(old, by module.Version) error {
	if by.Version == "" {
		by.Path = e.relative(by.Path)
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
			Hint: "take that line out, or use --copy",
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

func (e *edit) note(line string) { e.lines = append(e.lines, line) }

// folder is where a replacement's path leads.
func (e *edit) folder(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(e.Dir, filepath.FromSlash(name))
}

// relative is a folder as a replace line names it.
func (e *edit) relative(dir string) string {
	rel, err := filepath.Rel(e.Dir, dir)
	if err != nil {
		return dir // on another drive
	}
	if rel = filepath.ToSlash(rel); !strings.HasPrefix(rel, "../") && rel != ".." {
		rel = "./" + rel
	}
	return rel
}

// write replaces the go.mod, if it changed since it was read by nobody else.
func (e *edit) write(ctx context.Context) error {
	if len(e.lines) == 0 {
		return nil
	}
	e.mod.Cleanup()
	text, err := e.mod.Format()
	if err != nil {
		return err
	}
	file := filepath.Join(e.Dir, "go.mod")
	now, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, e.before) {
		return &core.Error{Code: core.CodeConflict, Message: file + " changed meanwhile", Hint: "run it again"}
	}
	return atomicfile.FileWriteAtomic(ctx, file, bytes.NewReader(text), 0o644)
}

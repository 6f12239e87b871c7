// Package gomod reads the requirements of a repository's modules from their
// go.mod files and the repository's go.work.
package gomod

import (
	"cmp"
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

	"fnregistry.dev/fn_registry/catalog"
)

// oldest is the go line of a module that needs none: since 1.21 the go command
// enforces it.
const oldest = "1.21"

// Needs is what some modules of a repository need, all together.
type Needs struct {
	Own      []string          // paths of the modules and of those of the repository that they require, sorted
	Requires map[string]string // third-party modules: path -> highest required version
	Replaces []modfile.Replace // of third-party modules; folders are absolute
	GoLine   string            // the highest go line
	Sums     []string          // lines of their go.sum files, sorted
}

// Folders maps the paths of a repository's modules to their folders.
func Folders(root *catalog.Root) map[string]string {
	folders := make(map[string]string, len(root.Modules))
	for folder, p := range root.Modules {
		folders[p] = folder
	}
	return folders
}

// Read reads the go.mod files of modules of a repository, given by their paths,
// and of the repository's modules that they require.
func Read(root *catalog.Root, direct []string) (*Needs, error) {
	r := &reader{root: root, folders: Folders(root), needs: &Needs{Requires: map[string]string{}, GoLine: oldest}}
	known := map[string]bool{}
	for queue := slices.Clone(direct); len(queue) > 0; queue = queue[1:] {
		if p := queue[0]; !known[p] {
			known[p] = true
			more, err := r.module(p)
			if err != nil {
				return nil, err
			}
			queue = append(queue, more...)
		}
	}
	r.needs.Own = slices.Sorted(maps.Keys(known))
	slices.Sort(r.needs.Sums)
	r.needs.Sums = slices.Compact(r.needs.Sums)
	return r.needs, r.workspace()
}

// File reads a go.mod.
func File(name string) (*modfile.File, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(name, text, nil)
}

// ModuleOf returns the module, of those required, that has a package; "": none.
func ModuleOf(requires map[string]string, importPath string) (found string) {
	for p := range requires {
		if (importPath == p || strings.HasPrefix(importPath, p+"/")) && len(p) > len(found) {
			found = p
		}
	}
	return found
}

// reader collects Needs.
type reader struct {
	root    *catalog.Root
	folders map[string]string // module path -> folder
	needs   *Needs
}

// module reads one module, and returns the modules of the repository that it
// requires.
func (r *reader) module(p string) (own []string, err error) {
	dir := r.root.Path(r.folders[p])
	mod, err := File(filepath.Join(dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	if mod.Go != nil && semver.Compare("v"+mod.Go.Version, "v"+r.needs.GoLine) > 0 {
		r.needs.GoLine = mod.Go.Version
	}
	for _, req := range mod.Require {
		if _, ok := r.folders[req.Mod.Path]; ok {
			own = append(own, req.Mod.Path)
		} else if semver.Compare(req.Mod.Version, r.needs.Requires[req.Mod.Path]) > 0 {
			r.needs.Requires[req.Mod.Path] = req.Mod.Version
		}
	}
	r.replace(mod.Replace, dir)
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for line := range strings.Lines(string(sums)) {
		if line = strings.TrimSpace(line); line != "" {
			r.needs.Sums = append(r.needs.Sums, line)
		}
	}
	return own, nil
}

// replace records how third-party modules are replaced. The first line for each
// counts.
func (r *reader) replace(lines []*modfile.Replace, dir string) {
	for _, line := range lines {
		if _, own := r.folders[line.Old.Path]; own {
			continue
		}
		if slices.ContainsFunc(r.needs.Replaces, func(known modfile.Replace) bool { return known.Old == line.Old }) {
			continue
		}
		to := line.New
		if to.Version == "" && !filepath.IsAbs(to.Path) {
			to.Path = filepath.Join(dir, filepath.FromSlash(to.Path))
		}
		r.needs.Replaces = append(r.needs.Replaces, modfile.Replace{Old: line.Old, New: to})
	}
}

// workspace adds the replacements in go.work for required modules.
func (r *reader) workspace() error {
	name := r.root.Path("go.work")
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	work, err := modfile.ParseWork(name, text, nil)
	if err != nil {
		return err
	}
	r.replace(slices.DeleteFunc(slices.Clone(work.Replace), func(line *modfile.Replace) bool {
		_, required := r.needs.Requires[line.Old.Path]
		return !required
	}), r.root.Dir)
	return nil
}

// Relative is a folder as a replace line in another folder names it. Where no
// path leads there, on another drive, it stays as it is.
func Relative(from, to string) string {
	rel, err := filepath.Rel(from, to)
	if err != nil {
		return to
	}
	if rel = path.Clean(filepath.ToSlash(rel)); !strings.HasPrefix(rel, "../") && rel != ".." {
		rel = "./" + rel
	}
	return rel
}

// Replace is the line that replaces a module by a folder.
func Replace(modulePath, folder string) modfile.Replace {
	return modfile.Replace{Old: module.Version{Path: modulePath}, New: module.Version{Path: folder}}
}

// Unreleased is the version by which a module is required that is only
// replaced.
func Unreleased(modulePath string) string {
	_, major, _ := module.SplitPathVersion(modulePath)
	return cmp.Or(module.PathMajorPrefix(major), "v0") + ".0.0"
}

package scaffold

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"fnregistry.dev/fn_registry/internal/gomod"
)

// modFile is what the scaffold needs to know of a module, there or new.
type modFile struct {
	path     string
	requires map[string]string // module path -> version
	own      []string          // of a new one: the repository's modules that it needs
	text     string            // of a new one: its go.mod
	sums     []string          // of a new one: the lines of its go.sum
}

// readMod reads the go.mod of a folder.
func (m *maker) readMod(dir string) (*modFile, error) {
	file, err := gomod.File(m.root.Path(path.Join(dir, "go.mod")))
	if err != nil {
		return nil, err
	}
	f := &modFile{requires: map[string]string{}}
	if file.Module != nil {
		f.path = file.Module.Mod.Path
	}
	for _, r := range file.Require {
		f.requires[r.Mod.Path] = r.Mod.Version
	}
	return f, nil
}

// newMod puts a go.mod and a go.sum together for a program in dir that imports
// packages of the given module folders: what those modules need, at the highest
// version that one of them asks for, and a replace for each module of this
// repository. The go command's tidy may still take out what the program's
// packages don't reach.
func (m *maker) newMod(dir, module string, direct []string) (*modFile, error) {
	var paths []string
	for _, folder := range direct {
		paths = append(paths, m.root.Modules[folder])
	}
	needs, err := gomod.Read(m.root, paths)
	if err != nil {
		return nil, err
	}
	file := new(modfile.File)
	if err := file.AddModuleStmt(module); err != nil {
		return nil, err
	}
	if err := file.AddGoStmt(needs.GoLine); err != nil {
		return nil, err
	}
	var requires []*modfile.Require
	require := func(path, version string, indirect bool) {
		r := &modfile.Require{Indirect: indirect}
		r.Mod.Path, r.Mod.Version = path, version
		requires = append(requires, r)
	}
	for _, p := range needs.Own {
		require(p, gomod.Unreleased(p), !slices.Contains(paths, p))
	}
	for p, version := range needs.Requires {
		require(p, version, true)
	}
	file.SetRequireSeparateIndirect(requires)
	replaces, folders := needs.Replaces, gomod.Folders(m.root)
	for _, p := range needs.Own {
		replaces = append(replaces, gomod.Replace(p, m.root.Path(folders[p])))
	}
	slices.SortFunc(replaces, func(a, b modfile.Replace) int { return strings.Compare(a.Old.Path, b.Old.Path) })
	for _, r := range replaces {
		to := r.New.Path
		if r.New.Version == "" {
			to = gomod.Relative(m.root.Path(dir), to)
		}
		if err := file.AddReplace(r.Old.Path, r.Old.Version, to, r.New.Version); err != nil {
			return nil, err
		}
	}
	file.Cleanup()
	text, err := file.Format()
	return &modFile{path: module, requires: needs.Requires, own: needs.Own, text: string(text), sums: needs.Sums}, err
}

// relative is the path from a folder of the repository to a file or folder, all
// from the root.
func relative(from, to string) string {
	return gomod.Relative(filepath.FromSlash(from), filepath.FromSlash(to))
}

package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/internal/testtree"
)

// TestLoad_FollowsAnyChange: whatever happens to the files of a tree, a Load
// with the previous snapshot finds the same as a Load from scratch.
func TestLoad_FollowsAnyChange(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 3))
			dir := testtree.New(t, sample)
			opts := Options{Roots: []string{dir}, Snapshot: filepath.Join(t.TempDir(), "s")}
			load(t, opts)
			for range 6 {
				for range 1 + r.IntN(3) {
					disturb(t, r, dir)
				}
				got, _ := load(t, opts)
				want, _ := load(t, Options{Roots: []string{dir}})
				sameCatalog(t, want, got)
				if a, b := fileNames(want), fileNames(got); !slices.Equal(a, b) {
					t.Fatalf("files\n got %v\nwant %v", b, a)
				}
			}
		})
	}
}

// TestRefresh_RootLost: a root that disappears during a refresh is an error,
// and the known state stays.
func TestRefresh_RootLost(t *testing.T) {
	dir := testtree.New(t, sample)
	c, _ := load(t, Options{Roots: []string{dir}})
	testtree.Put(t, dir, "functions/core/late.go", "package core\n")
	moved := false
	got, _, err := c.Refresh(t.Context(), Options{Roots: []string{dir}, Progress: func(done, total int) {
		if !moved {
			moved = true
			if err := os.Rename(dir, dir+".away"); err != nil {
				t.Error(err)
			}
		}
	}})
	if !errors.Is(err, fs.ErrNotExist) || got != nil || !moved {
		t.Fatalf("got %v, %v, moved %v", got, err, moved)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	opened, err := OpenRoot(dir + ".away")
	if err != nil {
		t.Fatal(err)
	}
	opened.Dir = dir // as if it had been opened before it was replaced
	if err := opened.stillThere(); err == nil {
		t.Error("another folder in its place is accepted")
	}
}

// disturb adds, changes, renames or removes a file, or a folder.
func disturb(t *testing.T, r *rand.Rand, dir string) {
	t.Helper()
	folder := []string{"functions/core", "functions/infra/clock", "apps/tool", "apps/tool/inner", "functions/core/new"}[r.IntN(5)]
	name := string(rune('a'+r.IntN(26))) + "_new"
	unit := "---\nname: " + name + "\nkind: function\nlang: go\ndomain: core\n---\n"
	code := fmt.Sprintf("package p\n\nfunc %sNew() { _ = %d }\n", strings.ToUpper(name[:1]), r.IntN(9))
	files, err := filepath.Glob(filepath.Join(dir, folder, "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	switch r.IntN(5) {
	case 0:
		testtree.Put(t, dir, folder+"/"+name+".md", unit)
	case 1:
		testtree.Put(t, dir, folder+"/"+name+".go", code)
	case 2:
		if len(files) > 0 {
			err = os.Remove(files[r.IntN(len(files))])
		}
	case 3:
		if len(files) > 0 {
			old := files[r.IntN(len(files))]
			err = os.Rename(old, filepath.Join(filepath.Dir(old), name+filepath.Ext(old)))
		}
	case 4:
		if r.IntN(4) == 0 {
			err = os.RemoveAll(filepath.Join(dir, folder))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// fileNames lists the files with their sizes and hashes.
func fileNames(c *Catalog) (names []string) {
	for _, d := range c.Dirs {
		for _, f := range d.files {
			names = append(names, fmt.Sprintf("%s/%s %d %x", d.Path, f.Name, f.Size, f.Hash))
		}
	}
	return names
}

// TestRefresh_ModuleBroken: while a go.mod is being rewritten, packages keep
// their paths, and the fault is reported.
func TestRefresh_ModuleBroken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testtree.Put(t, dir, "go.mod", "module example.org/m\n")
	testtree.Put(t, dir, "a/do.go", "package a\n\nfunc Do() {}\n")
	c, _, err := Load(t.Context(), Options{Roots: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "modul", "module", "// module example.org/m\n"} {
		testtree.Put(t, dir, "go.mod", text)
		broken, _, err := c.Refresh(t.Context(), Options{Roots: []string{dir}})
		if err != nil {
			t.Fatal(err)
		}
		faults := 0
		for _, d := range broken.Dirs {
			faults += len(d.Faults)
		}
		if d := broken.Package("example.org/m/a"); d == nil || faults != 1 {
			t.Errorf("%q: %v, %d faults", text, d, faults)
		}
		testtree.Put(t, dir, "go.mod", "module (\n\t\"example.org/m\" // ours\n)\n")
		if c, _, err = broken.Refresh(t.Context(), Options{Roots: []string{dir}}); err != nil || len(c.Dirs) != 1 || c.Package("example.org/m/a") == nil {
			t.Errorf("mended: %d folders, %v", len(c.Dirs), err)
		}
	}
}

// Package ledger stores the measured sizes of units, for programs that build
// nothing themselves.
//
// Each figure is in a file named after the unit and the code that was measured:
// if the file exists, it is current, so nothing has to be locked, merged or
// invalidated.
package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/cache"
	"fnregistry.dev/fn_registry/source"
)

// Dir is a folder of figures; "" has none and keeps none.
type Dir string

// Of returns the figures' folder within a program's cache folder.
func Of(cache string) Dir { return Dir(filepath.Join(cache, "sizes")) }

// Unit returns what the unit, with its code as the catalog has it, was found
// to weigh.
func (d Dir) Unit(c *catalog.Catalog, u *catalog.Unit) (bytes int64, ok bool) {
	return d.Get(UnitKey(c, u))
}

// Get returns a figure.
func (d Dir) Get(key string) (bytes int64, ok bool) {
	if d == "" {
		return 0, false
	}
	text, err := os.ReadFile(filepath.Join(string(d), key))
	if err != nil {
		return 0, false
	}
	bytes, err = strconv.ParseInt(string(text), 10, 64)
	return bytes, err == nil
}

// Put stores a figure atomically.
func (d Dir) Put(key string, bytes int64) error {
	if d == "" {
		return nil
	}
	return cache.Write(context.Background(), filepath.Join(string(d), key), func(w io.Writer) error {
		_, err := io.WriteString(w, strconv.FormatInt(bytes, 10))
		return err
	})
}

// Trim deletes figures that were not stored again for longer than age.
func (d Dir) Trim(age time.Duration) {
	if d == "" {
		return
	}
	entries, _ := os.ReadDir(string(d))
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > age {
			os.Remove(filepath.Join(string(d), e.Name()))
		}
	}
}

// Key makes a key of whatever a figure depends on.
func Key(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// UnitKey is the key of a unit with its code as the catalog has it: of the Go
// files of all packages of the repository that it links and, where those import
// others, of its module's go.mod and go.sum. Embedded files and C code are not
// in it, nor is the toolchain: only a build knows those.
func UnitKey(c *catalog.Catalog, u *catalog.Unit) string {
	begin := []*catalog.Dir{u.Dir}
	if u.IsApp() {
		begin = c.AppPackages(u)
	}
	packages, outside := reached(c, begin)
	var b strings.Builder
	write := func(text string) { b.WriteString(text + "\x00") }
	write("unit " + u.ID)
	write(strings.Join(u.Spec.BuildTags, " "))
	write(strings.Join(u.Spec.BuildFlags, " "))
	for _, d := range packages {
		hash := d.CodeHash()
		write(d.ImportPath)
		write(string(hash[:]))
	}
	if outside {
		root := c.Roots[u.Dir.Root]
		module, _ := root.ModuleDir(u.Dir.Path)
		for _, name := range []string{"go.mod", "go.sum"} {
			text, _ := os.ReadFile(root.Path(path.Join(module, name))) // a missing file counts as empty
			write(string(text))
		}
	}
	return Key(b.String())
}

// reached lists the repository's packages that are linked with the first ones,
// nearest first; outside reports whether any of them imports a third-party
// package.
func reached(c *catalog.Catalog, begin []*catalog.Dir) (all []*catalog.Dir, outside bool) {
	all = slices.Clone(begin)
	seen := map[*catalog.Dir]bool{}
	for _, d := range begin {
		seen[d] = true
	}
	for i := 0; i < len(all); i++ {
		for _, imp := range all[i].Imports {
			next := c.Package(imp.Path)
			switch {
			case imp.Test || seen[next]:
			case next == nil:
				outside = outside || !source.IsStandard(imp.Path)
			default:
				seen[next] = true
				all = append(all, next)
			}
		}
	}
	return all, outside
}

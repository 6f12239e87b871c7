package size

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/config"
)

// place is where and how the go command works: packages built there are the
// same for all units of one place.
type place struct {
	dir    string // a module's folder
	gowork string // GOWORK; "": as the go command finds it
	tags   string // joined by commas, sorted
	cgo    bool
	flags  string // further build flags, joined by spaces; none has a space in it
}

// env is the go command's environment: releases are built for linux/amd64.
func (p place) env() []string {
	cgo := "CGO_ENABLED=0"
	if p.cgo {
		cgo = "CGO_ENABLED=1"
	}
	env := append(os.Environ(), "GOOS=linux", "GOARCH=amd64", cgo)
	if p.gowork != "" {
		env = append(env, "GOWORK="+p.gowork)
	}
	return env
}

// buildFlags are the flags that change what a package is compiled to.
func (p place) buildFlags() []string {
	flags := append([]string{"-trimpath"}, strings.Fields(p.flags)...)
	if p.tags != "" {
		flags = append(flags, "-tags="+p.tags)
	}
	return flags
}

// goPackage is go list's description of a package.
type goPackage struct {
	ImportPath string
	Name       string
	Standard   bool
	Export     string // the file of its types
	BuildID    string // identifies everything that it is compiled from
	CgoFiles   []string
	Imports    []string
	ImportMap  map[string]string // imports in the source that mean another path
	Error      *struct{ Err string }
}

// imports lists the packages that it imports, by the paths that go list
// reports.
func (p *goPackage) imports(yield func(string) bool) {
	for _, path := range p.Imports {
		if to := p.ImportMap[path]; to != "" {
			path = to
		}
		if path != "C" && !yield(path) {
			return
		}
	}
}

// listing is a set of packages with everything they import.
type listing map[string]*goPackage

// list asks the go command for packages and everything they import. A package's
// problem is in its Error. With export they are compiled.
func list(ctx context.Context, at place, export bool, packages []string) (listing, error) {
	fields := "-json=ImportPath,Name,Standard,CgoFiles,Imports,ImportMap,Error"
	args := []string{"list", "-e", "-deps"}
	if export {
		fields += ",Export,BuildID"
		args = append(args, "-export")
	}
	args = append(append(append(args, fields), at.buildFlags()...), packages...)
	out, err := goCommand(ctx, at.dir, at.env(), args...)
	if err != nil {
		return nil, err
	}
	all := listing{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("go list: %w", err)
		}
		all[p.ImportPath] = &p
	}
}

// walk visits the packages that are linked with any of the first ones, nearest
// first, until visit returns false. from is the package through which each was
// reached, and empty for the first ones.
func (l listing) walk(first []string, visit func(p *goPackage, from map[string]string) bool) {
	from := map[string]string{}
	seen := map[string]bool{}
	queue := slices.Clone(first)
	for _, path := range first {
		seen[path] = true
	}
	for ; len(queue) > 0; queue = queue[1:] {
		p := l[queue[0]]
		if p == nil {
			continue // go list -e omits what it can't find
		}
		if !visit(p, from) {
			return
		}
		for path := range p.imports {
			if !seen[path] {
				seen[path], from[path] = true, p.ImportPath
				queue = append(queue, path)
			}
		}
	}
}

// chain finds a shortest import chain from a package to one at or below the
// forbidden path; nil if there is none.
func (l listing) chain(pkg, forbidden string) (way []string) {
	l.walk([]string{pkg}, func(p *goPackage, from map[string]string) bool {
		if !config.Under(p.ImportPath, forbidden) {
			return true
		}
		for path := p.ImportPath; path != ""; path = from[path] {
			way = append(way, path)
		}
		slices.Reverse(way)
		return false
	})
	return way
}

// problem returns the first problem of a package or of what it imports, or nil.
func (l listing) problem(pkg string) (err error) {
	if l[pkg] == nil {
		return fmt.Errorf("the go command does not find %s", pkg)
	}
	l.walk([]string{pkg}, func(p *goPackage, _ map[string]string) bool {
		if p.Error != nil {
			err = fmt.Errorf("%s: %s", p.ImportPath, strings.TrimSpace(p.Error.Err))
		}
		return err == nil
	})
	return err
}

// needsCgo reports whether a package links C code outside of the standard
// library. The listing was made with cgo.
func (l listing) needsCgo(packages []string) (needs bool) {
	l.walk(packages, func(p *goPackage, _ map[string]string) bool {
		needs = !p.Standard && len(p.CgoFiles) > 0
		return !needs
	})
	return needs
}

// workspaces returns for each root which of its modules the go command uses
// together.
type workspaces []map[string]bool // by root; module folders of its go.work; nil: there is none

func findWorkspaces(ctx context.Context, c *catalog.Catalog) (workspaces, error) {
	all := make(workspaces, len(c.Roots))
	for i, r := range c.Roots {
		file, err := goCommand(ctx, r.Dir, nil, "env", "GOWORK")
		if err != nil {
			return nil, err
		}
		work := strings.TrimSpace(string(file))
		if work == "" || work == "off" {
			continue
		}
		text, err := goCommand(ctx, r.Dir, nil, "work", "edit", "-json", work)
		if err != nil {
			return nil, err
		}
		var edit struct{ Use []struct{ DiskPath string } }
		if err := json.Unmarshal(text, &edit); err != nil {
			return nil, fmt.Errorf("%s: %w", work, err)
		}
		all[i] = map[string]bool{}
		for _, use := range edit.Use {
			dir := filepath.FromSlash(use.DiskPath)
			if !filepath.IsAbs(dir) {
				dir = filepath.Join(filepath.Dir(work), dir)
			}
			all[i][dir] = true
		}
	}
	return all, nil
}

// of returns the place of a folder: its module, in the workspace if that
// includes it, else alone.
func (w workspaces) of(c *catalog.Catalog, d *catalog.Dir) (place, error) {
	root := c.Roots[d.Root]
	module, ok := root.ModuleDir(d.Path)
	if !ok {
		return place{}, fmt.Errorf("%s is not in a Go module", d.Path)
	}
	at := place{dir: root.Path(module)}
	if !w[d.Root][at.dir] {
		at.gowork = "off"
	}
	return at, nil
}

// ErrNoGo reports that there is no go command.
var ErrNoGo = errors.New("no go command on the PATH")

// goCommand runs the go command. A nil environment is the program's own.
func goCommand(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it then ends its compilers and removes its files
	cmd.WaitDelay = 5 * time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, ErrNoGo
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("go %s in %s: %w\n%s", args[0], dir, err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}

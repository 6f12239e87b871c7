// Package config reads fn_registry.yaml, the settings of a repository: where
// units live, which domains exist, and which packages may import which.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"fnregistry.dev/fn_registry/internal/regular"
)

// FileName is the file's name, at a repository's root.
const FileName = "fn_registry.yaml"

// Config is the file's content. The zero Config is a repository without the
// file: specs are found wherever they lie, and no exported function is obliged
// to have one.
type Config struct {
	Version     int          `yaml:"version"`      // of this format; 1
	Units       []string     `yaml:"units"`        // folders in which every exported function needs a spec
	Domains     []string     `yaml:"domains"`      // the domains that specs may name; empty: any
	Exclude     []string     `yaml:"exclude"`      // folders to skip; testdata, vendor, node_modules, .x and _x are always skipped
	PureImports []string     `yaml:"pure_imports"` // third-party packages that pure units may call; "/..." covers those below
	ImportRules []ImportRule `yaml:"import_rules"`
	Drivers     []Driver     `yaml:"drivers"`
	DocNotes    bool         `yaml:"doc_notes"` // doc comments end with the first gotchas of the spec
}

// Driver is a heavy dependency that has a folder to itself: the room. What lies
// outside of the folder links nothing of it, however many packages lie between.
type Driver struct {
	Folder  string   `yaml:"folder"`  // its packages, and those below it, may link the driver
	Imports []string `yaml:"imports"` // import paths; each covers the packages below it
}

// ImportRule limits what packages import. A pattern is a folder of the
// repository ("functions/core"), an import path, "std" or "third-party"; "/..."
// behind it covers what lies below. Exactly one of Allow, Deny and Apart is
// set.
type ImportRule struct {
	From    []string `yaml:"from"`    // the packages that Allow or Deny applies to
	Allow   []string `yaml:"allow"`   // they may import these, and nothing else
	Deny    []string `yaml:"deny"`    // they may not import these
	Apart   []string `yaml:"apart"`   // no package under one of these may import one under another
	Because string   `yaml:"because"` // the reason, shown with the finding
}

// maxSize is the largest file that is read, in bytes: far more than any needs.
const maxSize = 1 << 20

// Load reads the file at root. A missing file gives the zero Config.
func Load(root string) (*Config, error) {
	src, err := regular.Read(filepath.Join(root, FileName), maxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return &Config{}, nil
	}
	if err != nil {
		return nil, err
	}
	return Parse(src)
}

// Parse reads the file's text. Unknown keys are refused.
func Parse(src []byte) (*Config, error) {
	var c Config
	dec := yaml.NewDecoder(bytes.NewReader(src))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", FileName, err)
	}
	if c.Version != 1 {
		return nil, fmt.Errorf("%s: version is %d; this program reads version 1", FileName, c.Version)
	}
	for i, r := range c.ImportRules {
		if err := r.validate(); err != nil {
			return nil, fmt.Errorf("%s: import_rules[%d]: %w", FileName, i, err)
		}
	}
	for _, list := range [][]string{c.Units, c.Exclude} {
		for i, dir := range list {
			clean, err := inside(dir)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", FileName, err)
			}
			list[i] = clean
		}
	}
	if err := c.cleanDrivers(); err != nil {
		return nil, fmt.Errorf("%s: %w", FileName, err)
	}
	return &c, nil
}

// inside returns a folder in the form that the catalog uses.
func inside(dir string) (string, error) {
	clean := path.Clean(strings.TrimSuffix(dir, "/"))
	if path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") {
		return "", fmt.Errorf("folder %q is not inside the repository", dir)
	}
	return clean, nil
}

// cleanDrivers normalises folders and import paths. A trailing "/...", as in
// the other keys, is redundant here. The same path under two drivers would be
// ambiguous.
func (c *Config) cleanDrivers() error {
	rooms := map[string]bool{}
	for i, d := range c.Drivers {
		folder, err := inside(strings.TrimSuffix(d.Folder, "/..."))
		if err != nil || folder == "." || len(d.Imports) == 0 {
			return fmt.Errorf("drivers[%d]: needs a folder inside the repository, and imports", i)
		}
		c.Drivers[i].Folder = folder
		for j, imp := range d.Imports {
			imp = strings.TrimSuffix(imp, "/...")
			if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") || imp != path.Clean(imp) || rooms[imp] {
				return fmt.Errorf("drivers[%d]: %q is not an import path of a third-party package, or is listed twice", i, d.Imports[j])
			}
			rooms[imp], d.Imports[j] = true, imp
		}
	}
	return nil
}

// Forbidden lists the drivers that a folder's packages must not link: all but
// those whose room it lies in.
func (c *Config) Forbidden(dir string) (others []Driver) {
	for _, d := range c.Drivers {
		if !Under(dir, d.Folder) {
			others = append(others, d)
		}
	}
	return others
}

func (r ImportRule) validate() error {
	kinds := 0
	for _, list := range [][]string{r.Allow, r.Deny, r.Apart} {
		if list != nil {
			kinds++
		}
	}
	if kinds != 1 {
		return errors.New("needs exactly one of allow, deny and apart")
	}
	if (r.Apart == nil) == (len(r.From) == 0) {
		return errors.New("allow and deny need from; apart takes none")
	}
	return nil
}

// InUnits reports whether a folder, given from the root with slashes, lies in
// one of the Units folders.
func (c *Config) InUnits(dir string) bool {
	return slices.ContainsFunc(c.Units, func(u string) bool { return Under(dir, u) })
}

// DomainOf returns the domain that a folder belongs to: the name of the first
// folder below a units folder, if it is one of Domains; "" for any other
// folder.
func (c *Config) DomainOf(dir string) string {
	for _, base := range c.Units {
		if !Under(dir, base) {
			continue
		}
		rest := dir
		if base != "." {
			rest = strings.TrimPrefix(strings.TrimPrefix(dir, base), "/")
		}
		if first, _, _ := strings.Cut(rest, "/"); slices.Contains(c.Domains, first) {
			return first
		}
	}
	return ""
}

// Under reports whether dir is base or lies below it; "." is above everything.
func Under(dir, base string) bool {
	return base == "." || dir == base || strings.HasPrefix(dir, base) && len(dir) > len(base) && dir[len(base)] == '/'
}

// Match reports whether a pattern covers an import: dir is the package's folder
// from the root, or "" for a package from outside; std tells the standard
// library's from other outsiders.
func Match(pattern, importPath, dir string, std bool) bool {
	switch pattern {
	case "std":
		return dir == "" && std
	case "third-party":
		return dir == "" && !std
	}
	base, deep := strings.CutSuffix(pattern, "/...")
	for _, name := range []string{dir, importPath} {
		if name != "" && (name == base || deep && Under(name, base)) {
			return true
		}
	}
	return false
}

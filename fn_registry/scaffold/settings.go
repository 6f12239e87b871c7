package scaffold

import (
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/spec"
)

// Settings plans fn_registry.yaml for the catalogue's first root. Without
// units, folders given by the caller, it guesses them: those with specs
// already, else the top folders that hold packages which others import.
func Settings(c *catalog.Catalog, units []string) (*Plan, error) {
	m := newMaker(c, Draft{})
	if m.exists(config.FileName) {
		return nil, exists(config.FileName+" exists", "edit it; nothing is overwritten")
	}
	counts := m.libraries()
	if len(units) == 0 {
		units = m.guessUnits(counts)
	} else if err := m.checkFolders(units); err != nil {
		return nil, err
	}
	text := settingsText(units, m.guessExclude(units), counts)
	if _, err := config.Parse([]byte(text)); err != nil {
		return nil, err
	}
	return &Plan{Files: []File{{Path: config.FileName, Text: text}}}, nil
}

// count is how much there is in a folder and below.
type count struct{ packages, functions int }

// libraries counts the exported functions of the packages that others can
// import, by folder.
func (m *maker) libraries() map[string]count {
	counts := map[string]count{}
	for _, d := range m.c.Dirs {
		internal := slices.Contains(strings.Split(d.Path, "/"), "internal")
		if d.Root != 0 || d.Package == "" || d.Package == "main" || internal {
			continue
		}
		if n := m.packageSource(d.Path).exported; n > 0 {
			counts[d.Path] = count{1, n}
		}
	}
	return counts
}

// aside are top folders whose packages, by custom, nobody imports for their own
// sake.
var aside = words("apps benchmark benchmarks cmd demo demos doc docs e2e example examples hack integration internal mock mocks script scripts " +
	"test testdata testing tests testutil testutils third_party tool tools")

func (m *maker) guessUnits(counts map[string]count) []string {
	var tops []string
	add := func(dir string) {
		if top, _, _ := strings.Cut(dir, "/"); !slices.Contains(tops, top) {
			tops = append(tops, top)
		}
	}
	for _, u := range m.c.Units {
		if u.Dir.Root == 0 && u.Spec.Kind != spec.KindApp && u.Code != nil {
			add(u.Dir.Path)
		}
	}
	if len(tops) == 0 {
		for dir := range counts {
			if top, _, _ := strings.Cut(dir, "/"); !aside[top] {
				add(dir)
			}
		}
	}
	if slices.Contains(tops, ".") {
		return []string{"."} // it covers the others
	}
	slices.Sort(tops)
	return tops
}

// guessExclude lists the folders below the units folders that have no Go code,
// but Markdown with frontmatter that is no spec's: a site's pages. In a units
// folder all such files are taken for specs.
func (m *maker) guessExclude(units []string) []string {
	code := func(dir string) bool {
		return slices.ContainsFunc(m.c.Dirs, func(d *catalog.Dir) bool { return d.Root == 0 && d.Package != "" && config.Under(d.Path, dir) })
	}
	var dirs []string
	for _, d := range m.c.Dirs {
		inUnits := slices.ContainsFunc(units, func(u string) bool { return config.Under(d.Path, u) })
		if d.Root != 0 || !inUnits || code(d.Path) || !m.hasPages(d) {
			continue
		}
		dir := d.Path
		for path.Dir(dir) != "." && !code(path.Dir(dir)) {
			dir = path.Dir(dir)
		}
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}

// hasPages reports whether a folder has a Markdown file with frontmatter that
// the catalogue has not taken for a spec.
func (m *maker) hasPages(d *catalog.Dir) bool {
	return slices.ContainsFunc(d.FileNames(), func(name string) bool {
		file := path.Join(d.Path, name)
		if !strings.HasSuffix(file, ".md") || slices.ContainsFunc(d.Units, func(u *catalog.Unit) bool { return u.File == file }) {
			return false
		}
		in, err := os.Open(m.root.Path(file))
		if err != nil {
			return false
		}
		defer in.Close()
		var head [16]byte // the first line is enough
		n, _ := io.ReadFull(in, head[:])
		return spec.IsSpec(head[:n])
	})
}

func (m *maker) checkFolders(units []string) error {
	for i, u := range units {
		clean := path.Clean(u)
		switch {
		case path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../"):
			return wrong("the folder "+quote(u)+" is not inside the repository", "folders count from the root")
		case !m.exists(clean):
			return wrong("no such folder: "+quote(u), "folders count from the root")
		}
		units[i] = clean
	}
	return nil
}

func settingsText(units, exclude []string, counts map[string]count) string {
	var b strings.Builder
	b.WriteString("# What the registry, its linter and its API know of this repository next to the code. fn init wrote it; edit it freely.\nversion: 1\n\n" +
		"# Folders in which every exported function is a unit and needs a spec; \".\" is the whole repository. Begin with a small\n" +
		"# one and add others as they get their specs. Packages called main or internal owe none.\n")
	for _, u := range units {
		var sum count
		for dir, n := range counts {
			if config.Under(dir, u) {
				sum.packages += n.packages
				sum.functions += n.functions
			}
		}
		fmt.Fprintf(&b, "#   %s: %s in %s\n", u, plural(sum.functions, "exported function"), plural(sum.packages, "package"))
	}
	b.WriteString("units: " + yamlList(units) + "\n" + `
# The domains that specs may name. Without this key any word is allowed.
# domains: [core, infra]

# Folders that are not read. testdata, vendor, node_modules, .x and _x never are. Other Markdown with frontmatter in a
# units folder is taken for a spec.
` + excludeLine(exclude) + `
# Third-party packages that pure units may call; "/..." covers those below.
# pure_imports: [golang.org/x/text/...]

# Which packages may import which. A pattern is a folder, an import path, std or third-party.
# import_rules:
#   - from: [lib/core/...]
#     allow: [std]
#     because: everything else is built on it
#   - apart: [lib/postgres/..., lib/sqlite/...]

# Heavy dependencies, each with the one folder whose packages may link it. Units elsewhere link nothing of it.
# drivers:
#   - folder: lib/postgres
#     imports: [github.com/jackc/pgx]
`)
	return b.String()
}

func excludeLine(dirs []string) string {
	if len(dirs) == 0 {
		return "# exclude: [examples]\n"
	}
	return "exclude: " + yamlList(dirs) + "\n"
}

func plural(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

var plainYAML = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

func yamlList(items []string) string {
	var all []string
	for _, s := range items {
		if !plainYAML.MatchString(s) {
			s = quote(s)
		}
		all = append(all, s)
	}
	return "[" + strings.Join(all, ", ") + "]"
}

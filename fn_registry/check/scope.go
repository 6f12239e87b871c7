package check

import (
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
)

// scope is what a run looks at: all, or some files and the units that depend on them.
type scope struct {
	catalog *catalog.Catalog
	only    map[string]bool // nil: everything
}

// InScope lists the units that Options.Only looks at; nil: all.
func InScope(c *catalog.Catalog, only map[string]bool) []*catalog.Unit {
	return newScope(c, only).units()
}

func newScope(c *catalog.Catalog, only map[string]bool) *scope { return &scope{catalog: c, only: only} }

// file reports whether a file is looked at.
func (s *scope) file(name string) bool { return s.only == nil || s.only[name] }

// units lists the units to look at: those with a file in the scope, those of a folder whose shared code is in it,
// and all that depend on them.
func (s *scope) units() []*catalog.Unit {
	if s.only == nil {
		return s.catalog.Units
	}
	picked := map[*catalog.Unit]bool{}
	for _, d := range s.catalog.Dirs {
		s.pick(d, picked)
	}
	for _, u := range s.catalog.Units {
		if u.IsApp() && slices.ContainsFunc(s.catalog.AppPackages(u), func(d *catalog.Dir) bool { return s.touches(d) }) {
			picked[u] = true
		}
	}
	for u := range picked {
		for _, r := range s.catalog.Dependents(u) {
			picked[r.Unit] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(s.catalog.Units), func(u *catalog.Unit) bool { return !picked[u] })
}

func (s *scope) touches(d *catalog.Dir) bool {
	return slices.ContainsFunc(d.Files, func(f catalog.FileStat) bool { return s.only[inDir(d, f.Name)] })
}

// pick adds the units of a folder that its touched files concern.
func (s *scope) pick(d *catalog.Dir, picked map[*catalog.Unit]bool) {
	shared := false
	owners := map[string]*catalog.Unit{}
	for _, u := range d.Units {
		owners[u.File] = u
		if u.Code != nil {
			owners[u.Code.File], owners[u.Code.TestFile] = u, u
		}
	}
	for _, f := range d.Files {
		name := inDir(d, f.Name)
		if !s.only[name] {
			continue
		}
		if u := owners[name]; u != nil {
			picked[u] = true
		} else if strings.HasSuffix(name, ".go") {
			shared = true
		}
	}
	// A file that has gone belonged to the unit of its name, or was shared.
	for name := range s.only {
		dir, base := split(name)
		if dir != d.Path || slices.ContainsFunc(d.Files, func(f catalog.FileStat) bool { return f.Name == base }) {
			continue
		}
		shared = shared || strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".md")
	}
	if shared {
		for _, u := range d.Units {
			picked[u] = true
		}
	}
}

func inDir(d *catalog.Dir, name string) string {
	if d.Path == "." {
		return name
	}
	return d.Path + "/" + name
}

func split(file string) (dir, base string) {
	i := strings.LastIndexByte(file, '/')
	if i < 0 {
		return ".", file
	}
	return file[:i], file[i+1:]
}

package check

import (
	"maps"
	"path"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/config"
)

// scope is what a run checks: everything, or some files and the units that
// depend on them. Its cost depends only on what it covers, however large the
// rest of the catalog is.
type scope struct {
	catalog *catalog.Catalog
	only    map[string]bool // nil: everything
	touched []touchedDir    // the folders with a file of only
	renamed []place         // the folders of modules whose import path has changed
}

// touchedDir is a folder with the names of its files that are in the scope;
// some may have been removed.
type touchedDir struct {
	*catalog.Dir
	names []string
}

// InScope lists the units that Options.Only looks at; nil: all.
func InScope(c *catalog.Catalog, only map[string]bool) []*catalog.Unit {
	return newScope(c, only).units()
}

func newScope(c *catalog.Catalog, only map[string]bool) *scope {
	if only[config.FileName] {
		only = nil // the settings affect everything
	}
	s := &scope{catalog: c, only: only}
	byDir := map[string][]string{}
	for name := range only {
		dir, base := path.Split(name)
		dir = path.Clean(dir)
		byDir[dir] = append(byDir[dir], base)
	}
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		for root := range c.Roots {
			if d := c.Dir(root, dir); d != nil {
				s.touched = append(s.touched, touchedDir{d, byDir[dir]})
			}
		}
	}
	return s
}

// file reports whether a file is checked.
func (s *scope) file(name string) bool { return s.only == nil || s.only[name] }

// owns reports whether one of the unit's own files is checked.
func (s *scope) owns(u *catalog.Unit) bool {
	return s.file(u.File) || u.Code != nil && s.file(u.Code.File)
}

// dirs lists the folders whose files may be checked.
func (s *scope) dirs() []*catalog.Dir {
	if s.only == nil {
		return s.catalog.Dirs
	}
	var dirs []*catalog.Dir
	for _, d := range s.touched {
		dirs = append(dirs, d.Dir)
	}
	return dirs
}

// ownUnits lists the units with a file of their own in the scope.
func (s *scope) ownUnits() []*catalog.Unit {
	if s.only == nil {
		return s.catalog.Units
	}
	var units []*catalog.Unit
	for _, d := range s.touched {
		for _, u := range d.Units {
			if s.owns(u) {
				units = append(units, u)
			}
		}
	}
	return units
}

// units lists the units to check: those with a file in the scope, those of a
// folder whose shared code is in it, and all that depend on them.
func (s *scope) units() []*catalog.Unit {
	if s.only == nil {
		return s.catalog.Units
	}
	picked := map[*catalog.Unit]bool{}
	var queue []*catalog.Unit
	pick := func(units ...*catalog.Unit) {
		for _, u := range units {
			if !picked[u] {
				picked[u] = true
				queue = append(queue, u)
			}
		}
	}
	for _, d := range s.touched {
		pick(d.concerned()...)
		if d.Package != "" && slices.ContainsFunc(d.names, d.has) {
			pick(s.programs(d.Dir)...)
		}
	}
	if len(s.renamed) > 0 {
		for _, u := range s.catalog.Units {
			if s.inRenamed(u.Dir) {
				pick(u)
			}
		}
	}
	for i := 0; i < len(queue); i++ {
		pick(s.catalog.UsedBy(queue[i])...)
	}
	slices.SortFunc(queue, catalog.CompareUnits)
	return queue
}

// inRenamed reports whether a folder belongs to a renamed module.
func (s *scope) inRenamed(d *catalog.Dir) bool {
	return slices.ContainsFunc(
		s.renamed,
		func(at place) bool { return at.root == d.Root && config.Under(d.Path, at.dir) },
	)
}

// programs lists the programs that a folder's code belongs to: those of the
// nearest folder, going upwards, that has any.
func (s *scope) programs(d *catalog.Dir) []*catalog.Unit {
	for at := d.Path; ; at = path.Dir(at) {
		if above := s.catalog.Dir(d.Root, at); above != nil {
			apps := slices.DeleteFunc(slices.Clone(above.Units), func(u *catalog.Unit) bool {
				return !u.IsApp() || !slices.Contains(s.catalog.AppPackages(u), d)
			})
			if len(apps) > 0 {
				return apps
			}
		}
		if at == "." {
			return nil
		}
	}
}

// concerned lists the units of the folder that its touched files belong to: a
// file's owners, or all units if the file is shared. A removed file belonged to
// the unit of its name, or was shared.
func (d touchedDir) concerned() []*catalog.Unit {
	owners := map[string][]*catalog.Unit{} // one file may hold several units
	for _, u := range d.Units {
		owners[u.File] = append(owners[u.File], u)
		if u.Code != nil {
			owners[u.Code.File] = append(owners[u.Code.File], u)
			owners[u.Code.TestFile] = append(owners[u.Code.TestFile], u)
		}
	}
	var units []*catalog.Unit
	for _, name := range d.names {
		owner := owners[path.Join(d.Path, name)]
		switch isGo := strings.HasSuffix(name, ".go"); {
		case len(owner) > 0:
			units = append(units, owner...)
		case isGo, strings.HasSuffix(name, ".md") && !d.has(name):
			return d.Units
		}
	}
	return units
}

// exports reports whether exported functions of a file may have lost their
// specs: the file is in the scope, or a spec of its folder was removed.
func (s *scope) exports(d *catalog.Dir, file string) bool {
	if s.file(file) {
		return true
	}
	for _, t := range s.touched {
		if t.Dir == d && slices.ContainsFunc(t.names, func(name string) bool { return strings.HasSuffix(name, ".md") && !t.has(name) }) {
			return true
		}
	}
	return false
}

// has reports whether the folder has a file of this name.
func (d touchedDir) has(name string) bool {
	_, ok := slices.BinarySearch(d.FileNames(), name)
	return ok
}

package size

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/config"
)

// Break is a package that programs link with a unit although they must not.
type Break struct {
	Unit      *catalog.Unit
	Forbidden string   // the forbidden import path, as written
	Because   string   // where it is forbidden: "its forbidden_imports", "a driver of functions/infra/sqlite"
	Package   string   // the linked package
	Chain     []string // a shortest import chain from the unit's package to that package
}

// String says all of it on one line.
func (b Break) String() string {
	return fmt.Sprintf("%s links %s (%s): %s", b.Unit.ID, b.Package, b.Because, strings.Join(b.Chain, " -> "))
}

// wish is something that a unit must not link.
type wish struct{ path, because string }

// RoomReport is what a look at all units found.
type RoomReport struct {
	Checked int     // units that were checked
	Breaks  []Break // by unit and forbidden path
	// Idle are the folders whose units link nothing of their own driver: most
	// likely its import path is misspelt, and nothing is held to it.
	Idle []string
}

// OK reports whether everything is as configured.
func (r *RoomReport) OK() bool { return len(r.Breaks)+len(r.Idle) == 0 }

// Rooms asks the go command what every unit links, with cgo and without, and
// reports what units link and must not: by their own forbidden_imports, and by
// the drivers of fn_registry.yaml. Programs are not looked at: see [Measure].
// It costs two calls of go list for each module and set of build tags.
func Rooms(ctx context.Context, c *catalog.Catalog) (*RoomReport, error) {
	groups, err := groupUnits(ctx, c)
	if err != nil {
		return nil, err
	}
	report := &RoomReport{}
	var mu sync.Mutex
	var errs []error
	rooms := map[string]bool{} // folders of drivers with units, and whether any of them links the driver
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for at, units := range groups {
		report.Checked += len(units)
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found, used, err := roomsOf(ctx, c, at, units)
			mu.Lock()
			defer mu.Unlock()
			report.Breaks, errs = append(report.Breaks, found...), append(errs, err)
			for folder, links := range used {
				rooms[folder] = rooms[folder] || links
			}
		})
	}
	wg.Wait()
	for folder, links := range rooms {
		if !links {
			report.Idle = append(report.Idle, folder)
		}
	}
	slices.Sort(report.Idle)
	slices.SortFunc(report.Breaks, func(a, b Break) int {
		return strings.Compare(a.Unit.ID+" "+a.Forbidden, b.Unit.ID+" "+b.Forbidden)
	})
	return report, errors.Join(errs...)
}

// groupUnits groups the importable units by where and how they are built.
func groupUnits(ctx context.Context, c *catalog.Catalog) (map[place][]*catalog.Unit, error) {
	work, err := findWorkspaces(ctx, c)
	if err != nil {
		return nil, err
	}
	groups := map[place][]*catalog.Unit{}
	for _, u := range c.Units {
		if u.IsApp() || u.Code == nil || u.Dir.ImportPath == "" {
			continue
		}
		at, err := work.of(c, u.Dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", u.ID, err)
		}
		at.tags = tagList(u)
		groups[at] = append(groups[at], u)
	}
	return groups, nil
}

// tagList returns build tags in the form that a place has them.
func tagList(units ...*catalog.Unit) string {
	var tags []string
	for _, u := range units {
		tags = append(tags, u.Spec.BuildTags...)
	}
	slices.Sort(tags)
	return strings.Join(slices.Compact(tags), ",")
}

// roomsOf checks the units of one place, and records for their drivers' folders
// whether they link the driver. A package that is built only with cgo, or only
// without, is not an error.
func roomsOf(
	ctx context.Context,
	c *catalog.Catalog,
	at place,
	units []*catalog.Unit,
) (breaks []Break, rooms map[string]bool, err error) {
	packages := packagesOf(units)
	var lists []listing
	for _, cgo := range []bool{false, true} {
		at.cgo = cgo
		l, err := list(ctx, at, false, packages)
		if err != nil {
			return nil, nil, err
		}
		lists = append(lists, l)
	}
	ways := map[[2]string][]string{} // shared by the units of a package
	way := func(pkg, path string) []string {
		found, ok := ways[[2]string{pkg, path}]
		if !ok {
			found = shorter(lists[0].chain(pkg, path), lists[1].chain(pkg, path))
			ways[[2]string{pkg, path}] = found
		}
		return found
	}
	var errs []error
	told := map[string]bool{}
	rooms = map[string]bool{}
	for _, u := range units {
		pkg := u.Dir.ImportPath
		if plain, cgo := lists[0].problem(pkg), lists[1].problem(pkg); plain != nil && cgo != nil {
			if !told[pkg] {
				told[pkg] = true
				errs = append(errs, fmt.Errorf("%s: %w", u.ID, cgo))
			}
			continue
		}
		for _, w := range wishes(c, u) {
			if chain := way(pkg, w.path); chain != nil {
				breaks = append(
					breaks,
					Break{Unit: u, Forbidden: w.path, Because: w.because, Package: chain[len(chain)-1], Chain: chain},
				)
			}
		}
		for _, d := range c.Roots[u.Dir.Root].Config.Drivers {
			if config.Under(u.Dir.Path, d.Folder) {
				rooms[d.Folder] = rooms[d.Folder] || slices.ContainsFunc(d.Imports, func(path string) bool { return way(pkg, path) != nil })
			}
		}
	}
	return breaks, rooms, errors.Join(errs...)
}

func packagesOf(units []*catalog.Unit) []string {
	var all []string
	for _, u := range units {
		all = append(all, u.Dir.ImportPath)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// wishes lists what a unit must not link, each path once.
func wishes(c *catalog.Catalog, u *catalog.Unit) []wish {
	var all []wish
	for _, path := range u.Spec.ForbiddenImports {
		all = append(all, wish{path, "its forbidden_imports"})
	}
	for _, d := range c.Roots[u.Dir.Root].Config.Forbidden(u.Dir.Path) {
		for _, path := range d.Imports {
			if !slices.Contains(u.Spec.ForbiddenImports, path) {
				all = append(all, wish{path, "a driver of " + d.Folder})
			}
		}
	}
	return all
}

// shorter returns the shorter of two chains, where nil means none.
func shorter(a, b []string) []string {
	if a == nil || b != nil && len(b) < len(a) {
		return b
	}
	return a
}

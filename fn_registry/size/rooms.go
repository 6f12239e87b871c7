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
)

// Break is a package that programs link with a unit although they must not.
type Break struct {
	Unit      *catalog.Unit
	Forbidden string   // the import path that is broken, as it was given
	Because   string   // who gave it: "its forbidden_imports", "a driver of functions/infra/sqlite"
	Package   string   // what is linked
	Chain     []string // a shortest way of imports from the unit's package to that package
}

// String says all of it on one line.
func (b Break) String() string {
	return fmt.Sprintf("%s links %s (%s): %s", b.Unit.ID, b.Package, b.Because, strings.Join(b.Chain, " -> "))
}

// wish is what a unit must not link.
type wish struct{ path, because string }

// Rooms asks the go command what every unit links, with cgo and without, and returns what units must not link: by
// their own forbidden_imports, and by the drivers of fn_registry.yaml. Programs are not looked at: see [Measure].
// checked is how many units were. It costs one call of go list for each module, kind of cgo and set of build tags.
func Rooms(ctx context.Context, c *catalog.Catalog) (breaks []Break, checked int, err error) {
	groups, err := groupUnits(ctx, c)
	if err != nil {
		return nil, 0, err
	}
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for at, units := range groups {
		checked += len(units)
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found, err := roomsOf(ctx, c, at, units)
			mu.Lock()
			defer mu.Unlock()
			breaks, errs = append(breaks, found...), append(errs, err)
		})
	}
	wg.Wait()
	slices.SortFunc(breaks, func(a, b Break) int {
		return strings.Compare(a.Unit.ID+" "+a.Forbidden, b.Unit.ID+" "+b.Forbidden)
	})
	return breaks, checked, errors.Join(errs...)
}

// groupUnits sorts the units that somebody can import by where and how they are built.
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

// tagList is the form in which a place has build tags.
func tagList(units ...*catalog.Unit) string {
	var tags []string
	for _, u := range units {
		tags = append(tags, u.Spec.BuildTags...)
	}
	slices.Sort(tags)
	return strings.Join(slices.Compact(tags), ",")
}

// roomsOf checks the units of one place. A package that is built only with cgo, or only without, is no error.
func roomsOf(ctx context.Context, c *catalog.Catalog, at place, units []*catalog.Unit) ([]Break, error) {
	packages := packagesOf(units)
	var lists []listing
	for _, cgo := range []bool{false, true} {
		at.cgo = cgo
		l, err := list(ctx, at, false, packages)
		if err != nil {
			return nil, err
		}
		lists = append(lists, l)
	}
	var breaks []Break
	var errs []error
	told := map[string]bool{}
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
			if way := shorter(lists[0].chain(pkg, w.path), lists[1].chain(pkg, w.path)); way != nil {
				breaks = append(breaks, Break{Unit: u, Forbidden: w.path, Because: w.because, Package: way[len(way)-1], Chain: way})
			}
		}
	}
	return breaks, errors.Join(errs...)
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

// shorter returns the shorter of two ways, where nil is none.
func shorter(a, b []string) []string {
	if a == nil || b != nil && len(b) < len(a) {
		return b
	}
	return a
}

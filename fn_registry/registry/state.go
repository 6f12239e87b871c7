package registry

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/search"
	"fnregistry.dev/fn_registry/spec"
)

// State is everything known at one time. It is immutable and safe for
// concurrent use; only the bodies of specs are read from their files on
// request.
type State struct {
	Generation uint64
	ChangedAt  time.Time
	Catalog    *catalog.Catalog
	Index      *search.Index

	registry *Registry
	units    []*catalog.Unit       // in the order of their IDs, the first of each ID
	users    map[*catalog.Unit]int // units and programs that use a unit, see countUsers
	byUse    func() []*catalog.Unit
	facets   func() *facets
	findings atomic.Pointer[findings]
}

func newState(r *Registry, c *catalog.Catalog) *State {
	s := &State{Generation: 1, ChangedAt: time.Now().UTC(), Catalog: c, registry: r, users: countUsers(c)}
	s.units = make([]*catalog.Unit, 0, len(c.Units))
	for i, u := range c.Units {
		if firstOfID(c.Units, i) {
			s.units = append(s.units, u)
		}
	}
	s.byUse = sync.OnceValue(s.sortByUse)
	s.facets = sync.OnceValue(s.countFacets)
	return s
}

// firstOfID reports whether the i-th of units, which are sorted by ID, is the
// first with its ID.
func firstOfID(units []*catalog.Unit, i int) bool {
	return units[i].ID != "" && (i == 0 || units[i-1].ID != units[i].ID)
}

// countUsers counts for each unit the units that use it directly and the
// programs that include it, however indirectly. A program that is a stub, not
// written yet, counts as using nothing: it only names what it is going to use.
func countUsers(c *catalog.Catalog) map[*catalog.Unit]int {
	users := make(map[*catalog.Unit]int, len(c.Units))
	for _, u := range c.Units {
		n := 0
		for _, v := range c.UsedBy(u) {
			if !v.IsApp() {
				n++
			}
		}
		if n > 0 {
			users[u] = n
		}
	}
	last := make(map[*catalog.Unit]*catalog.Unit, len(c.Units)) // the program that counted a unit last
	var queue []*catalog.Unit
	for _, app := range c.Units {
		if !app.IsApp() || isStub(app) {
			continue
		}
		queue = append(queue[:0], app)
		for i := 0; i < len(queue); i++ {
			for _, v := range c.Uses(queue[i]) {
				if last[v] != app && v != app {
					last[v] = app
					users[v]++
					queue = append(queue, v)
				}
			}
		}
	}
	return users
}

func isStub(u *catalog.Unit) bool { return slices.Contains(u.Spec.Tags, spec.TagStub) }

// boost is the ranking's measure of how much a unit is used.
func (s *State) boost(id string) float64 { return float64(s.users[s.Catalog.Unit(id)]) }

// namedTypes collects from the catalog the types whose name stands for another
// type.
func (s *State) namedTypes() *search.NamedTypes {
	return search.NewNamedTypes(func(yield func(pkg, declaration string) bool) {
		for _, d := range s.Catalog.Dirs {
			for _, declaration := range d.Types {
				if !yield(d.Package, declaration) {
					return
				}
			}
		}
	})
}

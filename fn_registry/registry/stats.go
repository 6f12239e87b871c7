package registry

import (
	"cmp"
	"slices"
	"sort"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/spec"
)

// Count is how many units have something.
type Count struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// Stats describes a state in numbers. Lists are sorted by count, greatest
// first, then by name.
type Stats struct {
	Units    int     `json:"units"`
	Tested   int     `json:"tested"`
	Pure     int     `json:"pure"`
	Uses     int     `json:"uses"` // edges of the graph
	Kinds    []Count `json:"kinds"`
	Langs    []Count `json:"langs"`
	Domains  []Count `json:"domains"`
	Tags     []Count `json:"tags"`
	Findings *int    `json:"findings"` // nil until the rules have run
	Errors   *int    `json:"errors"`   // findings that are errors
}

// facets are the parts of Stats that never change for a state.
type facets Stats

func (s *State) countFacets() *facets {
	f := &facets{}
	kinds, langs, domains, tags := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, u := range s.units {
		f.Units++
		f.Uses += len(s.Catalog.Uses(u))
		if u.Spec.Tested {
			f.Tested++
		}
		if u.Spec.Purity == spec.PurityPure {
			f.Pure++
		}
		kinds[u.Spec.Kind]++
		langs[u.Spec.Lang]++
		domains[u.Spec.Domain]++
		for _, t := range u.Spec.Tags {
			tags[t]++
		}
	}
	f.Kinds, f.Langs, f.Domains, f.Tags = counts(kinds), counts(langs), counts(domains), counts(tags)
	return f
}

func counts(of map[string]int) []Count {
	all := []Count{}
	for name, n := range of {
		if name != "" {
			all = append(all, Count{name, n})
		}
	}
	sort.Slice(all, func(i, j int) bool {
		return all[i].Count > all[j].Count || all[i].Count == all[j].Count && all[i].Name < all[j].Name
	})
	return all
}

// Stats counts the units and, if they have been looked for, the findings.
func (s *State) Stats() Stats {
	st := Stats(*s.facets())
	if s.FindingsReady() {
		all := s.findings.Load().list
		total, errs := len(all), 0
		for _, f := range all {
			if f.Severity == check.Error {
				errs++
			}
		}
		st.Findings, st.Errors = &total, &errs
	}
	return st
}

// sortByUse lists the units, most used first.
func (s *State) sortByUse() []*catalog.Unit {
	units := slices.Clone(s.units)
	slices.SortStableFunc(units, func(a, b *catalog.Unit) int { return cmp.Compare(s.users[b], s.users[a]) })
	return units
}

// App is a program and what it is composed of.
type App struct {
	Item
	Uses             []Ref    `json:"uses"`  // the units its own code reaches
	Units            int      `json:"units"` // total number of units it is composed of
	BinaryMBMax      float64  `json:"binary_mb_max"`
	ForbiddenImports []string `json:"forbidden_imports"`
	Run              string   `json:"run"`
}

// Apps lists the programs in the order of their IDs.
func (s *State) Apps() []App {
	apps := []App{}
	for _, u := range s.units {
		if u.IsApp() {
			apps = append(apps, App{
				Item: s.item(u), Uses: refs(s.Catalog.Uses(u)), Units: len(s.Catalog.Dependencies(u)),
				BinaryMBMax: u.Spec.BinaryMBMax, ForbiddenImports: list(u.Spec.ForbiddenImports), Run: u.Spec.Run,
			})
		}
	}
	return apps
}

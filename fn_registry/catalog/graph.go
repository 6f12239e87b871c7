package catalog

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"sync"

	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// resolve builds a catalog from folders: the IDs, the symbols and the graph of
// uses.
func resolve(roots []*Root, dirs []*Dir) *Catalog {
	c := newCatalog(roots, dirs)
	for _, d := range dirs {
		c.Units = append(c.Units, d.Units...)
	}
	slices.SortFunc(c.Units, CompareUnits)
	c.index()
	for i, u := range c.Units {
		c.uses[i] = c.resolveUses(u)
	}
	c.invert()
	return c
}

// newCatalog has no units yet.
func newCatalog(roots []*Root, dirs []*Dir) *Catalog {
	c := &Catalog{}
	c.begin(roots, dirs)
	return c
}

// begin makes c a catalog without units. It must not be copied afterwards: its
// names refer to its own units.
func (c *Catalog) begin(roots []*Root, dirs []*Dir) {
	*c = Catalog{Roots: roots, Dirs: dirs, packages: make(map[string]*Dir, len(dirs))}
	for _, d := range dirs {
		if d.ImportPath != "" {
			c.packages[d.ImportPath] = d
		}
	}
	c.names = sync.OnceValue(c.readNames)
}

// readNames resolves the folders' names.
func (c *Catalog) readNames() *names {
	n := &names{
		symbols: make(map[symbolKey]*Unit, len(c.Units)),
		exports: map[symbolKey]*Export{},
		helpers: map[symbolKey]*Helper{},
	}
	for _, u := range c.Units {
		if u.Code != nil {
			n.symbols[symbolKey{u.Dir.PackageKey(), u.Code.Symbol}] = u
		}
	}
	for _, d := range c.Dirs {
		if len(d.Exports)+len(d.Helpers) == 0 {
			continue
		}
		key := d.PackageKey()
		for _, e := range d.Exports {
			n.exports[symbolKey{key, e.Code.Symbol}] = e
		}
		for _, h := range d.Helpers {
			n.helpers[symbolKey{key, h.Symbol}] = h
		}
	}
	return n
}

// index numbers the units, which are sorted, and allocates their edges.
func (c *Catalog) index() {
	c.ids, c.number = make(map[string]*Unit, len(c.Units)), make(map[*Unit]int, len(c.Units))
	c.uses, c.usedBy = make([][]*Unit, len(c.Units)), make([][]*Unit, len(c.Units))
	for i, u := range c.Units {
		c.number[u] = i
		if u.ID != "" && (i == 0 || c.Units[i-1].ID != u.ID) {
			c.ids[u.ID] = u
		}
	}
}

// invert computes who uses each unit, from what each uses.
func (c *Catalog) invert() {
	used := make([]int, len(c.Units))
	var numbers []int // of all that is used
	for _, uses := range c.uses {
		for _, v := range uses {
			n := c.number[v]
			numbers = append(numbers, n)
			used[n]++
		}
	}
	all := make([]*Unit, len(numbers))
	for i, u := range c.Units {
		for range c.uses[i] {
			n := numbers[0]
			numbers = numbers[1:]
			if c.usedBy[n] == nil {
				c.usedBy[n], all = all[:0:used[n]], all[used[n]:]
			}
			c.usedBy[n] = append(c.usedBy[n], u) // in ID order, as Units is
		}
	}
}

// CompareUnits gives units the order of Catalog.Units.
func CompareUnits(a, b *Unit) int {
	if order := strings.Compare(a.ID, b.ID); order != 0 {
		return order
	}
	return cmp.Or(cmp.Compare(a.Dir.Root, b.Dir.Root), strings.Compare(a.File, b.File))
}

// resolveUses lists the units that a unit's code reaches, also through exported
// functions without a spec. If no code was found, it trusts the spec.
func (c *Catalog) resolveUses(u *Unit) []*Unit {
	switch {
	case u.IsApp():
		var names []Ref
		for _, d := range c.appDirs(u) {
			names = append(names, d.Names...)
		}
		return c.reached(u, names)
	case u.Code != nil:
		return c.reached(u, u.Code.Refs)
	}
	var found []*Unit
	for _, id := range slices.Concat(u.Spec.UsesFunctions, u.Spec.UsesTypes) {
		if v := c.ids[id]; v != nil && v != u {
			found = append(found, v)
		}
	}
	return byID(found)
}

// reached lists the units that references lead to, also through exported
// functions without a spec, except from itself.
func (c *Catalog) reached(from *Unit, refs []Ref) []*Unit {
	var found []*Unit
	var seen map[*Export]bool
	names := c.names()
	var follow func(refs []Ref)
	follow = func(refs []Ref) {
		for _, ref := range refs {
			key := symbolKey{ref.Pkg, ref.Name}
			if v := names.symbols[key]; v != nil {
				if v != from {
					found = append(found, v)
				}
			} else if e := names.exports[key]; e != nil && !seen[e] {
				if seen == nil {
					seen = map[*Export]bool{}
				}
				seen[e] = true
				follow(e.Code.Refs)
			}
		}
	}
	follow(refs)
	return byID(found)
}

// byID sorts units by ID, each once.
func byID(units []*Unit) []*Unit {
	slices.SortFunc(units, func(a, b *Unit) int { return strings.Compare(a.ID, b.ID) })
	return slices.Compact(units)
}

// appDirs lists the folders of a program: its own and those below it, except
// folders that hold units and those of another program below.
func (c *Catalog) appDirs(app *Unit) []*Dir {
	i, _ := slices.BinarySearchFunc(c.Dirs, app.Dir, compareDirs)
	var dirs []*Dir
	var others []string
	for ; i < len(c.Dirs) && c.Dirs[i].Root == app.Dir.Root; i++ {
		d := c.Dirs[i]
		switch {
		case !config.Under(d.Path, app.Dir.Path):
			if !strings.HasPrefix(d.Path, app.Dir.Path) {
				return dirs
			}
		case d == app.Dir:
			dirs = append(dirs, d)
		case d.hasUnits() || slices.ContainsFunc(others, func(other string) bool { return config.Under(d.Path, other) }):
		case len(d.Units) > 0: // the folder of another program
			others = append(others, d.Path)
		default:
			dirs = append(dirs, d)
		}
	}
	return dirs
}

// Dir returns the folder at a path below a root, or nil if nothing was read
// there.
func (c *Catalog) Dir(root int, path string) *Dir {
	i, ok := slices.BinarySearchFunc(c.Dirs, &Dir{Root: root, Path: path}, compareDirs)
	if !ok {
		return nil
	}
	return c.Dirs[i]
}

func compareDirs(a, b *Dir) int {
	return cmp.Or(cmp.Compare(a.Root, b.Root), strings.Compare(a.Path, b.Path))
}

// AppPackages lists the folders with Go code of a program.
func (c *Catalog) AppPackages(app *Unit) []*Dir {
	return slices.DeleteFunc(c.appDirs(app), func(d *Dir) bool { return d.Package == "" })
}

// Package returns the folder with this import path, or nil when it lies outside
// the roots.
func (c *Catalog) Package(importPath string) *Dir { return c.packages[importPath] }

// Local reports whether an import path belongs to one of the roots' modules.
func (c *Catalog) Local(importPath string) bool {
	if c.packages[importPath] != nil {
		return true
	}
	for _, r := range c.Roots {
		for _, module := range r.Modules {
			if config.Under(importPath, module) {
				return true
			}
		}
	}
	return false
}

// Uses returns the units that u's code reaches directly, sorted by ID.
func (c *Catalog) Uses(u *Unit) []*Unit { return c.edges(u, c.uses) }

// UsedBy returns the units and programs whose code reaches u directly, sorted
// by ID.
func (c *Catalog) UsedBy(u *Unit) []*Unit { return c.edges(u, c.usedBy) }

// edges returns nothing for a unit of another catalog.
func (c *Catalog) edges(u *Unit, of [][]*Unit) []*Unit {
	if i, ok := c.number[u]; ok {
		return of[i]
	}
	return nil
}

// Reached is a unit found by following the graph.
type Reached struct {
	Unit  *Unit
	Depth int   // 1 for a direct use
	Via   *Unit // the previous unit on a shortest path
}

// Dependencies returns all that u needs, nearest first.
func (c *Catalog) Dependencies(u *Unit) []Reached { return reach(u, c.Uses) }

// Dependents returns all that may break when u changes, nearest first.
func (c *Catalog) Dependents(u *Unit) []Reached { return reach(u, c.UsedBy) }

func reach(from *Unit, next func(*Unit) []*Unit) []Reached {
	seen := map[*Unit]bool{from: true}
	queue := []Reached{{Unit: from}}
	for i := 0; i < len(queue); i++ {
		for _, v := range next(queue[i].Unit) {
			if !seen[v] {
				seen[v] = true
				queue = append(queue, Reached{Unit: v, Depth: queue[i].Depth + 1, Via: queue[i].Unit})
			}
		}
	}
	return queue[1:]
}

// Cycles returns the groups of functions that use one another in a cycle, each
// sorted by ID, as far as they can be reached from the given units: a group
// that contains one of these is always found. Types are ignored: a type and its
// functions normally name each other.
func (c *Catalog) Cycles(from []*Unit) [][]*Unit {
	// Tarjan, Depth-first search and linear graph algorithms (1972), with a
	// stack of its own against deep graphs.
	type frame struct {
		unit *Unit
		next int
	}
	index, low, onStack := map[*Unit]int{}, map[*Unit]int{}, map[*Unit]bool{}
	var stack []*Unit
	var groups [][]*Unit
	for _, root := range from {
		if index[root] != 0 || root.Spec.Kind == spec.KindType {
			continue
		}
		frames := []frame{{unit: root}}
		for len(frames) > 0 {
			top := &frames[len(frames)-1]
			u := top.unit
			if top.next == 0 {
				index[u] = len(index) + 1
				low[u] = index[u]
				stack, onStack[u] = append(stack, u), true
			}
			if uses := c.Uses(u); top.next < len(uses) {
				v := uses[top.next]
				top.next++
				if v.Spec.Kind == spec.KindType {
					continue
				}
				if index[v] == 0 {
					frames = append(frames, frame{unit: v})
				} else if onStack[v] {
					low[u] = min(low[u], index[v])
				}
				continue
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				parent := frames[len(frames)-1].unit
				low[parent] = min(low[parent], low[u])
			}
			if low[u] != index[u] {
				continue
			}
			i := len(stack) - 1
			for stack[i] != u {
				i--
			}
			group := slices.Clone(stack[i:])
			stack = stack[:i]
			for _, v := range group {
				onStack[v] = false
			}
			if len(group) > 1 {
				slices.SortFunc(group, func(a, b *Unit) int { return strings.Compare(a.ID, b.ID) })
				groups = append(groups, group)
			}
		}
	}
	return groups
}

// ImpureChain says why a unit is not pure: the units from it to the one with
// the evidence, itself first.
type ImpureChain struct {
	Units    []*Unit
	Evidence Evidence
}

// String prints the chain: "a -> b -> helper -> time.Now".
func (c *ImpureChain) String() string {
	var steps []string
	for _, u := range c.Units {
		steps = append(steps, u.ID)
	}
	return strings.Join(append(append(steps, c.Evidence.Via...), c.Evidence.What), " -> ")
}

// Impurity follows a unit's code, through any number of units, to the nearest
// thing that is not pure. It returns nil if there is none.
func (c *Catalog) Impurity(u *Unit) *ImpureChain {
	before := map[*Unit]*Unit{u: nil}
	for queue := []*Unit{u}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		e := c.evidence(at.Code, at.Dir.Root)
		if e == nil && at != u {
			e = at.declaredImpure()
		}
		if e != nil {
			chain := &ImpureChain{Evidence: *e}
			for v := at; v != nil; v = before[v] {
				chain.Units = append(chain.Units, v)
			}
			slices.Reverse(chain.Units)
			return chain
		}
		for _, v := range c.Uses(at) {
			if _, seen := before[v]; !seen && v.Spec.Kind != spec.KindType {
				before[v] = at
				queue = append(queue, v)
			}
		}
	}
	return nil
}

// declaredImpure returns evidence for a unit whose author does not declare it
// pure, nil otherwise. A spec that can't be read and never could is no
// evidence.
func (u *Unit) declaredImpure() *Evidence {
	if u.Spec.Purity == spec.PurityPure || u.Unread && u.Spec.Purity == "" {
		return nil
	}
	return &Evidence{What: "declared impure", File: u.File, Pos: source.Pos{Line: 1, Column: 1}}
}

// PureExport reports whether an exported function without a spec is pure, as
// far as its code and what that reaches tell.
func (c *Catalog) PureExport(d *Dir, e *Export) bool {
	if c.evidence(e.Code, d.Root) != nil {
		return false
	}
	return !slices.ContainsFunc(c.reached(nil, e.Code.Refs), func(u *Unit) bool {
		return u.Spec.Kind != spec.KindType && (u.Spec.Purity != spec.PurityPure || c.Impurity(u) != nil)
	})
}

// evidence finds what is impure in code and in the unregistered code that it
// reaches, by the configuration of the given root.
func (c *Catalog) evidence(code *Code, root int) *Evidence {
	if code == nil {
		return nil
	}
	if len(code.Impure) > 0 {
		return &code.Impure[0]
	}
	seen := map[symbolKey]bool{}
	var follow func(refs []Ref, via []string) *Evidence
	follow = func(refs []Ref, via []string) *Evidence {
		for _, ref := range refs {
			key := symbolKey{ref.Pkg, ref.Name}
			if seen[key] || c.names().symbols[key] != nil {
				continue
			}
			seen[key] = true
			if impure, refs, known := c.unregistered(key); known {
				via := append(slices.Clone(via), path.Base(ref.Pkg)+"."+ref.Name)
				if len(impure) > 0 {
					found := impure[0]
					found.Via = append(via, found.Via...)
					return &found
				}
				if found := follow(refs, via); found != nil {
					return found
				}
			} else if !c.Local(ref.Pkg) && !c.knownPure(root, ref.Pkg) {
				return &Evidence{
					What: ref.Pkg + "." + ref.Name + ", of a package that pure_imports does not list", File: ref.File, Pos: ref.Pos, Via: via,
				}
			}
		}
		return nil
	}
	if found := follow(code.Refs, nil); found != nil {
		return found
	}
	for _, ref := range code.Refs { // the methods of the types that it names, by the names that it calls
		for _, name := range code.Calls {
			method := Ref{Pkg: ref.Pkg, Name: ref.Name + "." + name, File: ref.File, Pos: ref.Pos}
			if c.names().helpers[symbolKey{method.Pkg, method.Name}] == nil {
				continue
			}
			if found := follow([]Ref{method}, nil); found != nil {
				return found
			}
		}
	}
	return nil
}

// unregistered returns what is impure in the code of a name without a spec, and
// what that code refers to.
func (c *Catalog) unregistered(key symbolKey) (impure []Evidence, refs []Ref, known bool) {
	if e := c.names().exports[key]; e != nil {
		return e.Code.Impure, e.Code.Refs, true
	}
	if h := c.names().helpers[key]; h != nil {
		return h.Impure, h.Refs, true
	}
	return nil, nil, false
}

func (c *Catalog) knownPure(root int, pkg string) bool {
	return slices.ContainsFunc(
		c.Roots[root].Config.PureImports,
		func(p string) bool { return config.Match(p, pkg, "", false) },
	)
}

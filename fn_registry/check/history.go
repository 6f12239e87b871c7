package check

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// Since gives the files as they were at an earlier revision.
type Since struct {
	Revision string // as the user named it, for messages
	// File returns a file's content then; ok is false where it did not exist.
	// It is called from several goroutines.
	File func(root int, name string) (src []byte, ok bool)
}

// history holds the folders as the version rule sees them, at the revision and
// now. It reads each folder once, and several in parallel.
type history struct {
	since   *Since
	scope   *scope
	changed map[string]bool // Options.Only: the files that differ

	mu      sync.Mutex
	dirs    map[*catalog.Dir]func() *past
	read    bool                // whether left and gone have been read
	left    map[string]leftSpec // by ID: see leftBehind
	gone    []leftSpec          // of units that no longer exist
	modules map[place]string    // see module
}

// leftSpec is a spec at the revision that has left its place, and its folder.
type leftSpec struct {
	*spec.Spec
	place
}

// place is a folder in a root.
type place struct {
	root int
	dir  string
}

// past is a folder's code and specs at two points in time.
type past struct {
	before, now source.Package
	name        string // of the package, before
}

func newHistory(opts Options, s *scope) *history {
	return &history{
		since:   opts.Since,
		scope:   s,
		changed: opts.Only,
		dirs:    map[*catalog.Dir]func() *past{},
		modules: map[place]string{},
	}
}

// of returns a folder's past.
func (h *history) of(c *catalog.Catalog, d *catalog.Dir) *past {
	h.mu.Lock()
	read := h.dirs[d]
	if read == nil {
		read = sync.OnceValue(func() *past { return h.readPast(c, d) })
		h.dirs[d] = read
	}
	h.mu.Unlock()
	return read()
}

// readPast reads a folder's past. Files that do not parse are skipped.
func (h *history) readPast(c *catalog.Catalog, d *catalog.Dir) *past {
	p := &past{before: source.Package{}, now: source.Package{}}
	names := d.FileNames()
	for _, name := range h.touched(d) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file := path.Join(d.Path, name)
		if src, ok := h.since.File(d.Root, file); ok {
			_ = p.before.Add(file, src) // files that do not parse are skipped
			if p.name == "" {
				p.name = packageName(src)
			}
		}
		if src, err := c.Source(d, file); err == nil {
			_ = p.now.Add(file, src)
		}
	}
	p.before.Resolve()
	p.now.Resolve()
	return p
}

// packageName returns the name in a file's package clause; "" for a file that
// no build includes, and for one that does not parse.
func packageName(src []byte) string {
	file, err := source.Parse("", src)
	if err != nil || file.Constraint == "ignore" {
		return ""
	}
	return file.Package
}

// touched lists the folder's files that the run is limited to; nil if it is not
// limited.
func (h *history) touched(d *catalog.Dir) []string {
	for _, t := range h.scope.touched {
		if t.Dir == d {
			return t.names
		}
	}
	return nil
}

// concerns reports whether the folder's files may differ from the revision's.
func (h *history) concerns(d *catalog.Dir) bool {
	return h.scope.only == nil || h.touched(d) != nil || h.scope.inRenamed(d)
}

// renamedModules lists the folders whose go.mod changes their import path since
// the revision.
func (h *history) renamedModules() []place {
	var renamed []place
	for file := range h.changed {
		if path.Base(file) != "go.mod" {
			continue
		}
		for root, r := range h.scope.catalog.Roots {
			at := place{root, path.Dir(file)}
			if was := h.importPath(at); was != "" && was != r.ImportPath(at.dir) {
				renamed = append(renamed, at)
			}
		}
	}
	return renamed
}

// importPath returns the folder's import path at the revision; "" outside of
// any module.
func (h *history) importPath(at place) string {
	for dir := at.dir; ; dir = path.Dir(dir) {
		if module := h.module(place{at.root, dir}); module != "" {
			if dir == "." {
				return path.Join(module, at.dir)
			}
			return path.Join(module, strings.TrimPrefix(at.dir, dir))
		}
		if dir == "." {
			return ""
		}
	}
}

// module returns the module path of a folder's go.mod at the revision; "" if
// there was none.
func (h *history) module(at place) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	module, known := h.modules[at]
	if !known {
		if src, ok := h.since.File(at.root, path.Join(at.dir, "go.mod")); ok {
			module, _ = catalog.ModulePath(src)
		}
		h.modules[at] = module
	}
	return module
}

// moved reports how a unit's move breaks the callers of was, its former self:
// by the import path, or the package's name; "" if it does not.
func (h *history) moved(u *catalog.Unit, was place) string {
	before := h.importPath(was)
	switch is := (place{u.Dir.Root, u.Dir.Path}); {
	case before != "" && u.Dir.ImportPath != "" && before != u.Dir.ImportPath:
		return "it was in " + before
	case (before == "" || u.Dir.ImportPath == "") && was != is:
		return "it was in the folder " + was.dir
	case was != is: // moved with its module, or its module was renamed
		return ""
	}
	if name := h.of(h.scope.catalog, u.Dir).name; name != "" && u.Dir.Package != "" && name != u.Dir.Package {
		return "its package was called " + name
	}
	return ""
}

// leftBehind returns the spec of a unit at the revision, if its file is no
// longer the unit's: the unit was moved, or its file was renamed.
func (h *history) leftBehind(u *catalog.Unit) (old leftSpec, ok bool) {
	h.readLeft()
	old, ok = h.left[u.ID]
	return old, ok
}

// renamed returns the spec at the revision that has become a new unit's: one
// whose unit no longer exists, and that has its name in another domain; its
// signature in the same folder; or its signature and description in another.
func (h *history) renamed(u *catalog.Unit) (old leftSpec, ok bool) {
	h.readLeft()
	best := 0
	for _, gone := range h.gone {
		if gone.Kind != u.Spec.Kind || u.Code == nil {
			continue
		}
		fits := 0
		alike := shape(gone.Signature) == shape(u.Code.Signature)
		switch here := gone.place == (place{u.Dir.Root, u.Dir.Path}); {
		case gone.Name == u.Spec.Name && gone.Lang == u.Spec.Lang:
			fits = 3
		case here && alike:
			fits = 2
		case alike && gone.Description == u.Spec.Description && gone.Description != "":
			fits = 1
		}
		if fits > best {
			old, best = gone, fits
		}
	}
	return old, best > 0
}

// readLeft reads the specs of the changed files at the revision.
func (h *history) readLeft() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.read {
		return
	}
	h.read, h.left = true, map[string]leftSpec{}
	for _, file := range slices.Sorted(maps.Keys(h.changed)) {
		for root := range h.scope.catalog.Roots {
			if strings.HasSuffix(file, ".md") {
				h.readOne(root, file)
			}
		}
	}
}

func (h *history) readOne(root int, file string) {
	src, ok := h.since.File(root, file)
	if !ok || !spec.IsSpec(src) {
		return
	}
	old := leftSpec{&spec.Parse(file, src).Spec, place{root, path.Dir(file)}}
	switch u := h.scope.catalog.Unit(old.ID()); {
	case old.Name == "": // could not be read at the revision
	case u == nil:
		h.gone = append(h.gone, old)
	case u.File != file || u.Dir.Root != root:
		h.left[u.ID] = old
	}
}

// level is how much a change affects callers.
type level int

const (
	same  level = iota
	minor       // something was added
	major       // working callers may break
)

func (l level) String() string { return [...]string{"no", "minor", "major"}[l] }

// compare reports the largest change that a caller of a symbol notices, and the
// first part that shows it. Types with a spec of their own are judged there.
func (p *past) compare(symbol string, own map[string]bool) (level, string) {
	worst, what := same, ""
	note := func(l level, format string, args ...any) {
		if l > worst {
			worst, what = l, fmt.Sprintf(format, args...)
		}
	}
	queue := []string{symbol}
	for i := 0; i < len(queue); i++ {
		name, prefix := queue[i], ""
		if i > 0 {
			prefix = name + "'s "
		}
		only := "" // the one method that a unit is
		if i == 0 {
			if recv, method, ok := strings.Cut(name, "."); ok {
				name, only = recv, "method "+method
			}
		}
		before, now := p.before[name], p.now[name]
		if before == nil || now == nil {
			if i > 0 && before != nil {
				note(major, "the type %s is gone", name)
			}
			continue
		}
		compareParts(before, now, only, prefix, note)
		for _, t := range append(slices.Clone(before.Types), now.Types...) {
			if !own[t] && !slices.Contains(queue, t) && (p.before[t] != nil || p.now[t] != nil) {
				queue = append(queue, t)
			}
		}
	}
	return worst, what
}

// compareParts records the differences between two surfaces; only, if set, is
// the name of the one part that counts. If a part has a variant for each
// platform, all are compared.
func compareParts(before, now *source.Surface, only, prefix string, note func(level, string, ...any)) {
	for _, part := range before.Parts {
		if only != "" && part.Name != only {
			continue
		}
		was, is := variants(before, part.Name), variants(now, part.Name)
		switch added := difference(is, was); {
		case len(is) == 0 && part.Name == source.Sealed:
			note(minor, "%sother packages can implement it now", prefix)
		case len(is) == 0 && part.Name == source.Comparison:
			note(major, "%svalues can't be compared with == any more", prefix)
		case len(is) == 0:
			note(major, "%s%s is gone", prefix, part.Name)
		case len(difference(was, is)) > 0:
			note(major, "%s%s is %s, now %s", prefix, part.Name, strings.Join(was, " or "), strings.Join(is, " or "))
		case len(added) > 0:
			note(minor, "%s%s is also %s", prefix, part.Name, strings.Join(added, " or "))
		case ofPointer(now, part.Name) && !ofPointer(before, part.Name):
			note(major, "%s%s is one of the pointer alone now", prefix, part.Name)
		case ofPointer(before, part.Name) && !ofPointer(now, part.Name):
			note(minor, "%s%s is one of the value, too", prefix, part.Name)
		}
	}
	for _, is := range now.Parts {
		if only != "" || len(variants(before, is.Name)) > 0 {
			continue
		}
		switch {
		case is.Name == source.Comparison:
		case is.Name == source.Sealed:
			note(major, "%sother packages can't implement it any more", prefix)
		case is.Wanted && len(variants(before, source.Sealed)) == 0 && len(variants(before, "type")) > 0:
			note(major, "%s%s is new, and who implements the interface lacks it", prefix, is.Name)
		default:
			note(minor, "%s%s is new", prefix, is.Name)
		}
	}
}

// ofPointer reports whether a method has only a pointer receiver, in any of the
// files that declare it.
func ofPointer(s *source.Surface, name string) bool {
	return slices.ContainsFunc(s.Parts, func(p source.Part) bool { return p.Name == name && p.Pointer })
}

// variants lists the distinct texts of a part of a surface in the files that
// declare it, sorted.
func variants(s *source.Surface, name string) []string {
	var texts []string
	for _, p := range s.Parts {
		if p.Name == name {
			texts = append(texts, p.Text)
		}
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

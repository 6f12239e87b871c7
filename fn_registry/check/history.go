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

// history is what the version rule knows of folders, then and now. It reads
// each folder once, and several side by side.
type history struct {
	since *Since
	scope *scope

	mu   sync.Mutex
	dirs map[*catalog.Dir]func() *past
	left map[string]leftSpec // see leftBehind
}

// leftSpec is a spec whose file is gone, and the folder that it was in.
type leftSpec struct {
	*spec.Spec
	root int
	dir  string
}

// past is a folder's code and specs at two times.
type past struct {
	before, now source.Package
	gone        []*spec.Spec // specs that were there, and whose files are not
}

func newHistory(since *Since, s *scope) *history {
	return &history{since: since, scope: s, dirs: map[*catalog.Dir]func() *past{}}
}

// of returns a folder's past.
func (h *history) of(c *catalog.Catalog, d *catalog.Dir) *past {
	h.mu.Lock()
	read := h.dirs[d]
	if read == nil {
		read = sync.OnceValue(func() *past { return h.read(c, d) })
		h.dirs[d] = read
	}
	h.mu.Unlock()
	return read()
}

// read reads a folder's past. Files that do not parse are left out.
func (h *history) read(c *catalog.Catalog, d *catalog.Dir) *past {
	p := &past{before: source.Package{}, now: source.Package{}}
	names := d.FileNames()
	for _, name := range h.touched(d) {
		if !slices.Contains(names, name) {
			names = append(names, name)
			h.readGone(p, d, name)
		}
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file := path.Join(d.Path, name)
		if src, ok := h.since.File(d.Root, file); ok {
			_ = p.before.Add(file, src) // what does not parse is left out
		}
		if src, err := c.Source(d, file); err == nil {
			_ = p.now.Add(file, src)
		}
	}
	p.before.Resolve()
	p.now.Resolve()
	return p
}

// touched lists the folder's files that the run is limited to; none where it is
// not limited.
func (h *history) touched(d *catalog.Dir) []string {
	for _, t := range h.scope.touched {
		if t.Dir == d {
			return t.names
		}
	}
	return nil
}

// concerns reports whether the folder's files may differ from the revision's.
func (h *history) concerns(d *catalog.Dir) bool { return h.scope.only == nil || h.touched(d) != nil }

// leftBehind returns the spec of a unit at the revision, where its file is not
// the unit's any more: the unit was moved, or its file was renamed.
func (h *history) leftBehind(u *catalog.Unit) (old leftSpec, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.left == nil {
		h.left = map[string]leftSpec{}
		for _, file := range slices.Sorted(maps.Keys(h.scope.only)) {
			if strings.HasSuffix(file, ".md") {
				h.readLeft(file)
			}
		}
	}
	old, ok = h.left[u.ID]
	return old, ok
}

func (h *history) readLeft(file string) {
	c := h.scope.catalog
	for root := range c.Roots {
		src, ok := h.since.File(root, file)
		if !ok || !spec.IsSpec(src) {
			continue
		}
		old := &spec.Parse(file, src).Spec
		if u := c.Unit(old.ID()); u != nil && (u.File != file || u.Dir.Root != root) {
			h.left[u.ID] = leftSpec{old, root, path.Dir(file)}
		}
	}
}

func (h *history) readGone(p *past, d *catalog.Dir, name string) {
	if !strings.HasSuffix(name, ".md") {
		return
	}
	if src, ok := h.since.File(d.Root, path.Join(d.Path, name)); ok && spec.IsSpec(src) {
		p.gone = append(p.gone, &spec.Parse(name, src).Spec)
	}
}

// level is how much a change means for callers.
type level int

const (
	same  level = iota
	minor       // there is more than before
	major       // what compiled or held may not any more
)

func (l level) String() string { return [...]string{"no", "minor", "major"}[l] }

// compare tells the largest change that a caller of a symbol sees, and the
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

// compareParts notes what differs between two surfaces; only, if set, is the
// name of the one part that counts. Of a part that has a variant for each
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

// ofPointer reports whether a method is that of a pointer alone, in any of the
// files that declare it.
func ofPointer(s *source.Surface, name string) bool {
	return slices.ContainsFunc(s.Parts, func(p source.Part) bool { return p.Name == name && p.Pointer })
}

// variants lists the texts that a part of a surface has in the files that
// declare it, sorted, each once.
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

package catalog

import (
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/source"
)

// fillRefs follows a unit's code through its folder: from the declarations of
// its own file to those that it reaches in other files, stopping at other
// units. What lies outside becomes a Ref, what is not pure becomes Evidence.
func (f *folder) fillRefs(c *Code, start declAt) {
	w := walker{folder: f, code: c, self: start.decl.Name, seen: map[*source.Decl]bool{}, refs: map[symbolKey]bool{}}
	w.visit(start, nil)
	if f.owns(start) {
		for i := range start.file.Decls {
			w.visitOwn(declAt{start.file, &start.file.Decls[i]})
		}
	}
	for _, p := range c.Params {
		if source.ImpureType(p.Type) {
			w.impure("its parameter "+p.Name+" of type "+p.Type, start.file, p.Pos, nil)
		}
	}
}

// owns reports whether the whole file of a declaration belongs to its unit: the
// spec is next to it under the same name. Any other unit, and any unregistered
// function, has only what it reaches, since the file may hold several.
func (f *folder) owns(at declAt) bool {
	u := f.own[at.decl.Name]
	return u != nil && strings.TrimSuffix(u.File, ".md") == strings.TrimSuffix(at.file.Path, ".go")
}

type walker struct {
	*folder
	code *Code
	self string
	seen map[*source.Decl]bool
	refs map[symbolKey]bool
}

// visitOwn follows a declaration of the unit's own file, unless it belongs to
// another unit there.
func (w *walker) visitOwn(at declAt) {
	owner := at.decl.Name
	if at.decl.Kind == source.Method {
		owner = at.decl.Recv
	}
	if owner != w.self && w.own[owner] != nil {
		return
	}
	w.visit(at, nil)
}

func (w *walker) visit(at declAt, via []string) {
	d := at.decl
	if w.seen[d] {
		return
	}
	w.seen[d] = true
	if d.Name != w.self || len(via) > 0 {
		via = append(slices.Clone(via), d.Name)
	}
	for _, name := range d.Calls {
		if !slices.Contains(w.code.Calls, name) {
			w.code.Calls = append(w.code.Calls, name)
		}
	}
	for _, e := range d.Effects {
		if e.IfMap != "" && !w.isMap(e.IfMap) {
			continue
		}
		w.impure(e.What, at.file, e.Pos, via)
	}
	for _, write := range d.Writes {
		if w.mutable[write.Name].decl != nil && w.changes(write) {
			w.impure("package variable "+write.Name+", which it changes", at.file, write.Pos, via)
		}
	}
	for _, ref := range d.Refs {
		if ref.Pkg == "" {
			w.local(at, ref, via)
			continue
		}
		for _, pkg := range packagesOf(at.file, ref) {
			w.foreign(at.file, pkg, ref, via)
		}
	}
	if d.Kind == source.Type && !d.Alias {
		for _, m := range w.methods[d.Name] {
			w.visit(m, via)
		}
	}
}

// visitMethod follows a method, and of its receiver's type only the methods
// that it calls.
func (w *walker) visitMethod(at declAt) {
	for _, typ := range w.decls[at.decl.Recv] {
		w.seen[typ.decl] = true
	}
	w.visit(at, nil)
	for i := 0; i < len(w.code.Calls); i++ {
		for _, m := range w.methods[at.decl.Recv] {
			if m.decl.Name == w.code.Calls[i] {
				w.visit(m, nil)
			}
		}
	}
}

// local follows a name of the same package, or records it if it is a unit.
func (w *walker) local(at declAt, ref source.Ref, via []string) {
	if ref.Name != w.self && w.own[ref.Name] != nil {
		w.record(Ref{Pkg: w.PackageKey(), Name: ref.Name, File: at.file.Path, Pos: ref.Pos})
		return
	}
	found := w.decls[ref.Name]
	if len(found) == 0 {
		for _, imp := range at.file.Imports { // a dot import may provide it
			if imp.Name == "." {
				w.foreign(at.file, imp.Path, ref, via)
			}
		}
	}
	if m, ok := w.mutable[ref.Name]; ok && m.decl != nil {
		what := "package variable " + ref.Name
		if m.decl.Name != ref.Name {
			what += ", which " + m.decl.Name + " changes"
		}
		w.impure(what, at.file, ref.Pos, via)
	}
	for _, next := range found {
		w.visit(next, via)
	}
}

func (w *walker) foreign(file *source.File, pkg string, ref source.Ref, via []string) {
	if impure, known := source.Impure(pkg, ref.Name); known {
		if impure {
			w.impure(pkg+"."+ref.Name, file, ref.Pos, via)
		}
		return
	}
	w.record(Ref{Pkg: pkg, Name: ref.Name, File: file.Path, Pos: ref.Pos})
}

func (w *walker) record(ref Ref) {
	key := symbolKey{ref.Pkg, ref.Name}
	if !w.refs[key] {
		w.refs[key] = true
		w.code.Refs = append(w.code.Refs, ref)
	}
}

// impure records evidence, once per cause.
func (w *walker) impure(what string, file *source.File, at source.Pos, via []string) {
	for _, e := range w.code.Impure {
		if e.What == what {
			return
		}
	}
	w.code.Impure = append(w.code.Impure, Evidence{What: what, File: file.Path, Pos: at, Via: via})
}

// packagesOf resolves a reference's package. A qualifier that no import path
// explains belongs to the import that has it somewhere in its path; to none if
// it is a variable of another file.
func packagesOf(file *source.File, ref source.Ref) []string {
	q, unresolved := strings.CutPrefix(ref.Pkg, "?")
	if !unresolved {
		if ref.Pkg == "" {
			return nil
		}
		return []string{ref.Pkg}
	}
	squashed := func(s string) string {
		return strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(s))
	}
	for _, imp := range file.Imports {
		if imp.Name == "" && !source.IsStandard(imp.Path) && strings.Contains(squashed(imp.Path), squashed(q)) {
			return []string{imp.Path}
		}
	}
	return nil
}

// findMutable lists the package variables that a function changes or whose type
// exists to be changed.
func (f *folder) findMutable() {
	f.mutable = map[string]declAt{}
	for _, file := range f.sources {
		if file.Test {
			continue
		}
		for i := range file.Decls {
			at := declAt{file, &file.Decls[i]}
			for _, write := range at.decl.Writes {
				if _, known := f.mutable[write.Name]; !known && at.decl.Kind <= source.Method && f.changes(write) {
					f.mutable[write.Name] = at
				}
			}
			if at.decl.Kind == source.Var && (madeForChange(at.decl) || isHook(at.decl)) {
				f.mutable[at.decl.Name] = at
			}
		}
	}
}

// changes reports whether a write changes what a package variable of the folder
// holds.
func (f *folder) changes(w source.Write) bool {
	found := f.decls[w.Name]
	if len(found) == 0 || found[0].decl.Kind != source.Var {
		return false
	}
	typ := variableType(found[0].decl)
	switch {
	case w.Func != "":
		return slices.ContainsFunc(f.decls[w.Func], func(at declAt) bool {
			return at.decl.Kind == source.Func && slices.Contains(at.decl.ChangesParams, w.Arg)
		})
	case w.Method != "":
		recv, _, _ := strings.Cut(strings.TrimLeft(typ, "*"), "[")
		return slices.ContainsFunc(f.methods[recv], func(m declAt) bool {
			return m.decl.Name == w.Method && m.decl.ChangesReceiver && strings.HasPrefix(m.decl.Receiver, "*")
		})
	case w.Field:
		return strings.HasPrefix(typ, "*")
	case w.Alias: // a copied array is separate
		return !strings.HasPrefix(typ, "[") || strings.HasPrefix(typ, "[]")
	}
	return true
}

// variableType returns the written type of a package variable; "" if there is
// none.
func variableType(d *source.Decl) string {
	if len(d.Fields) == 0 {
		return ""
	}
	return d.Fields[0].Type
}

// isHook reports whether a variable is a function that other packages set.
func isHook(d *source.Decl) bool {
	return d.Unset && d.Exported() && strings.HasPrefix(variableType(d), "func(")
}

// madeForChange reports whether a variable is of a type that only serves to be
// changed: a lock, an atomic value, a pool, a buffer, a channel, a random
// generator. sync.OnceValue and similar compute a constant once.
func madeForChange(d *source.Decl) bool {
	text := strings.TrimLeft(variableType(d), "*[]")
	if strings.HasPrefix(text, "atomic.") || strings.HasPrefix(text, "sync.") || strings.HasPrefix(text, "chan ") || strings.HasPrefix(text, "<-chan ") {
		return true
	}
	return slices.ContainsFunc(d.Refs, func(r source.Ref) bool {
		switch r.Pkg {
		case "sync/atomic":
			return true
		case "sync":
			return slices.Contains([]string{"Map", "Mutex", "RWMutex", "Pool", "WaitGroup", "Cond", "Once"}, r.Name)
		case "bytes":
			return r.Name == "Buffer" || r.Name == "NewBuffer" || r.Name == "NewBufferString"
		case "strings":
			return r.Name == "Builder"
		case "container/list", "container/ring":
			return true
		case "math/rand", "math/rand/v2":
			return r.Name == "Rand" || r.Name == "New"
		}
		return false
	})
}

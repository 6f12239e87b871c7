package catalog

import (
	"strings"

	"fnregistry.dev/fn_registry/source"
)

// testsReach reports whether a test file's tests lead to a symbol of the
// folder's package, by the names that their code, and the code of the folder
// that it calls, refers to.
func (f *folder) testsReach(file *source.File, symbol string) bool {
	f.indexAll()
	name, _, _ := strings.Cut(symbol, ".") // for a method its receiver
	var queue []*source.Decl
	seen := map[*source.Decl]bool{}
	add := func(decls []*source.Decl) {
		for _, d := range decls {
			if !seen[d] {
				seen[d] = true
				queue = append(queue, d)
			}
		}
	}
	add(f.all["TestMain"]) // it may act as the program that a test starts
	for _, t := range file.Tests {
		add(f.all[t.Name])
	}
	for len(queue) > 0 {
		d := queue[0]
		queue = queue[1:]
		for _, ref := range d.Refs {
			if ref.Pkg != "" && ref.Pkg != f.ImportPath {
				continue
			}
			if ref.Name == name {
				return true
			}
			add(f.all[ref.Name])
			add(f.all["."+ref.Name]) // a type's methods
		}
	}
	return false
}

// indexAll indexes all declarations of the folder by name, including tests, and
// methods by "." and their receiver's type.
func (f *folder) indexAll() {
	if f.all != nil {
		return
	}
	f.all = map[string][]*source.Decl{}
	for _, file := range f.sources {
		for i := range file.Decls {
			d := &file.Decls[i]
			key := d.Name
			if d.Kind == source.Method {
				key = "." + d.Recv
			}
			f.all[key] = append(f.all[key], d)
		}
	}
}

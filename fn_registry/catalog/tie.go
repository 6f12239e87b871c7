package catalog

import (
	"go/token"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// tie finds the code of each spec of the folder and reads the facts that a spec
// is compared with.
func (f *folder) tie() {
	f.index()
	code := map[*Unit]declAt{}
	for _, u := range f.Units {
		if u.IsApp() {
			continue
		}
		if at, ok := f.find(u); ok {
			f.own[at.decl.Name], code[u] = u, at
		}
	}
	for _, u := range f.Units { // now that all symbols are known
		at, ok := code[u]
		if !ok {
			continue
		}
		u.Code = &Code{}
		f.fill(u.Code, at, u.File)
		if u.Unread && u.Spec.Kind == "" {
			u.Spec.Kind = spec.KindFunction
			if at.decl.Kind == source.Type {
				u.Spec.Kind = spec.KindType
			}
		}
	}
	f.listImports()
	if f.InUnits {
		f.listExports()
		f.listTypes()
	}
	f.listHelpers()
	if !f.InUnits || !f.hasUnits() {
		f.listNames()
	}
}

// index sorts the folder's declarations by name.
func (f *folder) index() {
	f.decls, f.methods, f.own = map[string][]declAt{}, map[string][]declAt{}, map[string]*Unit{}
	f.exported, f.byPath = map[string][]declAt{}, make(map[string]*source.File, len(f.sources))
	for _, file := range f.sources {
		f.byPath[file.Path] = file
		if file.Test {
			continue
		}
		if f.Package == "" && file.Package != "documentation" && !ignored(file) {
			f.Package = file.Package
		}
		for i := range file.Decls {
			at := declAt{file, &file.Decls[i]}
			name := at.decl.Name
			if at.decl.Kind == source.Method {
				f.methods[at.decl.Recv] = append(f.methods[at.decl.Recv], at)
				name = at.decl.Recv + name
			} else {
				f.decls[name] = append(f.decls[name], at)
			}
			if at.decl.Kind <= source.Type && at.decl.Exported() {
				name = Squash(name)
				f.exported[name] = append(f.exported[name], at)
			}
		}
	}
	f.findMutable()
}

// Squash maps a unit's name and its Go symbol to the same text: no underscores,
// lower case.
func Squash(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// find returns the declaration that a spec describes: the one that its
// signature names, else one in the Go file of the spec's own name, else any in
// the folder. Two symbols may differ only in case.
func (f *folder) find(u *Unit) (declAt, bool) {
	want := Squash(u.Spec.Name)
	if want == "" {
		want = Squash(strings.TrimSuffix(path.Base(u.File), ".md"))
	}
	beside := strings.TrimSuffix(u.File, ".md") + ".go"
	var found declAt
	best := 0
	for _, at := range f.exported[want] {
		if !describes(u.Spec.Kind, at.decl) {
			continue
		}
		fits := 1
		if at.file.Path == beside {
			fits += 1
		}
		if declares(u.Spec.Signature, at.decl) {
			fits += 2
		}
		if fits > best {
			found, best = at, fits
		}
	}
	return found, best > 0
}

// declares reports whether a signature has a declaration's name.
func declares(signature string, d *source.Decl) bool {
	if d.Kind == source.Method {
		_, rest, ok := strings.Cut(signature, ") ")
		return ok && strings.HasPrefix(rest, d.Name) && !wordAt(rest, len(d.Name))
	}
	_, rest, ok := strings.Cut(signature, " ") // after func or type
	return ok && strings.HasPrefix(rest, d.Name) && !wordAt(rest, len(d.Name))
}

// wordAt reports whether a word continues at i.
func wordAt(s string, i int) bool {
	r, _ := utf8.DecodeRuneInString(s[i:])
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_'
}

// describes reports whether a spec of a kind can describe a declaration. The
// kind is unknown if a spec can't be read.
func describes(kind spec.Kind, d *source.Decl) bool {
	if d.Kind == source.Type {
		return kind == spec.KindType || kind == ""
	}
	return kind != spec.KindType
}

// fill reads the facts of one declaration. specFile is "" for an exported
// function without a spec.
func (f *folder) fill(c *Code, at declAt, specFile string) {
	d := at.decl
	*c = Code{
		Kind: d.Kind, Symbol: d.Name, File: at.file.Path, Pos: d.Pos, Signature: d.Signature,
		Results: d.Results, NilNil: d.NilNil, Constraint: at.file.Constraint,
	}
	if d.Kind == source.Method {
		c.Symbol = d.Recv + "." + d.Name
	}
	for _, p := range d.Params {
		c.Params = append(c.Params, Param{Field: p, Config: f.configFields(p.Type)})
	}
	for _, field := range d.Fields {
		if d.Kind == source.Type && token.IsExported(field.Name) {
			c.Fields = append(c.Fields, field)
		}
	}
	for _, m := range f.methods[d.Name] {
		if d.Kind == source.Type && m.decl.Name == "Error" && strings.HasSuffix(m.decl.Signature, "Error() string") {
			c.IsError = true
		}
	}
	for _, imp := range at.file.Imports {
		if !source.IsStandard(imp.Path) {
			c.Imports = append(c.Imports, imp.Path)
		}
	}
	if specFile != "" {
		f.fillTests(c, strings.TrimSuffix(specFile, ".md")+"_test.go")
	}
	f.fillTags(c, at.file)
	f.fillRefs(c, at)
	// Imports that the unit's code reaches through other files of its package
	// cost a program as much as those of its own file.
	for _, ref := range c.Refs {
		c.Imports = append(c.Imports, ref.Pkg)
	}
	slices.Sort(c.Imports)
	own := f.PackageKey()
	c.Imports = slices.DeleteFunc(slices.Compact(c.Imports), func(pkg string) bool { return pkg == own })
}

// configFields lists the exported fields of a parameter's struct, if the folder
// declares it and it has no spec of its own.
// The fields of an embedded struct of the folder count as its own, as they do
// for a caller who sets them.
func (f *folder) configFields(typeText string) []source.Field {
	return f.exportedFields(typeText, map[string]bool{})
}

func (f *folder) exportedFields(typeText string, seen map[string]bool) []source.Field {
	name, _, _ := strings.Cut(strings.TrimPrefix(typeText, "*"), "[") // Config[T] is declared as Config
	if f.own[name] != nil || seen[name] {
		return nil
	}
	seen[name] = true
	for _, at := range f.decls[name] {
		if at.decl.Kind != source.Type || !at.decl.Struct {
			continue
		}
		var fields []source.Field
		for _, field := range at.decl.Fields {
			promoted := []source.Field(nil)
			if field.Embedded {
				promoted = f.exportedFields(field.Type, seen)
			}
			switch {
			case len(promoted) > 0:
				fields = append(fields, promoted...)
			case token.IsExported(field.Name):
				fields = append(fields, field)
			}
		}
		return fields
	}
	return nil
}

// fillTests lists the tests as a spec names them: for TestSymbol_Case the case,
// for a test with subtests their names, for any other what follows "Test"; a
// fuzz test keeps its whole name.
func (f *folder) fillTests(c *Code, testFile string) {
	file := f.byPath[testFile]
	if file == nil {
		return
	}
	c.TestFile = testFile
	c.Reached = f.testsReach(file, c.Symbol)
	skips := false
	add := func(name string, at source.Pos) {
		if !slices.ContainsFunc(c.Tests, func(t TestName) bool { return t.Name == name }) {
			c.Tests = append(c.Tests, TestName{Name: name, Pos: at, Skips: skips})
		}
	}
	for _, t := range file.Tests {
		skips = t.Skips
		if strings.HasPrefix(t.Name, "Fuzz") {
			add(t.Name, t.Pos)
			continue
		}
		rest, ok := strings.CutPrefix(t.Name, "Test")
		if !ok {
			continue
		}
		if name, ok := strings.CutPrefix(rest, c.Symbol+"_"); ok && name != "" {
			add(name, t.Pos)
			continue
		}
		for _, name := range t.Subtests {
			add(name, t.Pos)
		}
		if len(t.Subtests) == 0 {
			add(rest, t.Pos)
		}
	}
}

// fillTags combines the tags that the unit's file and its test need.
func (f *folder) fillTags(c *Code, file *source.File) {
	for _, s := range []*source.File{file, f.byPath[c.TestFile]} {
		if s == nil {
			continue
		}
		tags, err := source.Tags(s.Constraint)
		if err != nil {
			f.fault(
				Fault{Rule: "file-syntax", File: s.Path, Message: "build constraint does not parse: " + err.Error()},
			)
			continue
		}
		c.BuildTags = append(c.BuildTags, tags...)
	}
	slices.Sort(c.BuildTags)
	c.BuildTags = slices.Compact(c.BuildTags)
}

func (f *folder) listImports() {
	for _, file := range f.sources {
		for _, imp := range file.Imports {
			switch {
			case !source.IsStandard(imp.Path):
				f.Imports = append(
					f.Imports,
					FileImport{File: file.Path, Test: file.Test, Ignored: ignored(file), Path: imp.Path, Pos: imp.Pos},
				)
			case !file.Test && !ignored(file):
				f.Standard = append(f.Standard, imp.Path)
			}
		}
	}
	slices.Sort(f.Standard)
	f.Standard = slices.Clip(slices.Compact(f.Standard))
}

func (f *folder) listExports() {
	owes := f.Package != "main" && !slices.Contains(strings.Split(f.Path, "/"), "internal")
	for _, file := range f.sources {
		for i := range file.Decls {
			d := &file.Decls[i]
			if d.Kind == source.Func && !file.Test && d.Exported() && f.own[d.Name] == nil {
				e := &Export{Code: &Code{}, Owes: owes && !file.Generated && !ignored(file)}
				f.fill(e.Code, declAt{file, d}, "")
				f.Exports = append(f.Exports, e)
			}
		}
	}
}

// listHelpers lists the exported variables and methods, and outside of units
// folders the exported functions, that may involve something impure.
func (f *folder) listHelpers() {
	if f.Package == "main" {
		return
	}
	for _, file := range f.sources {
		for i := range file.Decls {
			d := &file.Decls[i]
			if file.Test || !d.Exported() {
				continue
			}
			var code Code
			w := walker{folder: f, code: &code, seen: map[*source.Decl]bool{}, refs: map[symbolKey]bool{}}
			h := &Helper{Symbol: d.Name}
			switch {
			case d.Kind == source.Method:
				h.Symbol = d.Recv + "." + d.Name
				w.visitMethod(declAt{file, d})
			case d.Kind == source.Var, d.Kind == source.Func && !f.InUnits && f.own[d.Name] == nil:
				w.local(declAt{file, d}, source.Ref{Name: d.Name, Pos: d.Pos}, nil)
			default:
				continue
			}
			if len(code.Impure) == 0 && len(code.Refs) == 0 {
				continue
			}
			for i := range code.Impure { // the caller knows the name itself
				code.Impure[i].Via = slices.DeleteFunc(
					code.Impure[i].Via,
					func(via string) bool { return via == d.Name },
				)
			}
			h.Refs, h.Impure = code.Refs, code.Impure[:min(1, len(code.Impure))]
			f.Helpers = append(f.Helpers, h)
		}
	}
}

// ignored reports whether no build includes the file: its constraint makes it a
// program of its own, for go run.
func ignored(file *source.File) bool { return file.Constraint == "ignore" }

// hasUnits reports whether the folder has specs other than a program's.
func (d *Dir) hasUnits() bool {
	return slices.ContainsFunc(d.Units, func(u *Unit) bool { return !u.IsApp() })
}

// listNames lists the names of other packages that the folder's code uses: what
// a program is composed of.
func (f *folder) listNames() {
	seen := map[symbolKey]bool{}
	for _, file := range f.sources {
		if file.Test {
			continue
		}
		for i := range file.Decls {
			for _, ref := range file.Decls[i].Refs {
				for _, pkg := range packagesOf(file, ref) {
					if key := (symbolKey{pkg, ref.Name}); !seen[key] && !source.IsStandard(pkg) {
						seen[key] = true
						f.Names = append(f.Names, Ref{Pkg: pkg, Name: ref.Name, File: file.Path, Pos: ref.Pos})
					}
				}
			}
		}
	}
}

// listTypes lists the exported types whose name stands for another type.
func (f *folder) listTypes() {
	for _, file := range f.sources {
		if file.Test || ignored(file) {
			continue
		}
		for i := range file.Decls {
			d := &file.Decls[i]
			if d.Kind == source.Type && d.Exported() && !strings.HasSuffix(d.Signature, " struct") && !strings.HasSuffix(d.Signature, " interface") {
				f.Types = append(f.Types, d.Signature)
			}
		}
	}
	slices.Sort(f.Types)
	f.Types = slices.Compact(f.Types)
}

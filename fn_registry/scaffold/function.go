package scaffold

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// function plans a function or a pipeline. Its body refuses every call, its
// test holds it to that, and its spec says so: a stub that cannot be mistaken
// for the finished thing. The test fails once the body is written, and its
// message asks for the real ones.
func (m *maker) function() (*Plan, error) {
	to, err := m.place()
	if err != nil {
		return nil, err
	}
	sh, err := m.funcShape(to, cmp.Or(m.draft.Signature, m.usualSignature()))
	if err != nil {
		return nil, err
	}
	name := to.at(m.draft.Name)
	if err := m.checkFree(name+".go", name+"_test.go", name+".md"); err != nil {
		return nil, err
	}
	if err := m.checkSymbols(to, append(sh.stubs, sh.symbol)); err != nil {
		return nil, err
	}
	refs, err := m.references(to)
	if err != nil {
		return nil, err
	}
	code, err := m.functionCode(to, sh, refs)
	if err != nil {
		return nil, err
	}
	file, err := source.Parse(name+".go", []byte(code))
	if err != nil {
		return nil, err
	}
	if err := m.checkPure(file); err != nil {
		return nil, err
	}
	test, err := m.functionTest(to, sh)
	if err != nil {
		return nil, err
	}
	s := m.functionSpec(to, sh, file)
	s.Tests = []string{"NotWritten"}
	plan := &Plan{ID: m.unitID(), Folder: to.dir, Files: []File{
		{Path: name + ".go", Text: code}, {Path: name + "_test.go", Text: test},
		{Path: name + ".md", Text: string(spec.Format(s, m.functionBody(to, sh)))},
	}}
	plan.Notes = append(plan.Notes, "write "+sh.symbol+" in "+name+".go; until then every call is refused, and the test holds it to that",
		"then its tests, and in "+name+".md the descriptions, the Example, When to use and Gotchas; take out the tag "+spec.TagStub)
	if sh.local {
		plan.Notes = append(plan.Notes, "uses_functions, uses_types and error_type of the spec are completed when it is written: the signature names a type of the package that has no spec")
	}
	for _, folder := range m.notRequired(to.dir, m.usedModules()) {
		plan.Notes = append(plan.Notes, "let "+path.Join(m.moduleDir(to.dir), "go.mod")+" require "+m.root.Modules[folder]+" with a replace: only the workspace lets it import "+folder)
	}
	return plan, nil
}

// usualSignature is the shape of a function of which nothing is known but its
// purity.
func (m *maker) usualSignature() string {
	if m.draft.Pure {
		return "func(input string) (string, error)"
	}
	return "func(ctx context.Context, input string) (string, error)"
}

// checkSymbols refuses names that the package has already, whatever they are.
func (m *maker) checkSymbols(to place, symbols []string) error {
	for _, s := range symbols {
		if m.packageSource(to.dir).names[s] {
			return exists("package "+to.pkg+" in "+to.dir+" declares "+s+" already", m.specAdvice(to, s)+", or choose another name")
		}
	}
	return nil
}

// specAdvice says how a declaration that is there gets its spec.
func (m *maker) specAdvice(to place, symbol string) string {
	src := m.packageSource(to.dir)
	under := func(base string) bool { return config.Under(to.dir, base) }
	switch {
	case src.types[symbol] != nil:
		return "write its spec with fn new --kind type without a signature"
	case !src.funcs[symbol]:
		return "it is no function, which alone has a spec"
	case slices.ContainsFunc(m.root.Config.Units, under):
		return "write its spec with fn init --specs"
	}
	return "write its spec with fn init --specs after adding " + to.dir + " to units in " + config.FileName
}

func (m *maker) functionCode(to place, sh *shape, refs *references) (string, error) {
	imports := importSet{}
	for qualifier, p := range sh.imports {
		imports[p] = qualifier
	}
	var body string
	if sh.failing() {
		body = m.refusal(sh, imports)
	} else {
		body = "\tpanic(" + quote(m.draft.Name+": not written yet") + ")\n"
	}
	uses := refs.text(imports)
	var b strings.Builder
	if to.fresh {
		fmt.Fprintf(&b, "// Package %s holds units of the domain %s.\n", to.pkg, m.draft.Domain)
	}
	b.WriteString("package " + to.pkg + "\n\n" + imports.text(m.packageNames()))
	if uses != "" {
		b.WriteString("\n// The units that " + sh.symbol + " composes. A line goes when the body calls its unit.\n" + uses)
	}
	for _, s := range sh.stubs {
		fmt.Fprintf(&b, "\n// %s belongs to [%s].\ntype %s struct{}\n", s, sh.symbol, s)
	}
	b.WriteString("\n" + m.doc(sh) + sh.funcText() + " {\n" + body + "}\n")
	return goFile(b.String())
}

// doc writes the doc comment: what it is to do, and that it does not do it yet.
func (m *maker) doc(sh *shape) string {
	how := "it returns [errors.ErrUnsupported]"
	if !sh.failing() {
		how = "it panics"
	}
	if m.draft.Description == "" {
		return comment(sh.symbol + " is not written yet: " + how + ", whatever it is given.")
	}
	return comment(sentence(sh.symbol, oneLine(m.draft.Description))) + "//\n" + comment("It is not written yet: "+how+", whatever it is given.")
}

// comment breaks a text into comment lines of at most 80 characters.
func comment(text string) string {
	var b strings.Builder
	line := "//"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 80 && line != "//" {
			b.WriteString(line + "\n")
			line = "//"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}

// refusal writes the body of a function that can return an error.
func (m *maker) refusal(sh *shape, imports importSet) string {
	var b strings.Builder
	var values []string
	results := sh.results()
	for i, r := range results[:len(results)-1] {
		value := zero(r.Type)
		if value == "" {
			value = fmt.Sprintf("zero%d", i+1)
			fmt.Fprintf(&b, "\tvar %s %s\n", value, exprText(r.Type))
		}
		values = append(values, value)
	}
	errorsName, fmtName := imports.add("errors", "errors"), imports.add("fmt", "fmt")
	values = append(values, fmtName+".Errorf("+quote(m.draft.Name+": not written yet: %w")+", "+errorsName+".ErrUnsupported)")
	return b.String() + "\treturn " + strings.Join(values, ", ") + "\n"
}

func (m *maker) functionTest(to place, sh *shape) (string, error) {
	imports := importSet{to.importPath: to.pkg, "testing": "testing"}
	need := func(q string) {
		if p := sh.imports[q]; p != "" {
			imports[p] = q
		}
	}
	call := sh.call(to.pkg, "t.Context()", need)
	message := sh.symbol + " is written by now: replace this test with real ones"
	var body string
	if sh.failing() {
		imports.add("errors", "errors")
		blanks := strings.Repeat("_, ", len(sh.results())-1)
		body = fmt.Sprintf("\t%serr := %s\n\tif !errors.Is(err, errors.ErrUnsupported) {\n\t\tt.Errorf(%s, err)\n\t}\n", blanks, call, quote("got %v; "+message))
	} else {
		body = fmt.Sprintf("\tdefer func() {\n\t\tif recover() == nil {\n\t\t\tt.Error(%s)\n\t\t}\n\t}()\n\t%s\n", quote(message), call)
	}
	names := m.packageNames()
	names[to.importPath] = to.pkg
	return goFile(fmt.Sprintf("package %s_test\n\n%s\nfunc Test%s_NotWritten(t *testing.T) {\n\tt.Parallel()\n%s}\n", to.pkg, imports.text(names), sh.symbol, body))
}

// functionBody writes the body of the spec.
func (m *maker) functionBody(to place, sh *shape) string {
	call := sh.call(to.pkg, "context.Background()", func(string) {})
	var results []string
	for i, r := range sh.results() {
		switch {
		case exprText(r.Type) == "error" && i == len(sh.results())-1:
			results = append(results, "err")
		case i == 0:
			results = append(results, "out")
		default:
			results = append(results, fmt.Sprintf("out%d", i+1))
		}
	}
	if len(results) > 0 {
		list := strings.Join(results, ", ")
		call = list + " := " + call + "\nfmt.Println(" + list + ")"
	}
	how := "every call returns an error that wraps errors.ErrUnsupported"
	if !sh.failing() {
		how = "every call panics"
	}
	return "# " + m.draft.Name + "\n\n## Example\n\n```go\n" + call + "\n```\n\n## When to use\n\nNot yet: " + how + ".\n\n## Gotchas\n\n- It is not written yet: " + how + ".\n"
}

package scaffold

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// typeUnit plans a type. Without a signature it is a small struct with a
// required field and a Validate method, which does what its test says and is
// meant to be edited. A type whose declaration is given comes without a test:
// there is no behaviour to hold it to.
func (m *maker) typeUnit() (*Plan, error) {
	to, err := m.place()
	if err != nil {
		return nil, err
	}
	if symbol := m.declaredType(to); symbol != "" && m.draft.Signature == "" {
		return m.typeSpec(to, symbol)
	}
	sh, text, err := m.typeShape(to)
	if err != nil {
		return nil, err
	}
	name := to.at(m.draft.Name)
	if err := m.checkFree(name+".go", name+"_test.go", name+".md"); err != nil {
		return nil, err
	}
	if err := m.checkSymbols(to, []string{sh.symbol}); err != nil {
		return nil, err
	}
	code, err := m.typeCode(to, sh, text)
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
	plan := &Plan{ID: m.unitID(), Folder: to.dir, Files: []File{{Path: name + ".go", Text: code}}}
	s := m.baseSpec(to, file)
	s.Signature = file.Decls[0].Signature
	s.Description = cmp.Or(oneLine(m.draft.Description), "The shape of a type that is to be written.")
	if text == "" {
		test, err := m.typeTest(to, sh)
		if err != nil {
			return nil, err
		}
		plan.Files = append(plan.Files, File{Path: name + "_test.go", Text: test})
		s.Output = "Name says what it is; required."
		s.Tests = []string{"Validate"}
	} else {
		s.Output = "A value of the type."
		s.Tested, s.TestFilePath = false, ""
		plan.Notes = append(plan.Notes, "it has no test: write "+name+"_test.go when the type has behaviour, and let the linter's -fix list its tests")
	}
	plan.Files = append(plan.Files, File{Path: name + ".md", Text: string(spec.Format(s, m.typeBody(to, sh, text)))})
	plan.Notes = append(plan.Notes, "edit the type in "+name+".go, and its description and sections in "+name+".md; take out the tag "+spec.TagStub)
	return plan, nil
}

// declaredType is the exported type of the package that has the draft's name,
// or "".
func (m *maker) declaredType(to place) string {
	for symbol := range m.packageSource(to.dir).types {
		if ast.IsExported(symbol) && catalog.Squash(symbol) == catalog.Squash(m.draft.Name) {
			return symbol
		}
	}
	return ""
}

// typeSpec plans the spec of a type that is there: fn init --specs writes none,
// as a type needs none until several units share it.
func (m *maker) typeSpec(to place, symbol string) (*Plan, error) {
	file, decl, err := m.typeFile(to, symbol)
	if err != nil {
		return nil, err
	}
	name := to.at(m.draft.Name) + ".md"
	if err := m.checkFree(name); err != nil {
		return nil, err
	}
	s := m.baseSpec(to, file)
	s.Signature, s.Purity, s.Tested, s.TestFilePath = decl.Signature, spec.PurityPure, false, ""
	src := m.packageSource(to.dir)
	s.Description = cmp.Or(oneLine(m.draft.Description), synopsis(symbol, src.comments[symbol]), "Not written yet: say what the type is.")
	s.Output = "Not yet: say what a value of the type is."
	sh := &shape{symbol: symbol, imports: map[string]string{}, args: map[string]string{}, spec: src.types[symbol]}
	if err := m.instantiate(sh, to, sh.spec.TypeParams); err != nil {
		return nil, err
	}
	plan := &Plan{ID: m.unitID(), Folder: to.dir, Files: []File{{Path: name, Text: string(spec.Format(s, "# "+m.draft.Name+
		"\n\n## Example\n\n```go\n"+typeUse(to, sh)+"\n```\n\n## When to use\n\nNot yet: say when to take the type.\n\n"+
		"## Gotchas\n\n- It is not written yet: list what would bite a user of the type.\n"))}}}
	plan.Notes = append(plan.Notes, symbol+" is in "+file.Path+" already, so only its spec is new: edit its description, output and sections in "+name+
		"; take out the tag "+spec.TagStub)
	return plan, nil
}

// typeFile finds the file of a package that declares a type.
func (m *maker) typeFile(to place, symbol string) (*source.File, *source.Decl, error) {
	entries, err := os.ReadDir(m.root.Path(to.dir))
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") || e.IsDir() {
			continue
		}
		text, err := os.ReadFile(m.root.Path(to.at(e.Name())))
		if err != nil {
			return nil, nil, err
		}
		file, err := source.Parse(to.at(e.Name()), text)
		if err != nil {
			continue // the linter reports it
		}
		for i := range file.Decls {
			if file.Decls[i].Kind == source.Type && file.Decls[i].Name == symbol {
				return file, &file.Decls[i], nil
			}
		}
	}
	return nil, nil, wrong("the type "+symbol+" is in no file that parses", "frontmatter-lint names what is wrong with the files in "+to.dir)
}

// typeShape reads the declaration. The text is empty where the usual struct is
// meant.
func (m *maker) typeShape(to place) (*shape, string, error) {
	sh := &shape{symbol: m.symbol(m.draft.Name), imports: map[string]string{}, args: map[string]string{}}
	text := strings.TrimSpace(m.draft.Signature)
	if text == "" {
		return sh, "", nil
	}
	hint := "write it as in Go: type " + sh.symbol + " int"
	if fields := strings.Fields(text); fields[0] == "type" && fields[len(fields)-1] == "interface" {
		return nil, "", wrong("the interface has no methods", "write them: type "+sh.symbol+" interface { Do(ctx context.Context) error }")
	} else if fields[0] == "type" && fields[len(fields)-1] == "struct" {
		text += "{}"
	}
	f, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+text+"\n", parser.SkipObjectResolution)
	if err != nil {
		return nil, "", wrong("the signature "+quote(text)+" does not parse: "+parseMessage(err), hint)
	}
	decl, ok := onlyDecl(f).(*ast.GenDecl)
	if !ok || decl.Tok != token.TYPE || len(decl.Specs) != 1 {
		return nil, "", wrong("the signature "+quote(text)+" is no type's", hint)
	}
	sh.spec = decl.Specs[0].(*ast.TypeSpec)
	if catalog.Squash(sh.spec.Name.Name) != catalog.Squash(m.draft.Name) || !sh.spec.Name.IsExported() {
		return nil, "", wrong("the signature is of "+sh.spec.Name.Name+", the name is "+m.draft.Name, "name and symbol are equal without underscores and case: "+sh.symbol)
	}
	sh.symbol = sh.spec.Name.Name
	if st, ok := sh.spec.Type.(*ast.StructType); ok && len(st.Fields.List) == 0 && sh.spec.TypeParams == nil {
		return sh, "", nil
	}
	if err := m.instantiate(sh, to, sh.spec.TypeParams); err != nil {
		return nil, "", err
	}
	return sh, text, m.resolveTypes(sh, to, sh.spec.Type)
}

func (m *maker) typeCode(to place, sh *shape, text string) (string, error) {
	imports := importSet{}
	for qualifier, p := range sh.imports {
		imports[p] = qualifier
	}
	validate := ""
	if text == "" {
		imports.add("errors", "errors")
		text = fmt.Sprintf("type %s struct {\n\tName string // what it is; required\n}\n", sh.symbol)
		validate = fmt.Sprintf("\n// Validate says what is wrong with the value, or nothing.\nfunc (v %s) Validate() error {\n\tif v.Name == \"\" {\n\t\treturn errors.New(%s)\n\t}\n\treturn nil\n}\n",
			sh.symbol, quote(m.draft.Name+": Name is empty"))
	}
	var b strings.Builder
	if to.fresh {
		fmt.Fprintf(&b, "// Package %s holds units of the domain %s.\n", to.pkg, m.draft.Domain)
	}
	doc := sh.symbol + " is the shape of a type that is to be written."
	if m.draft.Description != "" {
		doc = sentence(sh.symbol, oneLine(m.draft.Description))
	}
	b.WriteString("package " + to.pkg + "\n\n" + imports.text(m.packageNames()) + "\n" + comment(doc) + text + "\n" + validate)
	return goFile(b.String())
}

func (m *maker) typeTest(to place, sh *shape) (string, error) {
	imports := importSet{to.importPath: to.pkg, "testing": "testing"}
	names := m.packageNames()
	names[to.importPath] = to.pkg
	return goFile(fmt.Sprintf(`package %[1]s_test

%[3]s
func Test%[2]s_Validate(t *testing.T) {
	t.Parallel()
	if err := (%[1]s.%[2]s{}).Validate(); err == nil {
		t.Error("a value without a name is valid")
	}
	if err := (%[1]s.%[2]s{Name: "a"}).Validate(); err != nil {
		t.Error(err)
	}
}
`, to.pkg, sh.symbol, imports.text(names)))
}

func (m *maker) typeBody(to place, sh *shape, text string) string {
	name := to.pkg + "." + sh.symbol
	use := "v := " + name + "{Name: \"a\"}\nfmt.Println(v.Validate())"
	if text != "" {
		use = typeUse(to, sh)
	}
	return "# " + m.draft.Name + "\n\n## Example\n\n```go\n" + use + "\n```\n\n## When to use\n\nNot yet: it is a shape to be edited.\n\n## Gotchas\n\n- Nothing uses it yet, and its fields will change.\n"
}

// typeUse is a use of a type of which nothing is known but its declaration.
func typeUse(to place, sh *shape) string {
	name := to.pkg + "." + sh.symbol
	var args []string
	for _, f := range single(sh.spec.TypeParams) {
		args = append(args, sh.args[f.Names[0].Name])
	}
	if len(args) > 0 {
		name += "[" + strings.Join(args, ", ") + "]"
	}
	return "var v " + name + "\nfmt.Println(v)"
}

package scaffold

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// typeUnit plans a type. Without a signature it is a small struct with a required field and a Validate method, which
// does what its test says and is there to be edited. A type whose declaration is given comes without a test: there is
// no behaviour to hold it to.
func (m *maker) typeUnit() (*Plan, error) {
	to, err := m.place()
	if err != nil {
		return nil, err
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
	plan.Notes = append(plan.Notes, "edit the type in "+name+".go, and its description and sections in "+name+".md; take out the tag "+spec.StubTag)
	return plan, nil
}

// typeShape reads the declaration. The text is empty where the usual struct is meant.
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
		var args []string
		for _, f := range single(sh.spec.TypeParams) {
			args = append(args, sh.args[f.Names[0].Name])
		}
		if len(args) > 0 {
			name += "[" + strings.Join(args, ", ") + "]"
		}
		use = "var v " + name + "\nfmt.Println(v)"
	}
	return "# " + m.draft.Name + "\n\n## Example\n\n```go\n" + use + "\n```\n\n## When to use\n\nNot yet: it is a shape to be edited.\n\n## Gotchas\n\n- Nothing uses it yet, and its fields will change.\n"
}

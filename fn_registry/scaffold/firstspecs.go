package scaffold

import (
	"context"
	"go/doc"
	"go/format"
	"go/printer"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// FirstSpecs plans a spec for each exported function of the units folders that
// has none: what the code shows, the description from the doc comment, the
// fields of a config struct from theirs, and the Example from a testable one.
// What only a person can know stays empty, and the linter's findings say where.
// The purity is pure where the code shows nothing that is not.
//
// The plan's notes name the functions that are left out. When the plan is
// written, [Complete] fills in what only the catalogue of all specs can tell.
func FirstSpecs(c *catalog.Catalog) *Plan {
	m := newMaker(c, Draft{})
	p := &Plan{}
	taken, seen := map[string]bool{}, map[symbolKey]bool{} // IDs and files of specs; functions
	for _, u := range c.Units {
		taken[u.ID] = true
	}
	for _, d := range c.Dirs {
		if d.Root != 0 {
			continue
		}
		for _, e := range d.Exports {
			key := symbolKey{d.Path, e.Code.Symbol}
			if e.Owes && !seen[key] { // one that has a variant for each platform stands there again
				seen[key] = true
				m.firstSpec(p, d, e, taken)
			}
		}
	}
	return p
}

func (m *maker) firstSpec(p *Plan, d *catalog.Dir, e *catalog.Export, taken map[string]bool) {
	leftOut := func(why string) {
		p.Notes = append(p.Notes, "left out: "+e.Code.Symbol+" in "+e.Code.File+": "+why)
	}
	s := m.specOf(d, e)
	if s.Name == "" {
		leftOut("its name can't be written in snake_case")
		return
	}
	for _, domain := range m.domainsOf(d) {
		if s.Domain = domain; !taken[s.ID()] {
			break
		}
	}
	file := path.Join(d.Path, s.Name+".md")
	switch {
	case taken[s.ID()]:
		leftOut("another function has the ID " + s.ID() + "; rename one, or write its spec with another domain")
	case taken[file]:
		leftOut("another function's spec will be " + file + "; rename one")
	case m.exists(file):
		leftOut("the file " + file + " exists, and is no spec of it")
	default:
		taken[s.ID()], taken[file] = true, true
		p.Files = append(p.Files, File{Path: file, Text: string(spec.Format(s, m.firstBody(d, e, s.Name)))})
	}
}

func (m *maker) specOf(d *catalog.Dir, e *catalog.Export) *spec.Spec {
	src := m.packageSource(d.Path)
	code := e.Code
	s := &spec.Spec{
		Name: SnakeCase(code.Symbol), Kind: spec.KindFunction, Lang: spec.LangGo, Version: "0.1.0", Purity: spec.PurityImpure,
		Signature: code.Signature, Description: synopsis(code.Symbol, src.comments[code.Symbol]), BuildTags: code.BuildTags, FilePath: code.File,
	}
	if m.c.PureExport(d, e) {
		s.Purity = spec.PurityPure
	}
	for _, imp := range code.Imports {
		if !m.c.Local(imp) {
			s.Imports = append(s.Imports, imp)
		}
	}
	for _, param := range code.Params {
		if param.Name == "" || param.Name == "_" || param.Embedded {
			continue // the linter knows it by no name
		}
		fields := src.fields(strings.TrimPrefix(param.Type, "*"))
		for _, f := range param.Config {
			desc := ""
			if i := slices.IndexFunc(fields, func(c field) bool { return c.name == f.Name }); i >= 0 {
				desc = fields[i].comment
			}
			s.Params = append(s.Params, spec.Param{Name: param.Name + "." + f.Name, Desc: desc})
		}
		if len(param.Config) == 0 {
			s.Params = append(s.Params, spec.Param{Name: param.Name, Desc: contextDesc(param.Field)})
		}
	}
	return s
}

func contextDesc(f source.Field) string {
	if f.Type == "context.Context" {
		return "Context of the call."
	}
	return ""
}

// synopsis is the first sentence of a doc comment, without the name that it
// begins with.
func synopsis(symbol, comment string) string {
	text := new(doc.Package).Synopsis(comment)
	rest, ok := strings.CutPrefix(text, symbol+" ")
	if !ok || rest == "" {
		return text
	}
	first, size := utf8.DecodeRuneInString(rest)
	return string(unicode.ToUpper(first)) + rest[size:]
}

// layout are the folders that say nothing of what is in them.
var layout = words("go internal lib libs pkg pkgs src")

// domainsOf lists the domains that a folder's units may have: the folder right
// under the units folder, those that say nothing passed over, then, for a name
// that is taken there, the package's name and the folders above it.
func (m *maker) domainsOf(d *catalog.Dir) []string {
	rest := d.Path
	for _, base := range m.root.Config.Units {
		if base != "." && config.Under(d.Path, base) {
			rest = strings.TrimPrefix(strings.TrimPrefix(d.Path, base), "/")
		}
	}
	var domains []string
	add := func(name string) {
		if name = packageName(name, d.ImportPath); !layout[name] && !slices.Contains(domains, name) {
			domains = append(domains, name)
		}
	}
	for part := range strings.SplitSeq(rest, "/") {
		if part != "" && part != "." && len(domains) == 0 {
			add(part)
		}
	}
	add(d.Package)
	above := strings.Split(d.Path, "/")
	slices.Reverse(above)
	for _, part := range above {
		if part != "." {
			add(part)
		}
	}
	if len(domains) == 0 { // a package called lib, say
		domains = []string{packageName(d.Package, d.ImportPath)}
	}
	return domains
}

func (m *maker) firstBody(d *catalog.Dir, e *catalog.Export, name string) string {
	body := "# " + name + "\n\n## Example\n"
	if code := m.packageSource(d.Path).examples[e.Code.Symbol].text(); code != "" {
		body += "\n```go\n" + code + "\n```\n"
	}
	return body + "\n## When to use\n\n## Gotchas\n"
}

// text is the code of a testable example as it stands outside of a function;
// empty where it only compiles inside the package.
func (x example) text() string {
	if x.file == nil || !strings.HasSuffix(x.file.Name.Name, "_test") {
		return ""
	}
	var b strings.Builder
	if err := format.Node(&b, x.fset, &printer.CommentedNode{Node: x.body, Comments: x.file.Comments}); err != nil {
		return ""
	}
	var lines []string
	for line := range strings.Lines(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(b.String()), "{"), "}")) {
		lines = append(lines, strings.TrimPrefix(strings.TrimRight(line, "\n"), "\t"))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// Complete fills the derived keys of a plan's specs, which are on disk and in
// the catalogue by now, and reads their new text into the plan. It returns the
// findings in the plan's files that are left for a person.
func Complete(ctx context.Context, c *catalog.Catalog, p *Plan) ([]check.Finding, error) {
	files := map[string]bool{}
	for _, f := range p.Files {
		files[f.Path] = true
	}
	found, err := check.Run(ctx, c, check.Options{Only: files})
	if err != nil {
		return nil, err
	}
	var mendable, left []check.Finding
	for _, f := range found {
		switch {
		case f.Root != 0 || !files[f.File]:
		case f.Fix != nil:
			mendable = append(mendable, f)
		default:
			left = append(left, f)
		}
	}
	changes, err := check.Fixed(c, mendable)
	if err != nil {
		return nil, err
	}
	for _, ch := range changes {
		i := slices.IndexFunc(p.Files, func(f File) bool { return f.Path == ch.File })
		p.Files[i].Text = string(ch.After)
	}
	return left, check.Write(c, changes)
}

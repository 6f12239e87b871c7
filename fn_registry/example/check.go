package example

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/scanner"
	"go/token"
	"go/types"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"sync"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/source"
)

// check parses the batch's snippets, loads what they import, and type-checks
// them.
func (b *batch) check(ctx context.Context, std standard) ([]check.Finding, error) {
	names, err := standardPackages()
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	var found []check.Finding
	var files []*file
	wanted := map[string]bool{"context": true}
	for _, s := range b.snippets {
		f, err := b.complete(fset, s, names)
		if err != nil {
			line, column, message := 1, 1, err.Error()
			var list scanner.ErrorList
			if errors.As(err, &list) {
				line, column, message = list[0].Pos.Line, list[0].Pos.Column, list[0].Msg
				if line == 1 {
					column = max(column-f.head, 1)
				}
			}
			found = append(found, finding(s.unit, s.line+line-1, column, "the example does not parse: %s", message))
			continue
		}
		files = append(files, f)
		for _, imp := range f.tree.Imports {
			if p, err := strconv.Unquote(imp.Path.Value); err == nil {
				wanted[p] = true
			}
		}
	}
	imports, err := b.load(ctx, wanted, std)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		out, runs := f.output()
		problems := f.typeCheck(fset, imports, runs)
		if runs && len(problems) == 0 {
			message, err := b.compare(ctx, f, out)
			if err != nil {
				return nil, err
			}
			if message != "" {
				line, column := f.place(fset, out.pos)
				problems = append(problems, finding(f.unit, line, column, "%s", message))
			}
		}
		found = append(found, problems...)
	}
	return found, nil
}

// complete parses a snippet and adds missing imports.
func (b *batch) complete(fset *token.FileSet, s snippet, names map[string]string) (*file, error) {
	f, err := s.parse(fset, nil)
	if err != nil || isFile(s.text) {
		return f, err
	}
	var imports []string
	for _, name := range f.qualifiers() {
		if p := b.importFor(s.unit, name, names); p != "" {
			imports = append(imports, name+" "+strconv.Quote(p))
		}
	}
	return s.parse(fset, imports)
}

// importFor guesses which package a name refers to in a unit's example.
func (b *batch) importFor(u *catalog.Unit, name string, names map[string]string) string {
	if u.Dir.Package == name {
		return u.Dir.ImportPath
	}
	for _, p := range u.Code.Imports {
		if d := b.catalog.Package(p); d != nil && d.Package == name || d == nil && source.GuessPackageName(p) == name {
			return p
		}
	}
	if p := names[name]; p != "" {
		return p
	}
	for _, d := range b.catalog.Dirs {
		if d.Package == name && d.InUnits {
			return d.ImportPath
		}
	}
	return ""
}

// typeCheck reports compile errors. Unused variables and imports, which are
// soft errors, count in an example that is run.
func (f *file) typeCheck(fset *token.FileSet, imports types.Importer, runs bool) []check.Finding {
	var found []check.Finding
	cfg := types.Config{Importer: imports, Error: func(err error) {
		var e types.Error
		if errors.As(err, &e) && (!e.Soft || runs) && !strings.HasPrefix(e.Msg, "\t") && len(found) < 3 { // a leading tab continues the previous message
			line, column := f.place(fset, e.Pos)
			found = append(found, finding(f.unit, line, column, "the example does not compile: %s", strings.Join(strings.Fields(e.Msg), " ")))
		}
	}}
	cfg.Check("example", fset, []*ast.File{f.tree}, nil)
	return found
}

// standardPackages maps the names of the standard library's packages to their
// paths. If several have the same name, the shortest path wins, with exceptions
// for the packages most often meant.
var standardPackages = sync.OnceValues(func() (map[string]string, error) {
	out, err := exec.Command("go", "list", "std").Output()
	if err != nil {
		return nil, fmt.Errorf("go list std: %w", err)
	}
	byName := map[string]string{}
	for p := range strings.FieldsSeq(string(out)) {
		if strings.Contains(p, "internal/") || strings.HasPrefix(p, "vendor/") || strings.HasPrefix(p, "internal") {
			continue
		}
		name := path.Base(p)
		if name == "v2" {
			name = path.Base(path.Dir(p))
		}
		if old := byName[name]; old == "" || len(p) < len(old) {
			byName[name] = p
		}
	}
	byName["rand"], byName["template"], byName["json"] = "math/rand/v2", "text/template", "encoding/json"
	return byName, nil
})

package example

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/fn_registry/source"
)

// file is a snippet turned into a whole Go file. Added text is on the snippet's
// first line, or after its last, so that line numbers are unchanged.
type file struct {
	snippet
	tree    *ast.File
	src     string
	head    int  // bytes added before the first line
	wrapped bool // statements, in the inner block of an added function
}

// wrapper is the name of the function that wraps statements.
const wrapper = "fnExample"

// parse finds the form in which the snippet is valid Go: a file, declarations,
// or the body of a function.
func (s snippet) parse(fset *token.FileSet, imports []string) (*file, error) {
	if isFile(s.text) {
		f := &file{snippet: s, src: s.text}
		return f, f.read(fset)
	}
	head := "package main;"
	for _, spec := range imports {
		head += fmt.Sprintf("import %s;", spec)
	}
	f := &file{snippet: s, src: head + s.text, head: len(head)}
	if f.read(fset) == nil {
		return f, nil
	}
	if !slices.ContainsFunc(imports, func(spec string) bool { return strings.HasSuffix(spec, `"context"`) }) {
		head += `import "context";`
	}
	// The inner braces let the snippet declare a ctx of its own.
	head += "func " + wrapper + "(ctx context.Context)"
	end := "\n}}"
	if returnsValue(s.text) {
		head, end = head+" error", "\n}; return nil}"
	}
	head += " {{"
	f = &file{snippet: s, src: head + s.text + end, head: len(head), wrapped: true}
	return f, f.read(fset)
}

func (f *file) read(fset *token.FileSet) (err error) {
	f.tree, err = parser.ParseFile(fset, f.unit.File, f.src, parser.ParseComments)
	return err
}

func isFile(text string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "//") {
			return strings.HasPrefix(line, "package ")
		}
	}
	return false
}

// returnsValue reports whether the statements themselves return a value, that
// is an error.
func returnsValue(text string) bool {
	tree, err := parser.ParseFile(token.NewFileSet(), "", "package p;func _() {"+text+"\n}", 0)
	if err != nil {
		return false
	}
	found := false
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			found = found || len(n.Results) == 1
		}
		return true
	})
	return found
}

// qualifiers lists the names before a dot that nothing in the file declares:
// packages that still have to be imported.
func (f *file) qualifiers() []string {
	unresolved := map[*ast.Ident]bool{}
	for _, id := range f.tree.Unresolved {
		unresolved[id] = true
	}
	imported := map[string]bool{}
	for _, imp := range f.tree.Imports {
		if imp.Name != nil {
			imported[imp.Name.Name] = true
		} else if p, err := strconv.Unquote(imp.Path.Value); err == nil {
			imported[source.GuessPackageName(p)] = true
		}
	}
	var names []string
	ast.Inspect(f.tree, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && unresolved[x] && !imported[x.Name] {
				names = append(names, x.Name)
			}
		}
		return true
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// place maps a position in the file to one in the spec.
func (f *file) place(fset *token.FileSet, pos token.Pos) (line, column int) {
	at := fset.PositionFor(pos, false)
	if at.Line == 1 {
		at.Column -= f.head
	}
	return f.line + at.Line - 1, at.Column
}

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

// file is a snippet made into a whole Go file. All that is added stands on the snippet's first line, or behind its
// last, so that lines stay what they are.
type file struct {
	snippet
	tree *ast.File
	head int // bytes added before the first line
}

// parse finds the form in which the snippet is Go: a file, declarations, or the body of a function.
func (s snippet) parse(fset *token.FileSet, imports []string) (*file, error) {
	if isFile(s.text) {
		tree, err := parser.ParseFile(fset, s.unit.File, s.text, 0)
		return &file{snippet: s, tree: tree}, err
	}
	head := "package example;"
	for _, path := range imports {
		head += fmt.Sprintf("import %s;", path)
	}
	if tree, err := parser.ParseFile(fset, s.unit.File, head+s.text, 0); err == nil {
		return &file{snippet: s, tree: tree, head: len(head)}, nil
	}
	// The inner braces let the snippet declare a ctx of its own.
	body, end := head+"func _(ctx context.Context) {{", "\n}}"
	if returnsValue(s.text) {
		body, end = head+"func _(ctx context.Context) error {{", "\n}; return nil}"
	}
	tree, err := parser.ParseFile(fset, s.unit.File, body+s.text+end, 0)
	return &file{snippet: s, tree: tree, head: len(body)}, err
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

// returnsValue reports whether the statements return something themselves: an error, then.
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

// qualifiers lists the names before a dot that nothing in the file declares: packages that are still to be imported.
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

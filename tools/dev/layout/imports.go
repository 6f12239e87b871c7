package main

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// own is the prefix of the import paths of this repository's modules.
const own = "fnregistry.dev/"

// regroup returns the edit that groups the imports of a file, and false if they
// are grouped. A declaration with a comment on a line of its own is left alone,
// since it is unclear which neighbour the comment belongs to.
func regroup(fset *token.FileSet, file *ast.File, lines []string) (edit, bool) {
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.IMPORT || !decl.Lparen.IsValid() {
			continue
		}
		first, last := fset.Position(decl.Lparen).Line, fset.Position(decl.Rparen).Line-1
		if slices.ContainsFunc(lines[first:last], func(l string) bool { return strings.HasPrefix(strings.TrimSpace(l), "/") }) {
			continue
		}
		if !lineEach(fset, decl) {
			continue
		}
		groups := map[int][]*ast.ImportSpec{}
		for _, s := range decl.Specs {
			spec := s.(*ast.ImportSpec)
			g := groupOf(path(spec))
			groups[g] = append(groups[g], spec)
		}
		var want []string
		for g := range 3 {
			specs := groups[g]
			slices.SortStableFunc(specs, func(a, b *ast.ImportSpec) int { return strings.Compare(path(a), path(b)) })
			if len(specs) > 0 && len(want) > 0 {
				want = append(want, "")
			}
			for _, s := range specs {
				want = append(want, lines[fset.Position(s.Pos()).Line-1])
			}
		}
		if !slices.Equal(want, lines[first:last]) {
			return edit{first, last, want}, true
		}
	}
	return edit{}, false
}

// lineEach reports whether each import has a line of its own, with its comment.
// Others can't be moved by line.
func lineEach(fset *token.FileSet, decl *ast.GenDecl) bool {
	last := fset.Position(decl.Lparen).Line
	for _, d := range decl.Specs {
		s := d.(*ast.ImportSpec)
		first, end := fset.Position(s.Pos()).Line, fset.Position(s.End()).Line
		if s.Comment != nil {
			end = fset.Position(s.Comment.End()).Line
		}
		if first <= last || end != first {
			return false
		}
		last = first
	}
	return fset.Position(decl.Rparen).Line > last
}

func path(s *ast.ImportSpec) string {
	p, _ := strconv.Unquote(s.Path.Value) // the parser has checked it
	return p
}

// groupOf is 0 for the standard library, 1 for third parties, 2 for own
// packages.
func groupOf(path string) int {
	first, _, _ := strings.Cut(path, "/")
	switch {
	case strings.HasPrefix(path, own):
		return 2
	case strings.Contains(first, "."):
		return 1
	default:
		return 0
	}
}

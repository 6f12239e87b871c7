package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"unicode/utf8"
)

// finding is a place that -fix would change.
type finding struct {
	line int
	text string
}

// result is what check found in a file. Lines is the number of code lines, long
// the number of those beyond codeWidth; fixed is the file without the findings.
type result struct {
	lines, long int
	findings    []finding
	fixed       []byte
}

func check(name string, text []byte) (result, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return result{}, err
	}
	if ast.IsGenerated(file) {
		return result{}, nil
	}
	lines := strings.Split(string(text), "\n")
	var r result
	comment := map[int]bool{} // lines that contain only comments
	var edits []edit
	preamble := cgoPreamble(file)
	for _, group := range file.Comments {
		first, last := fset.Position(group.Pos()).Line, fset.Position(group.End()).Line
		own := true
		for _, c := range group.List { // not by how the line begins: it may be the end of a raw string
			at := fset.Position(c.Pos())
			own = own && strings.HasPrefix(c.Text, "//") && strings.TrimSpace(lines[at.Line-1][:at.Column-1]) == ""
		}
		if !own || group == preamble || strings.Contains(string(text), "\r") {
			continue
		}
		for n := first; n <= last; n++ {
			comment[n] = true
		}
		edits = append(edits, rewrap(lines, first-1, last)...)
	}
	for i, line := range lines {
		if comment[i+1] {
			continue
		}
		r.lines++
		if columns(line) > codeWidth {
			r.long++
		}
	}
	for _, e := range edits {
		r.findings = append(r.findings, finding{e.first + 1, "a comment is wider than 80 columns"})
	}
	if e, ok := regroup(fset, file, lines); ok {
		edits = append([]edit{e}, edits...)
		r.findings = append(
			r.findings,
			finding{e.first + 1, "imports are in groups: standard library, third party, own"},
		)
	}
	r.fixed = []byte(strings.Join(apply(lines, edits), "\n"))
	return r, nil
}

// cgoPreamble returns the comment above import "C", which is code in C; nil if
// there is none.
func cgoPreamble(file *ast.File) *ast.CommentGroup {
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.IMPORT {
			continue
		}
		for _, s := range decl.Specs {
			if spec := s.(*ast.ImportSpec); spec.Path.Value == `"C"` {
				if spec.Doc != nil {
					return spec.Doc
				}
				return decl.Doc
			}
		}
	}
	return nil
}

// edit replaces the lines from first up to but not including last.
type edit struct {
	first, last int
	lines       []string
}

// apply applies edits that don't overlap, in any order.
func apply(lines []string, edits []edit) []string {
	at := map[int]edit{}
	for _, e := range edits {
		at[e.first] = e
	}
	var out []string
	for i := 0; i < len(lines); i++ {
		e, ok := at[i]
		if !ok {
			out = append(out, lines[i])
			continue
		}
		out = append(out, e.lines...)
		i = e.last - 1
	}
	return out
}

// columns returns the width of a line; a tab extends to the next multiple of
// tabWidth.
func columns(line string) int {
	n := 0
	for len(line) > 0 {
		c, size := utf8.DecodeRuneInString(line)
		line = line[size:]
		if c == '\t' {
			n += tabWidth - n%tabWidth
		} else {
			n++
		}
	}
	return n
}

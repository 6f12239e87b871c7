package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// mutant is one change of one file.
type mutant struct {
	pkg        *pkg
	file       string
	line       int
	start, end int // offsets in the file
	text       string
	what       string // "< to <="
}

func (m mutant) String() string { return fmt.Sprintf("%s:%d: %s", m.file, m.line, m.what) }

// apply returns the file with the change applied.
func (m mutant) apply() ([]byte, error) {
	src, err := os.ReadFile(m.file)
	if err != nil {
		return nil, err
	}
	return append(append(append([]byte{}, src[:m.start]...), m.text...), src[m.end:]...), nil
}

// swaps are operators and their replacements.
var swaps = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR, token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.LAND: token.LOR, token.LOR: token.LAND, token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL,
	token.INC: token.DEC, token.DEC: token.INC, token.BREAK: token.CONTINUE, token.CONTINUE: token.BREAK,
}

// mutantsOf lists all mutants of a package, in the order of its files.
func mutantsOf(p *pkg) ([]mutant, error) {
	var all []mutant
	for _, name := range p.GoFiles {
		c := collector{pkg: p, file: filepath.Join(p.Dir, name), set: token.NewFileSet()}
		var err error
		if c.src, err = os.ReadFile(c.file); err != nil {
			return nil, err
		}
		tree, err := parser.ParseFile(c.set, c.file, c.src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		if !ast.IsGenerated(tree) {
			ast.Inspect(tree, c.visit)
			all = append(all, c.found...)
		}
	}
	return all, nil
}

type collector struct {
	pkg   *pkg
	file  string
	src   []byte
	set   *token.FileSet
	rooms []ast.Expr // capacity arguments: see room
	found []mutant
}

func (c *collector) add(from, to token.Pos, text, what string) {
	at := c.set.Position(from)
	c.found = append(c.found, mutant{c.pkg, c.file, at.Line, at.Offset, c.set.Position(to).Offset, text, what})
}

// text returns a node as written in the file.
func (c *collector) text(n ast.Node) string {
	return string(c.src[c.set.Position(n.Pos()).Offset:c.set.Position(n.End()).Offset])
}

func (c *collector) swap(at token.Pos, op token.Token) {
	if other, ok := swaps[op]; ok {
		c.add(at, at+token.Pos(len(op.String())), other.String(), op.String()+" to "+other.String())
	}
}

func (c *collector) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		c.swap(n.OpPos, n.Op)
	case *ast.IncDecStmt:
		c.swap(n.TokPos, n.Tok)
	case *ast.BranchStmt:
		if n.Label == nil {
			c.swap(n.TokPos, n.Tok)
		}
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			c.add(n.OpPos, n.X.Pos(), "", "without !")
		}
	case *ast.IfStmt:
		c.add(n.Cond.Pos(), n.Cond.End(), "false && ("+c.text(n.Cond)+")", "if never")
	case *ast.CallExpr:
		if e := room(n); e != nil {
			c.rooms = append(c.rooms, e)
		}
	case *ast.BasicLit:
		if v, err := strconv.ParseInt(n.Value, 0, 32); err == nil && n.Kind == token.INT && !c.inRoom(n) {
			c.add(n.Pos(), n.End(), strconv.FormatInt(v+1, 10), fmt.Sprintf("%s to %d", n.Value, v+1))
		}
	case *ast.Ident:
		if other := map[string]string{"true": "false", "false": "true"}[n.Name]; other != "" {
			c.add(n.Pos(), n.End(), other, n.Name+" to "+other)
		}
	case *ast.ExprStmt:
		c.add(n.Pos(), n.End(), "", "without the call")
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			c.add(n.Pos(), n.End(), "", "without the assignment")
		}
	case *ast.ImportSpec, *ast.Comment:
		return false
	}
	return true
}

// room returns the argument of a call that only determines how much memory is
// reserved: the capacity of a slice that is created empty, the size of a map,
// the argument of Grow. Changing that number has no visible effect, so it is
// not mutated; nil if a call has no such argument, or one with a subtraction,
// which could become negative, or with a call, which could have effects.
func room(call *ast.CallExpr) (e ast.Expr) {
	switch fun := call.Fun.(type) {
	case *ast.SelectorExpr:
		if fun.Sel.Name == "Grow" && len(call.Args) > 0 {
			e = call.Args[len(call.Args)-1]
		}
	case *ast.Ident:
		if fun.Name != "make" || len(call.Args) < 2 {
			return nil
		}
		if _, isMap := call.Args[0].(*ast.MapType); isMap {
			e = call.Args[1]
		} else if n, ok := call.Args[1].(*ast.BasicLit); ok && n.Value == "0" && len(call.Args) == 3 {
			e = call.Args[2]
		}
	}
	if e == nil {
		return nil
	}
	sure := true
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			sure = sure && n.Op != token.SUB
		case *ast.CallExpr:
			fun, ok := n.Fun.(*ast.Ident)
			sure = sure && ok && slices.Contains([]string{"len", "cap", "min", "max"}, fun.Name)
		}
		return sure
	})
	if !sure {
		return nil
	}
	return e
}

func (c *collector) inRoom(n ast.Node) bool {
	return slices.ContainsFunc(c.rooms, func(e ast.Expr) bool { return e.Pos() <= n.Pos() && n.End() <= e.End() })
}

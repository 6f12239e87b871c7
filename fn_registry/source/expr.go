package source

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// typeText formats a type expression on one line as gofmt would. go/printer
// does the same at twenty times the cost, and the linter formats every
// signature of the tree.
func typeText(e ast.Expr) string {
	if id, ok := e.(*ast.Ident); ok {
		return id.Name // most types are a single word
	}
	var w writer
	w.expr(e)
	return w.String()
}

type writer struct {
	strings.Builder
	meaning *meaning // nil: as written
}

func (w *writer) expr(e ast.Expr) {
	switch e := e.(type) {
	case *ast.Ident:
		w.WriteString(w.meaning.ident(e.Name))
	case *ast.BasicLit:
		w.WriteString(e.Value)
	case *ast.SelectorExpr:
		if path, ok := w.meaning.qualifier(e.X); ok {
			w.WriteString(path)
		} else {
			w.expr(e.X)
		}
		w.WriteByte('.')
		w.WriteString(e.Sel.Name)
	case *ast.StarExpr:
		w.WriteByte('*')
		w.expr(e.X)
	case *ast.ParenExpr:
		if w.meaning != nil {
			w.expr(e.X)
			return
		}
		w.WriteByte('(')
		w.expr(e.X)
		w.WriteByte(')')
	case *ast.UnaryExpr:
		w.WriteString(e.Op.String())
		w.expr(e.X)
	case *ast.BinaryExpr:
		w.expr(e.X)
		w.WriteString(" " + e.Op.String() + " ")
		w.expr(e.Y)
	case *ast.Ellipsis:
		w.WriteString("...")
		if e.Elt != nil {
			w.expr(e.Elt)
		}
	case *ast.ArrayType:
		w.WriteByte('[')
		if e.Len != nil {
			w.expr(e.Len)
		}
		w.WriteByte(']')
		w.expr(e.Elt)
	case *ast.MapType:
		w.WriteString("map[")
		w.expr(e.Key)
		w.WriteByte(']')
		w.expr(e.Value)
	case *ast.ChanType:
		w.chanType(e)
	case *ast.FuncType:
		w.WriteString("func")
		w.funcTail(e)
	case *ast.IndexExpr:
		w.index(e.X, e.Index)
	case *ast.IndexListExpr:
		w.index(e.X, e.Indices...)
	case *ast.StructType:
		w.members("struct", e.Fields)
	case *ast.InterfaceType:
		if w.meaning != nil && len(e.Methods.List) == 0 {
			w.WriteString("any")
			return
		}
		w.members("interface", e.Methods)
	case *ast.CallExpr: // an array length such as len(x)
		w.expr(e.Fun)
		w.WriteByte('(')
		for i, a := range e.Args {
			w.comma(i)
			w.expr(a)
		}
		w.WriteByte(')')
	}
}

func (w *writer) comma(i int) {
	if i > 0 {
		w.WriteString(", ")
	}
}

func (w *writer) index(x ast.Expr, indices ...ast.Expr) {
	w.expr(x)
	w.WriteByte('[')
	for i, e := range indices {
		w.comma(i)
		w.expr(e)
	}
	w.WriteByte(']')
}

func (w *writer) chanType(e *ast.ChanType) {
	switch e.Dir {
	case ast.SEND:
		w.WriteString("chan<- ")
	case ast.RECV:
		w.WriteString("<-chan ")
	default:
		w.WriteString("chan ")
		if inner, ok := ast.Unparen(e.Value).(*ast.ChanType); ok && inner.Dir == ast.RECV {
			w.WriteByte('(')
			w.expr(inner)
			w.WriteByte(')')
			return
		}
	}
	w.expr(e.Value)
}

// members formats the braces of an inline struct or interface type.
func (w *writer) members(keyword string, list *ast.FieldList) {
	w.WriteString(keyword)
	if list == nil || len(list.List) == 0 {
		w.WriteString("{}")
		return
	}
	separator := "{ "
	for _, f := range list.List {
		for _, names := range w.groups(f.Names) {
			w.WriteString(separator)
			separator = "; "
			if fn, ok := f.Type.(*ast.FuncType); ok && keyword == "interface" && len(names) == 1 {
				w.WriteString(names[0].Name)
				w.funcTail(fn)
				continue
			}
			w.names(names)
			w.expr(f.Type)
			if f.Tag != nil {
				w.WriteString(" " + f.Tag.Value)
			}
		}
	}
	w.WriteString(" }")
}

// groups returns a field's names in their written groups. By meaning, "A, B
// int" is the same as "A int; B int".
func (w *writer) groups(names []*ast.Ident) [][]*ast.Ident {
	if w.meaning == nil || len(names) < 2 {
		return [][]*ast.Ident{names}
	}
	return slices.Collect(slices.Chunk(names, 1))
}

func (w *writer) names(names []*ast.Ident) {
	for i, n := range names {
		w.comma(i)
		w.WriteString(n.Name)
	}
	if len(names) > 0 {
		w.WriteByte(' ')
	}
}

// fieldList formats parameters or results; by meaning, a type for each, without
// its name.
func (w *writer) fieldList(list *ast.FieldList) {
	if list == nil {
		return
	}
	for i, f := range list.List {
		w.comma(i)
		if w.meaning == nil {
			w.names(f.Names)
		}
		w.expr(f.Type)
		for n := 1; w.meaning != nil && n < len(f.Names); n++ {
			w.WriteString(", ")
			w.expr(f.Type)
		}
	}
}

// funcTail formats type parameters, parameters and results.
func (w *writer) funcTail(t *ast.FuncType) {
	w.typeParams(t.TypeParams)
	w.WriteByte('(')
	w.fieldList(t.Params)
	w.WriteByte(')')
	if t.Results == nil || len(t.Results.List) == 0 {
		return
	}
	w.WriteByte(' ')
	if len(t.Results.List) == 1 && (len(t.Results.List[0].Names) == 0 || w.meaning != nil && len(t.Results.List[0].Names) == 1) {
		w.expr(t.Results.List[0].Type)
		return
	}
	w.WriteByte('(')
	w.fieldList(t.Results)
	w.WriteByte(')')
}

func (w *writer) typeParams(list *ast.FieldList) {
	if list == nil {
		return
	}
	w.WriteByte('[')
	w.fieldList(list)
	w.WriteByte(']')
}

// usualSignature is a length in bytes that most signatures do not exceed.
const usualSignature = 96

func funcSignature(d *ast.FuncDecl) string {
	var w writer
	w.Grow(usualSignature)
	w.WriteString("func ")
	if d.Recv != nil {
		w.WriteByte('(')
		w.fieldList(d.Recv)
		w.WriteString(") ")
	}
	w.WriteString(d.Name.Name)
	w.funcTail(d.Type)
	return w.String()
}

// typeSignature returns "type Name struct" for structs and interfaces, whose
// members are listed elsewhere, and the whole declaration for every other type.
func typeSignature(s *ast.TypeSpec) string {
	var w writer
	w.WriteString("type " + s.Name.Name)
	w.typeParams(s.TypeParams)
	w.WriteByte(' ')
	if s.Assign != token.NoPos {
		w.WriteString("= ")
	}
	switch s.Type.(type) {
	case *ast.StructType:
		w.WriteString("struct")
	case *ast.InterfaceType:
		w.WriteString("interface")
	default:
		w.expr(s.Type)
	}
	return w.String()
}

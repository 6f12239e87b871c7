package search

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// predeclared are Go's predeclared types.
var predeclared = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`any bool byte comparable complex64 complex128 error float32 float64 int int8 int16
		int32 int64 rune string uint uint8 uint16 uint32 uint64 uintptr`) {
		m[w] = true
	}
	return m
}()

// parseDeclaration parses the signature in a unit's spec: of a function, a
// method, or a type whose underlying type is a function. It returns false for
// anything else, and for what can't be parsed.
func parseDeclaration(text string) (Signature, bool) {
	text = strings.TrimSpace(text)
	if len(text) > maxSignature || !strings.HasPrefix(text, "func") && (!strings.HasPrefix(text, "type ") || !strings.Contains(text, "func")) {
		return Signature{}, false // most types are structs: the parser would reject them, slowly
	}
	s, err := parseGo(named(text), false, -1)
	return s, err == nil
}

// named gives a function type a name, so that it is a declaration and may have
// type parameters.
func named(text string) string {
	rest, ok := strings.CutPrefix(text, "func")
	if !ok {
		return text
	}
	if rest = strings.TrimLeft(rest, " \t\r\n"); strings.HasPrefix(rest, "[") || strings.HasPrefix(rest, "(") && !method(rest) {
		return "func _" + rest
	}
	return text
}

// method reports whether text, which begins with a parenthesis, continues like
// a method: (receiver) Name(.
func method(text string) bool {
	end := matching(text, 0)
	if end < 0 {
		return false
	}
	rest := strings.TrimLeft(text[end+1:], " \t\r\n")
	n := 0
	for n < len(rest) && isNameByte(rest[n]) {
		n++
	}
	return n > 0 && strings.HasPrefix(strings.TrimLeft(rest[n:], " \t"), "(") && rest[:n] != "func"
}

const filePrefix = "package p\n"

// parseGo parses one declaration. In a query, a name that ends at typed may be
// incomplete.
func parseGo(text string, query bool, typed int) (Signature, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "", filePrefix+text, parser.SkipObjectResolution)
	if err != nil {
		return Signature{}, tidy(err)
	}
	if len(file.Decls) != 1 {
		return Signature{}, errors.New("more than one declaration")
	}
	c := &converter{source: text, base: 1 + len(filePrefix), vars: map[string]int{}, query: query, typed: typed}
	switch d := file.Decls[0].(type) {
	case *ast.FuncDecl:
		s, err := c.signature(d.Recv, d.Type.TypeParams, d.Type)
		if d.Name.Name != "_" {
			s.name = receiverName(d.Recv) + d.Name.Name
		}
		return s, err
	case *ast.GenDecl:
		if d.Tok == token.TYPE && len(d.Specs) == 1 {
			t := d.Specs[0].(*ast.TypeSpec)
			if f, ok := t.Type.(*ast.FuncType); ok {
				return c.signature(nil, t.TypeParams, f)
			}
		}
	}
	return Signature{}, errors.New("not a function")
}

// receiverName returns the name of a method's receiver type; empty if there is
// none.
func receiverName(recv *ast.FieldList) string {
	if recv == nil || len(recv.List) == 0 {
		return ""
	}
	x := recv.List[0].Type
	for {
		switch t := x.(type) {
		case *ast.StarExpr:
			x = t.X
		case *ast.ParenExpr:
			x = t.X
		case *ast.IndexExpr:
			x = t.X
		case *ast.IndexListExpr:
			x = t.X
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}

func (c *converter) signature(recv, typeParams *ast.FieldList, f *ast.FuncType) (s Signature, err error) {
	if err := c.declareAll(typeParams); err != nil {
		return s, err
	}
	if recv != nil && len(recv.List) > 0 {
		if err := c.declareReceiver(recv.List[0].Type); err != nil {
			return s, err
		}
	}
	first, err := c.fields(recv, 0)
	if err != nil {
		return s, err
	}
	rest, err := c.fields(f.Params, 0)
	if err != nil {
		return s, err
	}
	s.params = append(first, rest...)
	s.results, err = c.fields(f.Results, 0)
	if err == nil && len(s.params) > maxTypes {
		err = errTooMany
	}
	return s, err
}

// tidy removes the position from a parser's error: it refers to the text
// constructed by parseGo.
func tidy(err error) error {
	_, msg, ok := strings.Cut(err.Error(), ": ")
	if !ok {
		return err
	}
	msg, _, _ = strings.Cut(msg, " (and ")
	return errors.New(msg)
}

func isNameByte(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= 0x80
}

// matching returns the position of the bracket that closes the one at open, or
// -1.
func matching(text string, open int) int {
	depth := 0
	for i := open; i < len(text); i++ {
		switch text[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// Package source extracts facts from Go source by syntax alone: declarations,
// imports, build constraints, tests, and which names each declaration refers
// to. It needs no network, no build cache and no type information, and it reads
// files under every build tag. It reads one file at a time; facts that need
// several files are in package catalog.
package source

import "go/token"

// Pos is a place in a file: line and column from 1, the column in bytes.
type Pos struct{ Line, Column int }

// File holds the facts of one Go file.
type File struct {
	Path       string // as given to Parse
	Package    string
	Test       bool   // a _test.go file
	Generated  bool   // carries the standard "Code generated ... DO NOT EDIT." line
	Constraint string // the //go:build expression, or ""
	Imports    []Import
	Decls      []Decl
	Tests      []Test // only if Test is true
}

// Import is one import of a file.
type Import struct {
	Name string // the local name as written: "" if there is none, else possibly "_" or "."
	Path string
	Pos  Pos
}

// Kind says what a Decl declares.
type Kind uint8

// The kinds of declarations.
const (
	Func Kind = iota
	Method
	Type
	Var
	Const
)

// Decl is a declaration at package level.
type Decl struct {
	Kind       Kind
	Name       string
	Recv       string // a method's receiver type without pointer and type parameters
	Pos        Pos    // of the name
	Signature  string // for Func, Method and Type: the declaration without its body, on one line, as go doc prints it
	TypeParams []Field
	Receiver   string // a method's receiver type as written: "*Store"
	Params     []Field
	Results    []Field
	Fields     []Field // a struct's fields; an embedded one has its type's name and Embedded set
	Struct     bool    // Type: the underlying type is written as a struct
	Alias      bool    // Type: declared with =
	Refs       []Ref   // the names it uses from outside itself, each once, at its first position
	Writes     []Write // the package-level variables that it may change, or whose address it takes
	Effects    []Effect

	ChangesReceiver bool  // Method: it writes to what its receiver refers to
	ChangesParams   []int // by number, the parameters that it writes through
	Unset           bool  // Var: declared without a value

	Calls  []string // the names of the exported methods that it calls, or functions of variables, each once
	NilNil *Pos     // its first "return nil, ..., nil" outside of function literals
}

// Field is a parameter, a result, a type parameter or a struct field. A
// parameter without a name has Name "".
type Field struct {
	Name     string
	Type     string // as written; a variadic parameter's type begins with "..."
	Embedded bool
	Pos      Pos
}

// Ref is a name that a declaration refers to.
type Ref struct {
	// Pkg is the import path, "" for the same package, or "?q" where the
	// qualifier q could not be tied to an import by its path alone (the
	// package's name differs from its folder's).
	Pkg  string
	Name string
	Pos  Pos
}

// Test is a test, a fuzz test, a benchmark or an example of a test file.
type Test struct {
	Name     string   // the function's name: "TestMatrixSyncService_BackoffRecovery"
	Subtests []string // the first level's names, if they are literals or in the function's own table
	Skips    bool     // it begins with a call of Skip, Skipf or SkipNow, unconditionally
	Pos      Pos
}

// Exported reports whether the declaration can be used from outside its
// package. A method needs an exported receiver, too.
func (d *Decl) Exported() bool {
	return token.IsExported(d.Name) && (d.Kind != Method || token.IsExported(d.Recv))
}

// Error reports a file that does not parse, with the position of the first
// error.
type Error struct {
	Pos     Pos
	Message string
}

func (e *Error) Error() string { return e.Message }

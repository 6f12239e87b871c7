package example

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// output is a comment "// Output: ..." of an example: its expected output, in
// the form of Go's testable examples.
type output struct {
	pos       token.Pos
	want      string
	unordered bool // the lines may be in any order
	in        *ast.FuncDecl
	last      bool // nothing follows it in its function, so that it counts
}

var outputPrefix = regexp.MustCompile(`(?i)^[[:space:]]*(unordered )?output:`)

// output finds the last output comment of the example.
func (f *file) output() (out output, ok bool) {
	for _, group := range f.tree.Comments {
		text := group.Text()
		if at := outputPrefix.FindStringSubmatchIndex(text); at != nil {
			out, ok = output{pos: group.Pos(), want: text[at[1]:], unordered: at[2] >= 0}, true
		}
	}
	if !ok {
		return out, false
	}
	for _, d := range f.tree.Decls {
		if fn, isFunc := d.(*ast.FuncDecl); isFunc && fn.Body != nil && fn.Pos() <= out.pos && out.pos < fn.End() {
			out.in = fn
			body := fn.Body
			if f.wrapped {
				body = fn.Body.List[0].(*ast.BlockStmt)
			}
			out.last = f.isLast(out.pos, body)
		}
	}
	return out, true
}

// isLast reports whether neither a statement nor a comment begins after pos in
// a function's body.
func (f *file) isLast(pos token.Pos, body *ast.BlockStmt) bool {
	last := !slices.ContainsFunc(
		f.tree.Comments,
		func(g *ast.CommentGroup) bool { return g.Pos() > pos && g.Pos() < body.End() },
	)
	ast.Inspect(body, func(n ast.Node) bool {
		if _, isStmt := n.(ast.Stmt); isStmt && n.Pos() > pos {
			last = false
		}
		return last
	})
	return last
}

// runFor limits how long an example may run.
const runFor = 10 * time.Second

// compare runs an example as a program and describes how its output differs
// from the stated one; "" if it does not. An error means that it could not be
// run.
func (b *batch) compare(ctx context.Context, f *file, out output) (message string, err error) {
	call, ok := f.call(out)
	switch {
	case !ok:
		return "this Output is not compared: it is not in a function that can be called without arguments", nil
	case !out.last:
		return "this Output is not compared: it is not at the end of the example", nil
	}
	dir, err := os.MkdirTemp("", "fn-example-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	program, message, err := b.build(ctx, f, call, dir)
	if err != nil || message != "" {
		return message, err
	}
	limited, cancel := context.WithTimeout(ctx, runFor)
	defer cancel()
	cmd := exec.CommandContext(limited, program)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case limited.Err() != nil:
		return fmt.Sprintf("the example does not end within %v", runFor), nil
	case err != nil:
		return fmt.Sprintf("the example fails: %v: %s", err, firstLine(stderr.String())), nil
	}
	got, want := out.lines(stdout.String()), out.lines(out.want)
	if got != want {
		return fmt.Sprintf("the example prints %q, but its Output says %q", got, want), nil
	}
	return "", nil
}

// lines returns the part of a text that is compared, as in go test.
func (o output) lines(text string) string {
	text = strings.TrimSpace(text)
	if o.unordered {
		lines := strings.Split(text, "\n")
		slices.Sort(lines)
		text = strings.Join(lines, "\n")
	}
	return text
}

// call returns the code of a main function that runs the example; "" if it has
// a main of its own. ok is false if there is nothing to call.
func (f *file) call(out output) (code string, ok bool) {
	for _, d := range f.tree.Decls {
		if fn, isFunc := d.(*ast.FuncDecl); isFunc && fn.Recv == nil && fn.Name.Name == "main" {
			return "", true
		}
	}
	fn := out.in
	if fn == nil || fn.Recv != nil || fn.Type.TypeParams != nil || fn.Name.Name == "_" {
		return "", false
	}
	args := ""
	switch params := fn.Type.Params.List; {
	case len(params) == 1 && len(params[0].Names) <= 1 && isNamed(params[0].Type, "context", "Context"):
		args = "context.Background()"
	case len(params) > 0:
		return "", false
	}
	code = fn.Name.Name + "(" + args + ")"
	if r := fn.Type.Results; r.NumFields() == 1 && isNamed(r.List[0].Type, "", "error") {
		code = "if err := " + code + "; err != nil {\n\t\tprintln(err.Error())\n\t\tos.Exit(1)\n\t}"
	}
	return "package main\n\nimport (\n\t\"context\"\n\t\"os\"\n)\n\nvar _, _ = context.Background, os.Exit\n\nfunc main() {\n\t" + code + "\n}\n", true
}

// isNamed reports whether a type is a name of a package, or with package "" an
// unqualified name.
func isNamed(e ast.Expr, pkg, name string) bool {
	if sel, ok := e.(*ast.SelectorExpr); ok {
		x, ok := sel.X.(*ast.Ident)
		return ok && x.Name == pkg && sel.Sel.Name == name
	}
	id, ok := e.(*ast.Ident)
	return ok && pkg == "" && id.Name == name
}

// build compiles an example as a program in a folder of its own below its
// unit's, which exists only in an overlay for the go command.
func (b *batch) build(ctx context.Context, f *file, main, dir string) (program, message string, err error) {
	name := f.tree.Name
	start := int(name.Pos() - f.tree.FileStart)
	files := map[string]string{"example.go": f.src[:start] + "main" + f.src[start+len(name.Name):]}
	if main != "" {
		files["main.go"] = main
	}
	const folder = "fn_example"
	below := filepath.Join(b.catalog.Path(f.unit.Dir, f.unit.Dir.Path), folder)
	replace := map[string]string{}
	for name, text := range files {
		real := filepath.Join(dir, name)
		if err := os.WriteFile(real, []byte(text), 0o600); err != nil {
			return "", "", err
		}
		replace[filepath.Join(below, name)] = real
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", "", err
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		return "", "", err
	}
	program = filepath.Join(dir, "program")
	cmd := exec.CommandContext(ctx, "go", "build", "-overlay", overlayFile, "-tags="+b.tags, "-o", program, below)
	cmd.Dir = b.dir
	text, err := cmd.CombinedOutput()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.Exited() && ctx.Err() == nil {
		return "", "the example does not build: " + firstLine(string(text)), nil
	}
	return program, "", err
}

// firstLine returns the first meaningful line of the output of go build or of a
// panic.
func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return ""
}

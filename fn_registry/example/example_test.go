package example

import (
	"fmt"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/testtree"
)

const head = `-- go.mod --
module example.org/m

go 1.26.0
-- core/add.go --
package core

import "time"

type AddConfig struct{ A, B int }

func Add(cfg AddConfig) (int, error) { return cfg.A + cfg.B, nil }

func Wait(d time.Duration) error { return nil }
-- core/add.md --
---
name: add
kind: function
lang: go
domain: core
---

## Example

`

func TestCheck(t *testing.T) {
	t.Setenv("GOWORK", "off")
	for _, tc := range []struct{ name, code, want string }{
		{"statements", "sum, err := core.Add(core.AddConfig{A: 1})", ""},
		{"ctx and std", "ctx, cancel := context.WithTimeout(ctx, time.Second)\ndefer cancel()\nfmt.Println(ctx, strings.ToUpper(\"x\"))", ""},
		{"returns an error", "if _, err := core.Add(core.AddConfig{}); err != nil {\n\treturn err\n}", ""},
		{"declarations", "func run() error {\n\treturn core.Wait(time.Second)\n}", ""},
		{"declarations with imports", "import \"os\"\n\nvar x = os.Args\n\nfunc run() { core.Add(core.AddConfig{}) }", ""},
		{"whole file", "package main\n\nimport \"example.org/m/core\"\n\nfunc main() { core.Add(core.AddConfig{}) }", ""},
		{"wrong field", "sum, err := core.Add(core.AddConfig{C: 1})", "11:37: the example does not compile: unknown field C in struct literal of type core.AddConfig"},
		{"wrong count", "x := 1\nsum := core.Add(core.AddConfig{})", "12:8: the example does not compile: assignment mismatch: 1 variable but core.Add returns 2 values"},
		{"gone", "core.Subtract()", "11:6: the example does not compile: undefined: core.Subtract"},
		{"syntax", "core.Add(", "13:1: the example does not parse: expected operand, found '}'"},
		{"syntax on the first line", "core.Add(core.AddConfig{)", "11:25: the example does not parse: expected operand, found ')'"},
		{"a name of two packages", "fmt.Println(rand.IntN(3), json.Valid(nil))", ""},
		{"one import of two", "import str \"strings\"\n\nfunc run() { fmt.Println(str.ToUpper(\"x\"), strings.ToLower(\"y\")) }", ""},
		{"own context", "import \"context\"\n\nfunc run(ctx context.Context) { fmt.Println(ctx) }", ""},
		{"no more than three", "core.A()\ncore.B()\ncore.C()\ncore.D()", "11:6: the example does not compile: undefined: core.A\n12:6: the example does not compile: undefined: core.B\n13:6: the example does not compile: undefined: core.C"},
		{"nothing used", "x := 1\nvar y int", ""},
		{"another block", "core.Add(core.AddConfig{})\n```\n\n```sh\nnot go\n```\n\n```golang\ncore.Gone()", "19:6: the example does not compile: undefined: core.Gone"},
		{"right output", "sum, _ := core.Add(core.AddConfig{A: 1, B: 2})\nfmt.Println(sum)\n// Output: 3", ""},
		{"wrong output", "sum, _ := core.Add(core.AddConfig{A: 1, B: 2})\nfmt.Println(sum)\n// Output: 4",
			`13:1: the example prints "3", but its Output says "4"`},
		{"output of several lines", "fmt.Println(core.Add(core.AddConfig{}))\nfmt.Println(1)\n\n// Output:\n// 0 <nil>\n// 1", ""},
		{"unordered output", "fmt.Println(2)\nfmt.Println(1)\n// Unordered output:\n// 1\n// 2", ""},
		{"output next to a statement", "fmt.Println(core.Add(core.AddConfig{})) // Output: 0 <nil>", ""},
		{"output that returns an error", "if _, err := core.Add(core.AddConfig{}); err != nil {\n\treturn err\n}\nfmt.Println(1)\n// Output: 2",
			`15:1: the example prints "1", but its Output says "2"`},
		{"output of a failure", "fmt.Println(1)\nif true {\n\treturn errors.New(\"no\")\n}\n// Output: 1", "15:1: the example fails: exit status 1: no"},
		{"output of a panic", "panic(\"no\")\n// Output: 1", "12:1: the example fails: exit status 2: panic: no"},
		{"output of a function", "func run() {\n\tfmt.Println(1)\n\t// Output: 2\n}", `13:2: the example prints "1", but its Output says "2"`},
		{"output of a function with ctx", "func run(ctx context.Context) error {\n\tfmt.Println(ctx.Err())\n\t// output: <nil>\n\treturn nil\n}",
			"13:2: this Output is not compared: it is not at the end of the example"},
		{"output of a function with arguments", "func run(n int) {\n\tfmt.Println(n)\n\t// Output: 1\n}",
			"13:2: this Output is not compared: it is not in a function that can be called without arguments"},
		{"output of a file", "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(1)\n\t// Output: 2\n}",
			`17:2: the example prints "1", but its Output says "2"`},
		{"output of a test file", "package core_test\n\nimport \"fmt\"\n\nfunc ExampleAdd() {\n\tfmt.Println(1)\n\t// Output: 1\n}", ""},
		{"output in the middle", "fmt.Println(1)\n// Output: 2\nfmt.Println(3)", "12:1: this Output is not compared: it is not at the end of the example"},
		{"output before a comment", "fmt.Println(1)\n// Output: 2\n\n// And so on.", "12:1: this Output is not compared: it is not at the end of the example"},
		{"output with an unused variable", "x := 1\nfmt.Println(1)\n// Output: 1", "11:1: the example does not compile: declared and not used: x"},
		{"unknown package", "nothing.Do()", "11:1: the example does not compile: undefined: nothing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := testtree.New(t, head+"```go\n"+tc.code+"\n```\n")
			c, _, err := catalog.Load(t.Context(), catalog.Options{Roots: []string{dir}})
			if err != nil {
				t.Fatal(err)
			}
			findings, err := Check(t.Context(), c, c.Units)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range findings {
				got = append(got, fmt.Sprintf("%d:%d: %s", f.Line, f.Column, f.Message))
			}
			if strings.Join(got, "\n") != tc.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n"), tc.want)
			}
		})
	}
}

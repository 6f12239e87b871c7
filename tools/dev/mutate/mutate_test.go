package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/functions/infra/program"
)

// module writes a module of two packages: weak is tested only for positive
// numbers, and by use.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":         "module example.org/m\n\ngo 1.26\n",
		"weak/weak.go":   "package weak\n\nfunc Sign(n int) int {\n\tif n < 0 {\n\t\treturn -1\n\t}\n\treturn 1\n}\n\nfunc Double(n int) int { return n * 2 }\n",
		"weak/w_test.go": "package weak\n\nimport \"testing\"\n\nfunc TestSign(t *testing.T) {\n\tif Sign(5) != 1 || Sign(-5) != -1 {\n\t\tt.Fatal()\n\t}\n}\n",
		"use/use.go":     "package use\n\nimport \"example.org/m/weak\"\n\nfunc Four() int { return weak.Double(2) }\n",
		"use/u_test.go":  "package use\n\nimport \"testing\"\n\nfunc TestFour(t *testing.T) {\n\tif Four() != 4 {\n\t\tt.Fatal()\n\t}\n}\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run returns the program's exit status and its whole output.
func run(ctx context.Context, args ...string) (int, string) {
	var out strings.Builder
	cfg := mutateProgram()
	cfg.Args, cfg.Stdout, cfg.Stderr = args, &out, &out
	return program.ProgramRun(ctx, cfg), out.String()
}

// TestRun: the surviving mutants are those that no test detects: the boundary,
// which is not tested. A test of another package counts.
func TestRun(t *testing.T) {
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "")
	dir := module(t)
	status, out := run(t.Context(), "-dir", dir, "-n", "100", "-seed", "7", "./...")
	if status != 0 {
		t.Fatal(out)
	}
	survivors := regexp.MustCompile(`(?m)^survives: .*/(\w+\.go:\d+: .*)$`).FindAllStringSubmatch(out, -1)
	var got []string
	for _, s := range survivors {
		got = append(got, s[1])
	}
	slices.Sort(got)
	want := []string{"weak.go:4: 0 to 1", "weak.go:4: < to <="}
	if !slices.Equal(got, want) || !strings.HasPrefix(out, "seed 7: ") || !strings.Contains(out, "noticed: ") {
		t.Errorf("survivors %q, want %q\n%s", got, want, out)
	}
	status, out = run(t.Context(), "-dir", dir, "-n", "100", "-seed", "7", "-min", "95", "./...")
	if status == 0 || !strings.Contains(out, "less than 95.0") {
		t.Errorf("a low score: status %d, %s", status, out)
	}
}

// TestRun_RedTests: tests that fail without a mutant give no score.
func TestRun_RedTests(t *testing.T) {
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "")
	dir := module(t)
	if err := os.WriteFile(filepath.Join(dir, "weak/red_test.go"), []byte("package weak\n\nimport \"testing\"\n\nfunc TestRed(t *testing.T) { t.Fatal() }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out := run(t.Context(), "-dir", dir, "-n", "1", "-seed", "7", "./weak")
	if status == 0 || !strings.Contains(out, "weak fail without a mutant") || strings.Contains(out, "noticed") {
		t.Errorf("status %d, %s", status, out)
	}
}

// TestMutantsOf: each kind of change, as it is applied.
func TestMutantsOf(t *testing.T) {
	t.Parallel()
	const src = "package p\n\nimport \"os\"\n\nfunc f(a, b int, c bool) bool {\n\tfor a < b && !c {\n\t\ta++\n\t\tif a == 7 {\n\t\t\tbreak\n\t\t}\n\t\tb = a\n\t\tos.Exit(b)\n\t}\n\treturn true\n}\n"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := mutantsOf(&pkg{Dir: dir, GoFiles: []string{"p.go"}})
	if err != nil {
		t.Fatal(err)
	}
	changed := map[string]string{
		"&& to ||": "for a < b || !c {", "< to <=": "for a <= b && !c {", "without !": "for a < b && c {", "++ to --": "a--", "if never": "if false && (a == 7) {",
		"== to !=": "if a != 7 {", "7 to 8": "if a == 8 {", "break to continue": "\t\t\tcontinue\n", "true to false": "return false",
	}
	gone := map[string]string{"without the assignment": "b = a", "without the call": "os.Exit(b)"}
	for _, m := range all {
		text, err := m.apply()
		if err != nil {
			t.Fatal(err)
		}
		want, known := changed[m.what]
		if lost, ok := gone[m.what]; ok {
			if strings.Contains(string(text), lost) {
				t.Errorf("%v: it still exists\n%s", m, text)
			}
		} else if !known || !strings.Contains(string(text), want) {
			t.Errorf("%v: no %q in\n%s", m, want, text)
		}
		delete(changed, m.what)
		delete(gone, m.what)
	}
	if len(changed)+len(gone) > 0 {
		t.Errorf("not created: %v %v", changed, gone)
	}
}

// TestMutantsOf_Room: a number that only reserves memory is left alone; any
// other in a call is changed.
func TestMutantsOf_Room(t *testing.T) {
	t.Parallel()
	for call, want := range map[string]string{
		"make([]int, 0, 8)": "0", "make([]int, 0, 2*n)": "0", "make([]int, 0, n-1)": "0 1", "make([]int, 3)": "3", "make([]int, n, 5)": "5", "make(chan int, 4)": "4",
		"make(map[int]int, 9)": "", "b.Grow(10)": "", "slices.Grow(b, 10)": "", "b.Glow(10)": "10", "Grow(10)": "10", "make([]int, 0, f(2))": "0 2", "make([]int, 0, min(7, 2*len(s)))": "0",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte("package p\n\nvar x = "+call+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		all, err := mutantsOf(&pkg{Dir: dir, GoFiles: []string{"p.go"}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range all {
			if number, _, ok := strings.Cut(m.what, " to "); ok && number >= "0" && number <= "99" {
				got = append(got, number)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q are changed, want %q", call, got, want)
		}
	}
}

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/functions/infra/program"
)

// licenseText returns a license's full text from the checker's own test data in
// the module cache, so that none has to be kept here. It is preceded by two
// lines that the checker must find.
func licenseText(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/google/licensecheck").Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(data), "\n\n")
	if !ok {
		t.Fatalf("%s has no heading", name)
	}
	return text
}

// write fills dir with files, by path.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for path, text := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	mit, agpl, lgpl := licenseText(t, "MIT.t1"), licenseText(t, "AGPL-3.0.t1"), licenseText(t, "LGPL-2.1.t1")
	unknown := "You may look at this, and nothing else.\n"
	lgplVerdict, err := judge(&module{root: writeOne(t, lgpl)}, "LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	agplVerdict, err := judge(&module{root: writeOne(t, agpl)}, "LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		files      map[string]string
		exceptions []exception
		want       []string // a part of each finding, in order
	}{
		"MIT":            {files: map[string]string{"LICENSE": mit}},
		"other names":    {files: map[string]string{"COPYING": mit, "MIT-LICENCE.md": mit, "license.go": unknown, "LICENSES/MIT.txt": mit}},
		"AGPL":           {files: map[string]string{"LICENSE": agpl}, want: []string{"x@v1 LICENSE: AGPL-3.0 is forbidden (needed by apps/a)"}},
		"AGPL and MIT":   {files: map[string]string{"LICENSE": mit, "COPYING": agpl}, want: []string{"x@v1 COPYING: AGPL-3.0 is forbidden"}},
		"AGPL below":     {files: map[string]string{"LICENSE": mit, "pkg/LICENSE": agpl}, want: []string{"x@v1 pkg/LICENSE: AGPL-3.0 is forbidden"}},
		"AGPL not used":  {files: map[string]string{"LICENSE": mit, "server/LICENSE": agpl}},
		"AGPL excepted":  {map[string]string{"LICENSE": agpl}, []exception{{"x", "LICENSE", agplVerdict.mark}}, []string{"AGPL-3.0 is forbidden", "is not needed"}},
		"no license":     {files: map[string]string{"README": mit}, want: []string{"x@v1: there is no license file (needed by apps/a)\n  hint: take another module, or read "}},
		"none, excepted": {map[string]string{"README": mit}, []exception{{"x", noFile, "v1"}}, nil},
		"none in v1":     {map[string]string{"README": mit}, []exception{{"x", noFile, "v0"}}, []string{"there is no license file", "is not needed"}},
		"unknown":        {files: map[string]string{"LICENSE": unknown}, want: []string{"x@v1 LICENSE: the license is unknown: 0 %"}},
		"MIT, limited":   {files: map[string]string{"LICENSE": mit + "\nThe Software shall be used for Good, not Evil.\n"}, want: []string{`the text contains more than known licenses: "The Software shall be used for Good, not Evil."`}},
		"limited before": {files: map[string]string{"LICENSE": "Only for those who do not use it in a product that is sold:\n\n" + mit}, want: []string{`the text contains more than known licenses: "Only for those`}},
		"holders":        {files: map[string]string{"LICENSE": "The MIT License\n\nCopyright 2026 Somebody of some University in some Place of the World\nAll rights reserved.\n\n" + mit}},
		"LGPL":           {files: map[string]string{"LICENSE": lgpl}, want: []string{"LGPL-2.1 is not on the list of allowed licenses (needed by apps/a)\n  hint: take another module, or read "}},
		"LGPL, excepted": {map[string]string{"LICENSE": lgpl}, []exception{{"x", "LICENSE", lgplVerdict.mark}}, nil},
		"LGPL, changed":  {map[string]string{"LICENSE": lgpl + "Or so.\n"}, []exception{{"x", "LICENSE", lgplVerdict.mark}}, []string{"LGPL-2.1 is not", "is not needed"}},
		"another's":      {map[string]string{"LICENSE": lgpl}, []exception{{"y", "LICENSE", lgplVerdict.mark}}, []string{"LGPL-2.1 is not", "the exception for y LICENSE is not needed\n  hint: remove"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			write(t, root, test.files)
			write(t, root, map[string]string{"pkg/a.go": "package pkg\n"})
			m := &module{
				path:     "x",
				version:  "v1",
				root:     root,
				dirs:     map[string]bool{filepath.Join(root, "pkg"): true},
				neededBy: "apps/a",
			}
			got, err := check([]*module{m}, test.exceptions)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, test.want, strings.Contains) {
				t.Errorf("got %q, want parts %q", got, test.want)
			}
		})
	}
}

func writeOne(t *testing.T, text string) (dir string) {
	dir = t.TempDir()
	write(t, dir, map[string]string{"LICENSE": text})
	return dir
}

// A workspace of two modules: everything that either of them imports, tests
// with or names as a tool is checked, on the systems that it is built for, but
// not what is merely required.
func TestRun(t *testing.T) {
	t.Parallel()
	mit, agpl := licenseText(t, "MIT.t1"), licenseText(t, "AGPL-3.0.t1")
	root, outside := t.TempDir(), t.TempDir()
	write(t, root, map[string]string{
		"LICENSE":        mit,
		exceptionsFile:   "# none\n",
		"go.work":        "go 1.26.0\nuse (\n\t./a\n\t./b\n)\n",
		"a/go.mod":       goMod("a", outside, "built", "tested", "idle"),
		"a/a.go":         "package a\n\nimport _ \"example.com/built\"\n",
		"a/a_test.go":    "package a\n\nimport _ \"example.com/tested\"\n",
		"b/go.mod":       goMod("b", outside, "tool", "windows", "idle") + "tool example.com/tool\n",
		"b/b.go":         "package b\n",
		"b/b_windows.go": "package b\n\nimport _ \"example.com/windows\"\n",
	})
	for _, name := range []string{"built", "tested", "tool", "windows", "idle"} {
		source := "package " + name + "\n"
		if name == "tool" {
			source = "package main\n\nfunc main() {}\n"
		}
		write(t, outside, map[string]string{name + "/go.mod": "module example.com/" + name + "\n\ngo 1.26.0\n", name + "/x.go": source, name + "/LICENSE": agpl})
	}
	var stdout, stderr bytes.Buffer
	run := func(args ...string) int {
		cfg := licenses(root)
		cfg.Args, cfg.Stdout, cfg.Stderr = append([]string{}, args...), &stdout, &stderr
		return program.ProgramRun(t.Context(), cfg)
	}
	if code := run("./..."); code != 2 || stdout.Len() > 0 || !strings.Contains(stderr.String(), `unexpected argument "./..."`) {
		t.Errorf("with an argument exit status %d, %q", code, &stderr)
	}
	stderr.Reset()
	if code := run(); code != 1 || stderr.Len() > 0 {
		t.Errorf("exit status %d, %s", code, &stderr)
	}
	for _, name := range []string{"built", "tested", "tool", "windows"} {
		if !strings.Contains(stdout.String(), "example.com/"+name+"@v1.0.0 LICENSE: AGPL-3.0 is forbidden") {
			t.Errorf("nothing about %s", name)
		}
		write(t, outside, map[string]string{name + "/LICENSE": mit})
	}
	if n := strings.Count(stdout.String(), "hint:"); n != 4 {
		t.Errorf("%d findings:\n%s", n, &stdout)
	}
	stdout.Reset()
	if code := run(); code != 0 || stdout.String() != "the licenses of 5 modules are allowed, 0 texts by exception\n" {
		t.Errorf("with MIT exit status %d, said %q, %s", code, &stdout, &stderr)
	}
	// The line that the hint suggests can be parsed.
	write(t, root, map[string]string{"a/words_LICENSE": "You may read these words.\n"})
	stdout.Reset()
	code := run()
	_, hint, _ := strings.Cut(stdout.String(), "with the reason:\n")
	line, _, _ := strings.Cut(strings.TrimSpace(hint), "\n")
	if code != 1 || !strings.HasSuffix(line, " REASON") {
		t.Fatalf("exit status %d: %s", code, &stdout)
	}
	write(t, root, map[string]string{exceptionsFile: strings.TrimSuffix(line, "REASON") + "only words\n"})
	stdout.Reset()
	if code := run(); code != 0 || !strings.HasSuffix(stdout.String(), ", 1 texts by exception\n") {
		t.Errorf("with %q exit status %d: %s%s", line, code, &stdout, &stderr)
	}
}

// goMod requires modules in a folder outside of the workspace.
func goMod(name, outside string, required ...string) string {
	var text strings.Builder
	text.WriteString("module example.com/" + name + "\n\ngo 1.26.0\n\n")
	for _, module := range required {
		text.WriteString("require example.com/" + module + " v1.0.0\n")
		text.WriteString("replace example.com/" + module + " => " + filepath.Join(outside, module) + "\n")
	}
	return text.String()
}

func TestParseExceptions(t *testing.T) {
	t.Parallel()
	got, err := parseExceptions("# a comment\n\nx LICENSE 0123456789ab it is fine\n")
	if want := []exception{{"x", "LICENSE", "0123456789ab"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"x LICENSE 0123456789ab\n", "x LICENSE 0123456789ab fine\n", "x LICENSE 0123456789ab REASON to be written\n"} {
		if _, err := parseExceptions("\n" + text); err == nil || !strings.Contains(err.Error(), exceptionsFile+":2: want MODULE FILE MARK") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestPackageOf(t *testing.T) {
	t.Parallel()
	for symbol, want := range map[string]string{
		"net/http.(*conn).serve":                          "net/http",
		"fnregistry.dev/functions/core.ErrorCode":         "fnregistry.dev/functions/core",
		"go.yaml.in/yaml/v3.yaml_emitter_emit":            "go.yaml.in/yaml/v3",
		"gopkg.in/yaml%2ev3.Unmarshal":                    "gopkg.in/yaml.v3",
		"slices.SortFunc[go.shape.[]a/b.C,go.shape.int]":  "slices",
		"main.main.func1":                                 "main",
		"go:itab.*os.File,io.Writer":                      "",
		"type:.eq.net/http.transportRequest":              "",
		"_cgo_init":                                       "",
		"vendor/golang.org/x/net/idna.(*Profile).ToASCII": "vendor/golang.org/x/net/idna",
	} {
		if got := packageOf(symbol); got != want {
			t.Errorf("%s: %q, want %q", symbol, got, want)
		}
	}
}

// A program that gains a table of 100 kB has grown by that, in its package.
func TestGrowths(t *testing.T) {
	t.Parallel()
	before, after := built(t, ""), built(t, `
var table = [100_000]byte{1: 1}
func init() { println(table[len(table)-1]) }
`)
	all := growths(before, after)
	if len(all) == 0 || all[0].pkg != "main" || all[0].bytes < 100_000 || all[0].bytes > 101_000 {
		t.Errorf("%v, want main with 100 kB first", all[:min(3, len(all))])
	}
	if same := growths(before, before); len(same) > 0 {
		t.Errorf("%v between equal programs", same)
	}
}

// built builds a main package and returns its bytes by package.
func built(t *testing.T, declarations string) map[string]int64 {
	t.Helper()
	dir := t.TempDir()
	source := "package main\n\nfunc main() {}\n" + declarations
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", "program", "main.go")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	bytes, err := packageBytes(filepath.Join(dir, "program"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

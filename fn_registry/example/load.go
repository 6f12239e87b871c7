package example

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// listed is the go command's description of a package.
type listed struct {
	ImportPath, Dir   string
	GoFiles, CgoFiles []string
	ImportMap         map[string]string // of the standard library's vendored packages
	Standard          bool
}

// packages are type-checked packages by import path.
type packages map[string]*types.Package

// standard caches the standard library's packages for all batches with the same
// build tags.
type standard map[string]packages

// load type-checks the declarations of the wanted packages and everything they
// import. Declarations that fail are omitted from their package: the example
// that needs them reports it.
func (b *batch) load(ctx context.Context, wanted map[string]bool, std standard) (types.Importer, error) {
	list, err := b.list(ctx, wanted)
	if err != nil {
		return nil, err
	}
	if std[b.tags] == nil {
		std[b.tags] = packages{"unsafe": types.Unsafe}
	}
	loaded := maps.Clone(std[b.tags])
	for _, p := range list { // each after its imports
		if loaded[p.ImportPath] != nil {
			continue
		}
		pkg := loaded.check(p)
		loaded[p.ImportPath] = pkg
		if p.Standard {
			std[b.tags][p.ImportPath] = pkg
		}
	}
	return loaded, nil
}

// list asks the go command for the wanted packages and everything they import,
// each after its imports.
func (b *batch) list(ctx context.Context, wanted map[string]bool) ([]listed, error) {
	args := []string{
		"list",
		"-e",
		"-deps",
		"-json=ImportPath,Dir,GoFiles,CgoFiles,ImportMap,Standard",
		"-tags=" + b.tags,
		"--",
	}
	var paths []string
	for p := range wanted {
		if p != "C" {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	cmd := exec.CommandContext(ctx, "go", append(args, paths...)...)
	cmd.Dir = b.dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		return nil, fmt.Errorf("go list in %s: %w\n%s", b.dir, err, strings.TrimSpace(stderr.String()))
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list in %s: %w", b.dir, err)
		}
		all = append(all, p)
	}
}

// check type-checks a package's declarations. It returns nil for a package
// without files, which does not exist.
func (loaded packages) check(p listed) *types.Package {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
		file, _ := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if file != nil {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return nil
	}
	cfg := types.Config{
		IgnoreFuncBodies: true, FakeImportC: true, Importer: importer{loaded, p.ImportMap},
		Error: func(error) {},
	}
	pkg, _ := cfg.Check(p.ImportPath, fset, files, nil)
	return pkg
}

// Import implements [types.Importer].
func (loaded packages) Import(path string) (*types.Package, error) {
	if pkg := loaded[path]; pkg != nil {
		return pkg, nil
	}
	return nil, fmt.Errorf("no package %s in the module of the unit", path)
}

// importer resolves the imports of one package.
type importer struct {
	loaded packages
	names  map[string]string // import paths by their spelling in the source
}

func (i importer) Import(path string) (*types.Package, error) {
	if mapped := i.names[path]; mapped != "" {
		path = mapped
	}
	return i.loaded.Import(path)
}

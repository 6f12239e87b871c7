// Package size measures programs: it builds a program stripped and static for
// linux/amd64, like a release, and asks the go command which packages it links.
package size

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/config"
)

// Program is what was measured of one app.
type Program struct {
	App       *catalog.Unit
	Bytes     int64    // the stripped binary's size
	Max       float64  // its budget in megabytes (10^6 bytes); 0: none
	Forbidden []string // packages that it links despite its forbidden_imports, each once
}

// OK reports whether the program keeps its budget and links nothing forbidden.
func (p *Program) OK() bool {
	return len(p.Forbidden) == 0 && (p.Max == 0 || p.MB() <= p.Max)
}

// MB is the size in megabytes, 10^6 bytes.
func (p *Program) MB() float64 { return float64(p.Bytes) / 1e6 }

// Measure builds the app and lists what it links. The go command must be on the
// path.
func Measure(ctx context.Context, c *catalog.Catalog, app *catalog.Unit) (*Program, error) {
	dir := c.Path(app.Dir, app.Dir.Path)
	p := &Program{App: app, Max: app.Spec.BinaryMBMax}
	deps, err := goCommand(ctx, dir, place{}.env(), "list", "-deps", "-f", "{{.ImportPath}}", ".")
	if err != nil {
		return nil, err
	}
	for pkg := range strings.FieldsSeq(string(deps)) {
		if slices.ContainsFunc(app.Spec.ForbiddenImports, func(f string) bool { return config.Under(pkg, f) }) {
			p.Forbidden = append(p.Forbidden, pkg)
		}
	}
	tmp, err := os.MkdirTemp("", "size")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	binary := filepath.Join(tmp, "program")
	if err := Build(ctx, c, app, binary); err != nil {
		return nil, err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return nil, err
	}
	p.Bytes = info.Size()
	return p, nil
}

// linkFlags are the link flags of released programs: stripped, and without gaps
// between functions, which saves 2 % of the file and costs search up to a tenth
// of its speed.
const (
	alignFlag = "-funcalign=1"
	linkFlags = "-ldflags=-s -w " + alignFlag
)

// Build builds the app as it is released: static, stripped, for linux/amd64,
// with the build_flags of its spec.
func Build(ctx context.Context, c *catalog.Catalog, app *catalog.Unit, binary string) error {
	return build(ctx, c, app, binary, linkFlags)
}

// BuildWithSymbols builds the app as Build does, but keeps its symbols, which
// tell what of it comes from which package.
func BuildWithSymbols(ctx context.Context, c *catalog.Catalog, app *catalog.Unit, binary string) error {
	return build(ctx, c, app, binary, "-ldflags=-w "+alignFlag)
}

func build(ctx context.Context, c *catalog.Catalog, app *catalog.Unit, binary, link string) error {
	args := append([]string{"build", "-trimpath", link}, app.Spec.BuildFlags...)
	_, err := goCommand(ctx, c.Path(app.Dir, app.Dir.Path), place{}.env(), append(args, "-o", binary, ".")...)
	return err
}

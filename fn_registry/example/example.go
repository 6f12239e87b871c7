// Package example type-checks the Example of each spec against the unit: the
// only check that needs types. The go command lists the files of a package and
// its imports; nothing is compiled, and function bodies are skipped, so a cold
// build cache costs nothing. Only examples that state their output are built
// and run.
package example

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/spec"
)

// Rule is the rule that Check applies. It is not among check.Rules, which need
// no go command.
var Rule = &check.Rule{
	Name: "example", Severity: check.Error, Summary: "the Example compiles against the unit, and prints its stated output",
	Explanation: "Go blocks of the Example section are type-checked as a whole file where they begin with `package`, else as declarations or as the body of a function that has `ctx`. " +
		"Imports are added by package name: the unit's own package, the standard library's, those of the spec's imports and of this repository. Variables that are only set are no finding.\n\n" +
		"A block with a comment `// Output:` is built and run as `go test` runs examples, for 10 seconds at most, and what it prints is compared; the comment stands last in its function. Other blocks show, and are not run. " +
		"Checked with `-examples` only, since it needs the go command.",
}

// Check compiles the examples of the units.
func Check(ctx context.Context, c *catalog.Catalog, units []*catalog.Unit) ([]check.Finding, error) {
	var found []check.Finding
	std := standard{}
	for _, batch := range batches(c, units) {
		findings, err := batch.check(ctx, std)
		if err != nil {
			return nil, err
		}
		found = append(found, findings...)
	}
	slices.SortFunc(found, func(a, b check.Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return found, nil
}

// snippet is one Go block of an Example section.
type snippet struct {
	unit *catalog.Unit
	text string
	line int // the line in the spec where it starts
}

// batch is what one run of the go command handles: the examples of one module
// that need the same build tags.
type batch struct {
	catalog  *catalog.Catalog
	dir      string // the module's folder
	tags     string
	snippets []snippet
}

// batches reads the examples and groups them.
func batches(c *catalog.Catalog, units []*catalog.Unit) []*batch {
	byKey := map[string]*batch{}
	var order []*batch
	for _, u := range units {
		if u.Code == nil || u.Dir.ImportPath == "" {
			continue
		}
		doc, _, err := c.Document(u)
		if err != nil {
			continue // reported by the rules that read files
		}
		section, ok := doc.Section(spec.SectionExample)
		if !ok {
			continue
		}
		for _, block := range section.Code {
			if block.Lang != "go" && block.Lang != "golang" {
				continue
			}
			tags := slices.Clone(u.Code.BuildTags)
			module, _ := c.Roots[u.Dir.Root].ModuleDir(u.Dir.Path)
			dir := c.Path(u.Dir, module)
			key := dir + "\x00" + strings.Join(tags, ",")
			if byKey[key] == nil {
				byKey[key] = &batch{catalog: c, dir: dir, tags: strings.Join(tags, ",")}
				order = append(order, byKey[key])
			}
			byKey[key].snippets = append(byKey[key].snippets, snippet{unit: u, text: block.Text, line: block.Pos.Line})
		}
	}
	return order
}

func finding(u *catalog.Unit, line, column int, format string, args ...any) check.Finding {
	return check.Finding{
		Rule: Rule.Name, Severity: Rule.Severity, Unit: u.ID, Root: u.Dir.Root, File: u.File, Line: line, Column: max(column, 1),
		Message: fmt.Sprintf(format, args...),
	}
}

package check

import (
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/source"
)

var importDirectionRule = &Rule{
	Name: "import-direction", Severity: Error, Summary: "packages import only what import_rules allow",
	Explanation: "The direction of imports is what keeps programs small and packages apart. `import_rules` in fn_registry.yaml sets it: `allow` (nothing else), `deny`, and `apart` (none of these may import another). " +
		"Tests may import what their package may not, and so may a package below internal that tests alone import.",
	tree: func(p *pass) {
		kits := testKits(p.catalog)
		for _, d := range p.scope.dirs() {
			if kits[d] {
				continue
			}
			for _, imp := range d.Imports {
				if imp.Test || !p.scope.file(imp.File) {
					continue
				}
				for _, r := range p.catalog.Roots[d.Root].Config.ImportRules {
					if broken(r, d, imp.Path, p.catalog) {
						p.at(nil, d.Root, imp.File, imp.Pos.Line, imp.Pos.Column, nil, "%s may not import %s%s", d.Path, imp.Path, because(r))
					}
				}
			}
		}
	},
}

// testKits are the packages below an internal folder that only tests import:
// they can't be imported from outside, so no program links them.
func testKits(c *catalog.Catalog) map[*catalog.Dir]bool {
	kits := map[*catalog.Dir]bool{}
	for _, d := range c.Dirs {
		for _, imp := range d.Imports {
			kit := c.Package(imp.Path)
			if kit == nil || !strings.Contains("/"+kit.Path+"/", "/internal/") {
				continue
			}
			before, seen := kits[kit]
			kits[kit] = imp.Test && (before || !seen)
		}
	}
	return kits
}

func because(r config.ImportRule) string {
	if r.Because == "" {
		return ""
	}
	return ": " + r.Because
}

func broken(r config.ImportRule, from *catalog.Dir, imported string, c *catalog.Catalog) bool {
	dir := ""
	if d := c.Package(imported); d != nil {
		dir = d.Path
	}
	covers := func(patterns []string) bool {
		return slices.ContainsFunc(
			patterns,
			func(p string) bool { return config.Match(p, imported, dir, source.IsStandard(imported)) },
		)
	}
	if r.Apart != nil {
		own := group(r.Apart, func(p string) bool { return config.Match(p, from.ImportPath, from.Path, false) })
		other := group(
			r.Apart,
			func(p string) bool { return config.Match(p, imported, dir, source.IsStandard(imported)) },
		)
		return own != "" && other != "" && own != other
	}
	if !slices.ContainsFunc(r.From, func(p string) bool { return config.Match(p, from.ImportPath, from.Path, false) }) {
		return false
	}
	if r.Deny != nil {
		return covers(r.Deny)
	}
	return !covers(r.Allow) && imported != from.ImportPath
}

// group returns the longest matching pattern.
func group(patterns []string, match func(string) bool) string {
	best := ""
	for _, p := range patterns {
		if match(p) && len(strings.TrimSuffix(p, "/...")) > len(strings.TrimSuffix(best, "/...")) {
			best = p
		}
	}
	return best
}

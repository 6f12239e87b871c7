package scaffold

import (
	"os"
	"path"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/gomod"
)

// notNeeded lists the third-party modules that the units of other modules of
// the repository link and that the program's module does not require, so that
// one that slips in later is noticed.
func (m *maker) notNeeded(mod *modFile) []string {
	var others []string
	for folder, p := range m.root.Modules {
		if slices.Contains(mod.own, p) || p == mod.path || mod.requires[p] != "" {
			continue
		}
		other, err := m.readMod(folder)
		if err != nil {
			continue
		}
		for _, d := range m.c.Dirs {
			if d.Root == 0 && m.moduleDir(d.Path) == folder && (d.InUnits || slices.ContainsFunc(d.Units, func(u *catalog.Unit) bool { return !u.IsApp() })) {
				others = append(others, m.linked(d, other)...)
			}
		}
	}
	slices.Sort(others)
	return slices.DeleteFunc(slices.Compact(others), func(p string) bool { return mod.requires[p] != "" })
}

// linked lists the third-party modules, of those that a folder's module
// requires, that its code imports.
func (m *maker) linked(d *catalog.Dir, mod *modFile) []string {
	var modules []string
	for _, imp := range d.Imports {
		if imp.Test || m.c.Local(imp.Path) {
			continue
		}
		if p := gomod.ModuleOf(mod.requires, imp.Path); p != "" {
			modules = append(modules, p)
		}
	}
	return modules
}

// usedModules lists the folders of the modules that the draft's units are in.
func (m *maker) usedModules() []string {
	var modules []string
	for _, u := range m.uses {
		if folder := m.moduleDir(u.Dir.Path); !slices.Contains(modules, folder) {
			modules = append(modules, folder)
		}
	}
	return modules
}

// appModules lists the folders of the modules that a program imports from.
func (m *maker) appModules(on *floor) []string {
	modules := m.usedModules()
	if on == nil {
		return modules
	}
	for _, d := range on.dirs {
		if folder := m.moduleDir(d.Path); !slices.Contains(modules, folder) {
			modules = append(modules, folder)
		}
	}
	return modules
}

// notRequired lists those of the module folders that the module of a folder
// does not require: only a workspace lets it import them.
func (m *maker) notRequired(dir string, modules []string) []string {
	home := m.moduleDir(dir)
	mod, err := m.readMod(home)
	if err != nil {
		return nil // there is no module
	}
	var missing []string
	for _, folder := range modules {
		if folder != home && mod.requires[m.root.Modules[folder]] == "" {
			missing = append(missing, folder)
		}
	}
	return missing
}

// modulePath makes up the path of a module in dir: as the repository's others
// have theirs, mostly a common prefix and the folder; else below the module of
// the first unit.
func (m *maker) modulePath(dir string, modules []string) string {
	count := map[string]int{}
	best := ""
	if p := m.root.ImportPath(dir); p != "" {
		return p
	}
	for folder, p := range m.root.Modules {
		if prefix, ok := strings.CutSuffix(p, "/"+folder); ok {
			count[prefix]++
			if count[prefix] > count[best] || count[prefix] == count[best] && prefix < best {
				best = prefix
			}
		}
	}
	if best == "" {
		best = m.root.Modules[modules[0]]
	}
	return path.Join(best, dir)
}

// appModule decides which module the program belongs to, and plans its go.mod,
// go.sum and line in go.work where that is a new one.
func (m *maker) appModule(plan *Plan, to *place, modules []string) (*modFile, error) {
	if to.importPath != "" && len(m.notRequired(to.dir, modules)) == 0 {
		return m.readMod(m.moduleDir(to.dir))
	}
	to.importPath = m.modulePath(to.dir, modules)
	mod, err := m.newMod(to.dir, to.importPath, modules)
	if err != nil {
		return nil, err
	}
	plan.Files = append(plan.Files, File{Path: to.at("go.mod"), Text: mod.text})
	if len(mod.sums) > 0 {
		plan.Files = append(plan.Files, File{Path: to.at("go.sum"), Text: strings.Join(mod.sums, "\n") + "\n"})
	}
	work, err := os.ReadFile(m.root.Path("go.work"))
	if os.IsNotExist(err) {
		return mod, nil
	}
	if err != nil {
		return nil, err
	}
	plan.Files = append(plan.Files, File{Path: "go.work", Text: addUse(string(work), "./"+to.dir), edit: true, before: string(work)})
	return mod, nil
}

// addUse adds a folder to a go.work: in its block of uses, in order where that
// is in order, else on a line of its own. Nothing else of the file changes.
func addUse(work, folder string) string {
	lines := strings.SplitAfter(work, "\n")
	inBlock := false
	for i, line := range lines {
		code, _, _ := strings.Cut(line, "//")
		words := strings.Fields(code)
		switch {
		case inBlock && len(words) > 0 && words[0] == ")":
			return strings.Join(slices.Insert(lines, i, "\t"+folder+"\n"), "")
		case inBlock && len(words) > 0 && strings.Trim(words[0], `"`) > folder:
			return strings.Join(slices.Insert(lines, i, "\t"+folder+"\n"), "")
		case len(words) == 2 && words[0] == "use" && words[1] == "(":
			inBlock = true
		}
	}
	if work != "" && !strings.HasSuffix(work, "\n") {
		work += "\n"
	}
	return work + "\nuse " + folder + "\n"
}

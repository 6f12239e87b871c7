package scaffold

import (
	"os"
	"path"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/config"
)

// place is the package that a unit goes to.
type place struct {
	dir        string // from the root, with slashes; "." for the root itself
	pkg        string // the package's name
	importPath string
	fresh      bool // the package has no Go file yet
}

// at joins a file's name to the folder.
func (p place) at(name string) string { return path.Join(p.dir, name) }

// place finds the folder for a unit of the draft's domain.
func (m *maker) place() (place, error) {
	dir, err := m.folder()
	if err != nil {
		return place{}, err
	}
	p, err := m.packageAt(dir)
	switch {
	case err != nil:
		return place{}, err
	case p.pkg == "main":
		return place{}, wrong("the package in "+dir+" is main, which nothing can import", "name another with package")
	}
	return p, m.checkFolderDomain(dir)
}

func (m *maker) packageAt(dir string) (place, error) {
	p := place{dir: dir, importPath: m.root.ImportPath(dir)}
	if d := m.dirs[dir]; d != nil {
		p.pkg = d.Package
	}
	if p.importPath == "" {
		return place{}, wrong("the folder "+dir+" is in no Go module", "run go mod init in it or above it, or name another folder with package")
	}
	if p.pkg == "" {
		p.fresh, p.pkg = true, packageName(path.Base(dir), p.importPath)
	}
	return p, nil
}

// packageName makes a package's name of its folder's: lower-case letters and
// digits.
func packageName(folder, importPath string) string {
	if folder == "." {
		folder = path.Base(importPath)
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(folder))
	if name = strings.TrimLeft(name, "0123456789"); name == "" {
		return "units"
	}
	return name
}

// folder applies the rules of Draft.Package.
func (m *maker) folder() (string, error) {
	pkg := m.draft.Package
	switch {
	case pkg == "." || strings.Contains(pkg, "/"):
		return m.namedFolder(pkg)
	case pkg != "":
		return m.domainPackage(pkg)
	}
	base := m.unitsFolder()
	own := path.Join(base, m.draft.Domain)
	switch {
	case m.hasGo(own):
		return own, nil
	case m.exists(own):
		return "", wrong("the domain "+m.draft.Domain+" has no package of its own name", "name one with package: "+strings.Join(append(m.packagesBelow(own), "or a new one"), ", "))
	case m.onlyFolder() != "":
		return m.onlyFolder(), nil
	case m.hasGo(base):
		return base, nil
	}
	return own, nil
}

func (m *maker) namedFolder(dir string) (string, error) {
	clean := path.Clean(dir)
	if path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") {
		return "", wrong("the folder "+quote(dir)+" is not inside the repository", "folders count from the root")
	}
	for part := range strings.SplitSeq(clean, "/") {
		if clean != "." && (part[0] == '.' || part[0] == '_' || part == "testdata" || part == "vendor") {
			return "", wrong("the folder "+quote(dir)+" is not read by the go command", "choose one without "+part)
		}
	}
	return clean, nil
}

// domainPackage finds a package by name: below the domain's folder, else one
// that holds units of the domain; else it is a new one there.
func (m *maker) domainPackage(name string) (string, error) {
	if packageName(name, name) != name {
		return "", wrong("package "+quote(name)+" is not valid", "a package is one lower-case word of letters and digits, or a folder from the root with a / in it")
	}
	base := m.unitsFolder()
	own := path.Join(base, m.draft.Domain)
	if path.Base(own) == name && m.hasGo(own) {
		return own, nil
	}
	for _, dir := range []string{path.Join(own, name), path.Join(base, name)} {
		if m.hasGo(dir) {
			return dir, nil
		}
	}
	for _, dir := range m.domainFolders() {
		if m.dirs[dir].Package == name || path.Base(dir) == name {
			return dir, nil
		}
	}
	if m.exists(own) || len(m.root.Config.Domains) > 0 {
		return path.Join(own, name), nil
	}
	return path.Join(base, name), nil
}

// unitsFolder is the settings' units folder that has the domain: the one with a
// folder of its name, else the first; the root without settings.
func (m *maker) unitsFolder() string {
	folders := m.root.Config.Units
	for _, f := range folders {
		if m.exists(path.Join(f, m.draft.Domain)) {
			return f
		}
	}
	if len(folders) > 0 {
		return folders[0]
	}
	return "."
}

// domainFolders lists the folders with units of the draft's domain.
func (m *maker) domainFolders() []string {
	var dirs []string
	for _, u := range m.c.Units {
		if u.Spec.Domain == m.draft.Domain && u.Dir.Root == 0 && !u.IsApp() && u.Dir.Package != "" && !slices.Contains(dirs, u.Dir.Path) {
			dirs = append(dirs, u.Dir.Path)
		}
	}
	return dirs
}

// onlyFolder is the folder that holds all units of the domain, or "" where they
// are spread, or there are none.
func (m *maker) onlyFolder() string {
	if dirs := m.domainFolders(); len(dirs) == 1 {
		return dirs[0]
	}
	return ""
}

func (m *maker) hasGo(dir string) bool { return m.dirs[dir] != nil && m.dirs[dir].Package != "" }

func (m *maker) exists(dir string) bool {
	_, err := os.Stat(m.root.Path(dir))
	return err == nil
}

// packagesBelow lists the packages under a folder, by their path from it.
func (m *maker) packagesBelow(dir string) []string {
	var names []string
	for _, d := range m.c.Dirs {
		if d.Root == 0 && d.Path != dir && config.Under(d.Path, dir) && d.Package != "" {
			names = append(names, strings.TrimPrefix(d.Path, dir+"/"))
		}
	}
	if len(names) > 8 {
		names = append(names[:8:8], "...")
	}
	return names
}

// checkFolderDomain refuses a folder that belongs to another domain, as the
// linter would.
func (m *maker) checkFolderDomain(dir string) error {
	if domain := m.root.Config.DomainOf(dir); domain != "" && domain != m.draft.Domain {
		return wrong("the folder "+dir+" is of domain "+domain+", not "+m.draft.Domain, "name the domain "+domain+", or another package")
	}
	return nil
}

// checkFree refuses to write where something is already.
func (m *maker) checkFree(files ...string) error {
	for _, f := range files {
		if m.exists(f) {
			return exists("the file "+f+" exists", "nothing is overwritten: move it away, or choose another name")
		}
	}
	return nil
}

package catalog

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/internal/regular"
	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/functions/core"
)

// OpenRoot reads a repository's fn_registry.yaml. An invalid file is reported
// in ConfigErr; the rest is still read.
func OpenRoot(dir string) (*Root, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &core.Error{
			Code: core.CodeInvalid, Hint: "name the root folder of a repository",
			Err: &fs.PathError{Op: "open", Path: abs, Err: errors.New("not a folder")},
		}
	}
	r := &Root{Dir: abs, Modules: map[string]string{}, info: info}
	r.Config, r.ConfigErr = config.Load(abs)
	if r.ConfigErr != nil {
		r.Config = &config.Config{}
	}
	return r, nil
}

// stillThere fails if the root was moved or removed since it was opened: then
// files not found in it mean nothing.
func (r *Root) stillThere() error {
	info, err := os.Stat(r.Dir)
	if err == nil && !os.SameFile(info, r.info) {
		err = &fs.PathError{Op: "read", Path: r.Dir, Err: errors.New("another folder replaced it while it was being read")}
	}
	return err
}

// Path returns where a file, given from the root with slashes, lies on this
// machine.
func (r *Root) Path(file string) string { return filepath.Join(r.Dir, filepath.FromSlash(file)) }

// ModuleDir returns the folder, from the root, of the nearest module above a
// folder; ok is false outside of any.
func (r *Root) ModuleDir(dir string) (module string, ok bool) {
	for base := dir; ; base = path.Dir(base) {
		if _, ok := r.Modules[base]; ok {
			return base, true
		}
		if base == "." {
			return "", false
		}
	}
}

// ImportPath returns the import path of a folder: that of its module, and the
// folder below that. It is empty outside of any module.
func (r *Root) ImportPath(dir string) string {
	base, ok := r.ModuleDir(dir)
	switch {
	case !ok:
		return ""
	case base == ".":
		return path.Join(r.Modules[base], dir)
	}
	return path.Join(r.Modules[base], strings.TrimPrefix(dir, base))
}

// listing is a folder as the walk found it: the stats of its Go and Markdown
// files, sorted by name.
type listing struct {
	path   string
	files  []FileStat
	faults []Fault
	module string   // the module's path, if it has a go.mod
	below  []string // the folders in it that are walked, too
	err    error    // why it could not be listed
}

// walk lists every folder of the root that has files to read, and records the
// modules. It descends level by level, with the folders of a level in parallel.
// It does not follow links to folders: a cycle of links would never end.
// known returns what a folder held before, or nil.
func (r *Root) walk(ctx context.Context, workers int, known func(dir string) *Dir) ([]listing, error) {
	r.Modules = map[string]string{}
	var all []listing
	for level := []string{"."}; len(level) > 0; {
		found := make([]listing, len(level))
		if err := inParallel(ctx, workers, len(level), func(i int) { found[i] = r.list(level[i], known(level[i])) }); err != nil {
			return nil, err
		}
		level = nil
		for _, l := range found {
			switch {
			case l.err != nil && l.path == ".":
				return nil, l.err
			case l.err != nil:
				l.fault(l.path, "file-read", "folder not read: "+plain(l.err))
			}
			level = append(level, l.below...)
			if l.module != "" {
				r.Modules[l.path] = l.module
			}
			if len(l.files)+len(l.faults) > 0 {
				all = append(all, l)
			}
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].path < all[j].path })
	return all, nil
}

// list reads one folder. As long as its files are the known ones, the listing
// shares their stats: for an unchanged tree it allocates nothing.
func (r *Root) list(dir string, known *Dir) listing {
	full := r.Path(dir)
	entries, err := os.ReadDir(full)
	l := listing{path: dir, err: err}
	var same []FileStat
	if known != nil {
		same = known.files
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case e.IsDir():
			if at := joinPath(dir, name); !skipped(name) && !slices.Contains(r.Config.Exclude, at) {
				l.below = append(l.below, at)
			}
		case name == "go.mod":
			at := joinPath(dir, name)
			if l.module, err = readModule(r.Path(at)); err != nil { // being rewritten, or damaged: keep the known module
				l.module = r.before[dir]
				l.fault(at, "file-read", "its module line can't be read: "+plain(err))
			}
		case wanted(name):
			f, ok := l.stat(full, e)
			if n := len(l.files); ok && n < len(same) && same[n].Name == f.Name && same[n].Size == f.Size && same[n].ModTime == f.ModTime {
				l.files = same[: n+1 : n+1]
			} else if ok {
				l.files, same = append(l.files, f), nil
			}
		}
	}
	return l
}

// skipped reports folders that are never read: those the go command skips, and
// vendored code.
func skipped(name string) bool {
	return name[0] == '.' || name[0] == '_' || name == "testdata" || name == "vendor" || name == "node_modules"
}

func wanted(name string) bool {
	return name[0] != '.' && name[0] != '_' && (strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".md"))
}

// stat returns the stat of a file of the folder, located at full; if it is
// missing, the file is not to be read, and l may have a fault.
func (l *listing) stat(full string, e fs.DirEntry) (f FileStat, ok bool) {
	file := full + string(filepath.Separator) + e.Name()
	st, err := regular.Lstat(file)
	link := e.Type()&fs.ModeSymlink != 0
	if err == nil && st.Type&fs.ModeSymlink != 0 { // a link to a file is read; a dangling one is reported
		var info fs.FileInfo
		if info, err = os.Stat(file); err == nil {
			st = regular.Stat{Size: info.Size(), ModTime: info.ModTime().UnixNano(), Type: info.Mode().Type()}
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && !link:
		// removed since the folder was listed
	case err != nil:
		l.fault(joinPath(l.path, e.Name()), "file-read", "not read: "+plain(err))
	case st.Type.IsDir():
	case !st.Type.IsRegular():
		l.fault(joinPath(l.path, e.Name()), "file-read", "not read: not a regular file")
	default:
		return FileStat{Name: e.Name(), Size: st.Size, ModTime: st.ModTime}, true
	}
	return FileStat{}, false
}

func (l *listing) fault(file, rule, message string) {
	l.faults = append(l.faults, Fault{Rule: rule, File: file, Pos: source.Pos{Line: 1, Column: 1}, Message: message})
}

// plain returns the cause of an error without the path, which findings contain
// anyway.
func plain(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

func readModule(file string) (string, error) {
	src, err := regular.Read(file, maxGoSize)
	if err != nil {
		return "", err
	}
	return ModulePath(src)
}

// ModulePath returns the module path that the text of a go.mod declares. The
// only error is that of one without.
func ModulePath(src []byte) (string, error) {
	inBlock := false // module ( ... )
	for line := range strings.Lines(string(src)) {
		line, _, _ = strings.Cut(line, "//")
		line = strings.TrimSpace(line)
		rest, ok := strings.CutPrefix(line, "module")
		switch rest = strings.TrimSpace(rest); {
		case inBlock && line != "":
			return strings.Trim(line, "\"`"), nil
		case ok && rest == "(":
			inBlock = true
		case ok && rest != "" && strings.ContainsAny(line[len("module"):][:1], " \t"):
			return strings.Trim(rest, "\"`"), nil
		}
	}
	return "", errors.New("there is none")
}

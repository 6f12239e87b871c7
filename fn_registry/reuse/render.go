package reuse

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/functions/core"
)

// copies is the wanted content of a folder of copies.
type copies struct {
	files   map[string][]byte // from the folder, with slashes
	dirs    []*catalog.Dir    // the packages
	imports map[string]bool   // third-party packages that they import
}

// render reads the packages of units, and all packages of the repository that
// those import, and changes their import paths to those of the copies, which
// are below prefix.
func (s *source) render(units []*catalog.Unit, prefix string) (*copies, error) {
	c := &copies{files: map[string][]byte{}, imports: map[string]bool{}}
	places := map[string]string{} // import path -> folder of its copy
	queue := importPaths(units)
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		if _, known := places[p]; known {
			continue
		}
		d := s.Package(p)
		if d == nil {
			return nil, &core.Error{Code: core.CodeNotFound, Message: "the repository has no package " + p}
		}
		places[p] = s.place(d)
		c.dirs = append(c.dirs, d)
		for _, i := range d.Imports {
			switch {
			case i.Test || i.Ignored:
			case s.Local(i.Path):
				queue = append(queue, i.Path)
			default:
				c.imports[i.Path] = true
			}
		}
	}
	slices.SortFunc(c.dirs, func(a, b *catalog.Dir) int { return cmp.Compare(a.Path, b.Path) })
	paths := make(map[string]string, len(places)) // import path -> that of its copy
	for p, folder := range places {
		paths[p] = path.Join(prefix, folder)
	}
	for _, d := range c.dirs {
		if err := s.renderDir(c, d, places[d.ImportPath], paths); err != nil {
			return nil, err
		}
	}
	return c, s.license(c)
}

// place returns where the copy of a package goes in the folder of copies: its
// path in the repository, without the units folder if there is only one.
func (s *source) place(d *catalog.Dir) string {
	if units := s.root.Config.Units; len(units) == 1 {
		if rest, ok := strings.CutPrefix(d.Path, strings.Trim(units[0], "/")+"/"); ok {
			return rest
		}
	}
	return d.Path
}

// license adds the repository's license to the copies: most licenses require
// that.
func (s *source) license(c *copies) error {
	for _, name := range []string{"LICENSE", "LICENSE.txt", "LICENSE.md", "COPYING", "NOTICE"} {
		text, err := readPath(s.root.Path(name))
		switch {
		case err == nil:
			c.files[name] = text
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	return nil
}

// renderDir reads one package: its Go files without tests, what they embed, the
// files of other languages that a build includes, and the specs of its units.
func (s *source) renderDir(c *copies, d *catalog.Dir, place string, paths map[string]string) error {
	dir := s.root.Path(d.Path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	specs := map[string]bool{}
	for _, u := range d.Units {
		specs[path.Base(u.File)] = true
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.Type().IsRegular() || !takes(name) && !specs[name] {
			continue
		}
		text, err := readPath(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		var embedded []string
		switch path.Ext(name) {
		case ".go":
			text, embedded, err = rewrite(path.Join(d.Path, name), text, paths)
		case ".md":
			text = rewriteSpec(text, paths)
		}
		if err != nil {
			return err
		}
		c.files[path.Join(place, name)] = text
		if err := c.embed(dir, place, embedded); err != nil {
			return err
		}
	}
	return nil
}

// takes reports whether a build includes a file, by its name.
func takes(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || strings.HasSuffix(name, "_test.go") {
		return false
	}
	switch path.Ext(name) {
	case ".go", ".c", ".cc", ".cpp", ".h", ".hh", ".s", ".S", ".syso":
		return true
	}
	return false
}

// rewrite changes the import paths of a Go file, and lists its go:embed
// patterns.
func rewrite(name string, src []byte, paths map[string]string) (text []byte, embedded []string, err error) {
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, &core.Error{Code: core.CodeInvalid, Err: err}
	}
	var out bytes.Buffer
	at := 0
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return nil, nil, err
		}
		if to, ok := paths[p]; ok {
			start, end := files.Position(i.Path.Pos()).Offset, files.Position(i.Path.End()).Offset
			out.Write(src[at:start])
			out.WriteString(strconv.Quote(to))
			at = end
		}
	}
	out.Write(src[at:])
	for _, group := range f.Comments {
		for _, line := range group.List {
			if patterns, ok := strings.CutPrefix(line.Text, "//go:embed "); ok {
				list, err := embedPatterns(patterns)
				if err != nil {
					return nil, nil, fmt.Errorf("%s: %w", files.Position(line.Pos()), err)
				}
				embedded = append(embedded, list...)
			}
		}
	}
	if at == 0 {
		return src, embedded, nil
	}
	text, err = format.Source(out.Bytes())
	return text, embedded, err
}

// rewriteSpec changes the import paths in a spec: those of its imports and of
// its examples.
func rewriteSpec(text []byte, paths map[string]string) []byte {
	for from, to := range paths {
		text = bytes.ReplaceAll(text, []byte(`"`+from+`"`), []byte(`"`+to+`"`))
	}
	return text
}

// embedPatterns splits the patterns of a go:embed line, which may be quoted.
func embedPatterns(text string) ([]string, error) {
	var list []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		if text[0] != '"' && text[0] != '`' {
			word, rest, _ := strings.Cut(text, " ")
			list, text = append(list, word), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return nil, err
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		list, text = append(list, word), text[len(quoted):]
	}
	return list, nil
}

// embed reads the files that patterns match: files, and folders without names
// that begin with a dot or an underscore, unless the pattern begins with
// "all:".
func (c *copies) embed(dir, place string, patterns []string) error {
	root := os.DirFS(dir)
	for _, pattern := range patterns {
		pattern, all := strings.CutPrefix(pattern, "all:")
		names, err := fs.Glob(root, pattern)
		if err != nil {
			return err
		}
		for _, top := range names {
			err := fs.WalkDir(root, top, func(name string, entry fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				hidden := strings.HasPrefix(entry.Name(), ".") || strings.HasPrefix(entry.Name(), "_")
				switch {
				case hidden && !all && name != top && entry.IsDir():
					return fs.SkipDir
				case hidden && !all && name != top, !entry.Type().IsRegular():
					return nil
				}
				text, err := readPath(filepath.Join(dir, filepath.FromSlash(name)))
				if err == nil {
					c.files[path.Join(place, name)] = text
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// isInternal reports whether only part of a repository may import a package.
func isInternal(importPath string) bool {
	return slices.Contains(strings.Split(importPath, "/"), "internal")
}

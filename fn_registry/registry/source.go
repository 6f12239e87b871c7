package registry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/revision"
	"fnregistry.dev/fn_registry/source"
)

// Source is the code of a unit: its file as it is now, and what the file and
// the unit's signature name.
type Source struct {
	File  string // from the root
	Text  string
	Types []Type // of the unit's package that the signature names, or the unit's own

	catalog *catalog.Catalog
	dir     *catalog.Dir
	imports map[string]string // name in the file -> import path
}

// Type is a type of a unit's package with what a caller can do with it.
type Type struct {
	Name    string
	File    string // from the root
	Line    int
	Fields  []source.Field // exported ones of a struct
	Methods []*Method      // exported ones, by name
}

// Method is a method of a [Type].
type Method struct {
	Signature string
	File      string
	Line      int
}

// Source reads the code of a unit. An unknown ID, and a unit without code, is a
// [*NotFoundError].
func (s *State) Source(id string) (*Source, error) {
	u := s.Catalog.Unit(id)
	if u == nil {
		return nil, s.missing(id)
	}
	file := u.Spec.FilePath
	if u.Code != nil {
		file = u.Code.File
	}
	if path.Dir(file) != u.Dir.Path || !slices.Contains(u.Dir.FileNames(), path.Base(file)) {
		return nil, &NotFoundError{ID: id + "'s code", Candidates: []string{}}
	}
	text, err := s.Catalog.Source(u.Dir, file)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &NotFoundError{ID: id + "'s code", Candidates: []string{}}
		}
		return nil, err
	}
	found := &Source{File: file, Text: string(text), catalog: s.Catalog, dir: u.Dir, imports: map[string]string{}}
	parsed, err := source.Parse(file, text)
	if err != nil {
		return found, nil // a file that is being written: only its text
	}
	for _, imported := range parsed.Imports {
		found.imports[cmp.Or(imported.Name, source.GuessPackageName(imported.Path))] = imported.Path
	}
	if u.Code != nil {
		found.Types = s.types(u)
	}
	return found, nil
}

// Unit returns the ID of the unit that an identifier of the file means, as it
// is written there: core.Error, or Error. "" for one that is no unit.
func (s *Source) Unit(identifier string) string {
	pkg, name, qualified := strings.Cut(identifier, ".")
	in := s.imports[pkg]
	if !qualified {
		in, name = s.dir.ImportPath, identifier
	}
	if u := s.catalog.Symbol(in, name); u != nil {
		return u.ID
	}
	return ""
}

// exportedName matches a type's name that has no package before it.
var exportedName = regexp.MustCompile(`(?:^|[^\w.])(\p{Lu}\w*)`)

// types reads the types of the unit's package that its signature names.
func (s *State) types(u *catalog.Unit) []Type {
	var names []string
	add := func(text string) {
		for _, match := range exportedName.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(names, match[1]) {
				names = append(names, match[1])
			}
		}
	}
	if u.Code.Kind == source.Type {
		names = []string{u.Code.Symbol}
	}
	for _, p := range u.Code.Params {
		add(p.Type)
	}
	for _, r := range u.Code.Results {
		add(r.Type)
	}
	if len(names) == 0 {
		return nil
	}
	found := map[string]*Type{}
	for _, name := range names {
		found[name] = &Type{Name: name}
	}
	for _, name := range u.Dir.FileNames() {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file := path.Join(u.Dir.Path, name)
		text, err := s.Catalog.Source(u.Dir, file)
		if err != nil || !slices.ContainsFunc(names, func(n string) bool { return bytes.Contains(text, []byte(n)) }) {
			continue
		}
		if parsed, err := source.Parse(file, text); err == nil {
			collect(found, file, parsed.Decls)
		}
	}
	var types []Type
	for _, name := range names {
		if t := found[name]; t.File != "" {
			slices.SortFunc(t.Methods, func(a, b *Method) int { return strings.Compare(a.Signature, b.Signature) })
			types = append(types, *t)
		}
	}
	return types
}

// collect adds the details of the types from a file's declarations.
func collect(types map[string]*Type, file string, decls []source.Decl) {
	for _, d := range decls {
		switch {
		case d.Kind == source.Type && types[d.Name] != nil:
			t := types[d.Name]
			t.File, t.Line = file, d.Pos.Line
			for _, f := range d.Fields {
				if isExported(f.Name) {
					t.Fields = append(t.Fields, f)
				}
			}
		case d.Kind == source.Method && types[d.Recv] != nil && isExported(d.Name):
			types[d.Recv].Methods = append(types[d.Recv].Methods, &Method{d.Signature, file, d.Pos.Line})
		}
	}
}

func isExported(name string) bool { return name != "" && name[0] >= 'A' && name[0] <= 'Z' }

// mostVersions limits the versions of a unit that History returns.
const mostVersions = 100

// History asks git for the versions that a unit's spec has had, newest first,
// 100 at most. It is empty for a spec that is not committed, and an error where
// the repository is no git checkout. An unknown ID is a [*NotFoundError].
func (s *State) History(ctx context.Context, id string) ([]revision.Version, error) {
	u := s.Catalog.Unit(id)
	if u == nil {
		return nil, s.missing(id)
	}
	return revision.History(ctx, s.Catalog.Roots[u.Dir.Root].Dir, u.File, mostVersions)
}

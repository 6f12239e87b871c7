package catalog

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"path"
	"slices"
	"strings"
	"time"

	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// maxGoSize is the largest Go file that is read. The largest in Go's own tree
// (generated tables) is under 8 MB.
const maxGoSize = 16 << 20

// folder is a Dir while it is being read.
type folder struct {
	*Dir
	root     *Root
	sources  []*source.File
	byPath   map[string]*source.File
	decls    map[string][]declAt       // package-level names, without tests
	methods  map[string][]declAt       // by receiver type
	exported map[string][]declAt       // exported functions, methods and types by name as Squash writes it; a method's name is preceded by its receiver's
	own      map[string]*Unit          // registered symbols of this folder
	all      map[string][]*source.Decl // see indexAll
	before   map[string]*Unit          // by file: the units known before
	mutable  map[string]declAt         // package variables that are changed, and by what
	buf      []byte                    // holds one Go file after another; nothing parsed refers to it
}

type declAt struct {
	file *source.File
	decl *source.Decl
}

// readDir re-reads a folder; old is its previous state, or nil. A file that
// can't be read leaves a fault and the rest is still read. seen is called with
// every unit whose spec could be read and its document, which is not kept.
func readDir(root *Root, index int, l listing, old *Dir, seen func(*Unit, *spec.Document)) *Dir {
	f := &folder{root: root, Dir: &Dir{
		Root: index, Path: l.path, ImportPath: root.ImportPath(l.path), InUnits: root.Config.InUnits(l.path), ReadAt: time.Now().UnixNano(),
		files: slices.Clone(l.files), Faults: slices.Clone(l.faults),
	}, before: map[string]*Unit{}}
	if old != nil {
		for _, u := range old.Units {
			f.before[u.File] = u
		}
	}
	for i := range f.files {
		f.readFile(&f.files[i], seen)
	}
	f.tie()
	f.Dir.compact()
	return f.Dir
}

func (f *folder) readFile(stat *FileStat, seen func(*Unit, *spec.Document)) {
	at := path.Join(f.Path, stat.Name)
	isGo := strings.HasSuffix(stat.Name, ".go")
	limit := int64(spec.MaxSize)
	if isGo {
		limit = maxGoSize
	}
	var room []byte
	if isGo {
		room = f.buf
	}
	src, err := readLimited(f.root.Path(at), stat.Size, limit+1, room)
	if err != nil {
		f.fault(Fault{Rule: "file-read", File: at, Message: "not read: " + plain(err)})
		if before := f.before[at]; before != nil {
			f.addUnread(before, nil)
		}
		return
	}
	stat.Hash = sum(src)
	if isGo {
		f.buf = src
	} else {
		f.readSpec(at, src, stat.Hash, seen)
		return
	}
	if int64(len(src)) > limit {
		f.fault(Fault{Rule: "file-size", File: at, Message: "larger than 16 MiB; not read"})
		return
	}
	file, err := source.Parse(at, src)
	if err != nil {
		e := err.(*source.Error)
		f.fault(Fault{Rule: "file-syntax", File: at, Pos: e.Pos, Message: "does not parse: " + e.Message})
		return
	}
	f.sources = append(f.sources, file)
}

// readSpec adds a Markdown file if it is a spec: in a units folder any file
// with frontmatter counts, elsewhere only one whose frontmatter has a name and
// a kind. One that was a spec, and is empty or still next to its code, is being
// rewritten or was damaged: it stays a spec.
func (f *folder) readSpec(at string, src []byte, hash [16]byte, seen func(*Unit, *spec.Document)) {
	before := f.before[at]
	if !spec.IsSpec(src) || !f.InUnits && !looksLikeSpec(src) {
		if before != nil && (len(bytes.TrimSpace(src)) == 0 || before.Code != nil) {
			f.addUnread(before, spec.Parse(at, src).Problems)
		}
		return
	}
	doc := spec.Parse(at, src)
	if doc.Spec.Name == "" && doc.Spec.Kind == "" { // nothing of the frontmatter could be read
		if before == nil {
			before = &Unit{File: at, Hash: hash}
			before.ID = f.identify(&before.Spec, at)
		}
		f.addUnread(before, doc.Problems)
		return
	}
	u := &Unit{Spec: doc.Spec, File: at, Dir: f.Dir, Hash: hash, Problems: doc.Problems}
	for _, p := range doc.Problems {
		if p.Rule == spec.RuleDuplicate { // it is unknown which of the two is meant
			switch p.Key {
			case "name":
				u.Spec.Name = ""
			case "lang":
				u.Spec.Lang = ""
			case "domain":
				u.Spec.Domain = ""
			}
		}
	}
	u.ID = f.identify(&u.Spec, at)
	f.Units = append(f.Units, u)
	if seen != nil {
		seen(u, doc)
	}
}

// addUnread adds a unit as it was last known, with the problems that its file
// has now.
func (f *folder) addUnread(before *Unit, problems []spec.Problem) {
	f.Units = append(f.Units, &Unit{
		ID: before.ID, Spec: before.Spec, File: before.File, Dir: f.Dir, Hash: before.Hash, Unread: true, Problems: problems,
	})
}

// identify sets the parts of a unit's identity that its spec omits or has
// wrong, from the file's name and folder, and returns the ID: a word that can't
// be a name must not get into the specs of units that use it. A file whose name
// can't be a unit's has no ID, so that such specs don't share one.
func (f *folder) identify(s *spec.Spec, at string) string {
	if !spec.IsName(s.Name) {
		if s.Name = strings.TrimSuffix(path.Base(at), ".md"); !spec.IsName(s.Name) {
			s.Name = ""
			return ""
		}
	}
	if !spec.IsLang(s.Lang) {
		s.Lang = spec.LangGo
	}
	if !spec.IsDomain(s.Domain) {
		s.Domain = cmp.Or(f.root.Config.DomainOf(f.Path), path.Base(f.Path))
	}
	return s.ID()
}

func looksLikeSpec(src []byte) bool {
	head := src[:min(len(src), 64<<10)]
	return bytes.Contains(head, []byte("\nname:")) && bytes.Contains(head, []byte("\nkind:"))
}

func (f *folder) fault(fault Fault) {
	if fault.Pos.Line == 0 {
		fault.Pos = source.Pos{Line: 1, Column: 1}
	}
	f.Faults = append(f.Faults, fault)
}

func sum(src []byte) (short [16]byte) {
	full := sha256.Sum256(src)
	copy(short[:], full[:])
	return short
}

// Source reads a Go file of a folder, given from the root.
func (c *Catalog) Source(d *Dir, file string) ([]byte, error) {
	return readLimited(c.Path(d, file), 0, maxGoSize, nil)
}

// usualSpec is larger than most specs.
const usualSpec = 8 << 10

// Document reads and parses the unit's spec again: a catalog keeps what specs
// say, not their text.
func (c *Catalog) Document(u *Unit) (*spec.Document, []byte, error) {
	src, err := readLimited(c.Path(u.Dir, u.File), usualSpec, spec.MaxSize+1, nil)
	if err != nil {
		return nil, nil, err
	}
	return spec.Parse(u.File, src), src, nil
}

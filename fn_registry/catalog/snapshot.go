package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// SnapshotPath returns where the running program keeps its snapshot of these roots, in the user's cache folder:
// a file for each program and set of roots.
func SnapshotPath(roots []string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	var all []string
	for _, r := range roots {
		abs, err := filepath.Abs(r)
		if err != nil {
			return "", err
		}
		all = append(all, abs)
	}
	key := sha256.Sum256([]byte(strings.Join(all, "\x00")))
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	return filepath.Join(cache, "fn_registry", hex.EncodeToString(key[:8])+"-"+name+".snapshot"), nil
}

const magic = "fn_registry snapshot\n"

// programHash tells one build from another. Facts read by one build are not believed by another, which may read
// them differently: no format version has to be remembered.
var programHash = sync.OnceValue(func() [32]byte {
	file, err := os.Executable()
	if err != nil {
		return [32]byte{}
	}
	in, err := os.Open(file)
	if err != nil {
		return [32]byte{}
	}
	defer in.Close()
	h := sha256.New()
	if _, err := io.Copy(h, in); err != nil {
		return [32]byte{}
	}
	return [32]byte(h.Sum(nil))
})

// Save writes the snapshot. A reader sees the old file or the new one, whole.
func (c *Catalog) Save(file string) error {
	w := &coder{writing: true, numbers: map[string]uint64{}}
	w.roots(c.Roots)
	list(w, &c.Dirs, w.dir)
	hash := programHash()
	data := slices.Concat([]byte(magic), hash[:], w.finish())
	check := sha256.Sum256(data)
	return replaceFile(file, append(data, check[:8]...))
}

func replaceFile(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // no-op once renamed
	if _, err := tmp.Write(data); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

// readSnapshot returns nil for a snapshot that is missing, broken, of another build or of other roots.
func readSnapshot(file string, roots []*Root) *Catalog {
	data, err := os.ReadFile(file)
	hash := programHash()
	head := len(magic) + len(hash)
	if err != nil || len(data) < head+8 || string(data[:len(magic)]) != magic || !bytes.Equal(data[len(magic):head], hash[:]) {
		return nil
	}
	body, check := data[:len(data)-8], data[len(data)-8:]
	if want := sha256.Sum256(body); !bytes.Equal(want[:8], check) {
		return nil
	}
	return decodeSnapshot(body[head:], roots)
}

// decodeSnapshot returns roots and folders, not yet resolved.
func decodeSnapshot(body []byte, roots []*Root) *Catalog {
	r := newReader(body)
	known := make([]*Root, len(roots))
	for i, root := range roots {
		known[i] = &Root{Dir: root.Dir, Config: root.Config, ConfigErr: root.ConfigErr}
	}
	if !r.roots(known) {
		return nil
	}
	var dirs []*Dir
	list(r, &dirs, r.dir)
	if r.err != nil || slices.ContainsFunc(dirs, func(d *Dir) bool { return d.Root < 0 || d.Root >= len(known) }) {
		return nil
	}
	return &Catalog{Roots: known, Dirs: dirs}
}

// roots codes the roots' folders and modules; it reports false when those read are others.
func (c *coder) roots(roots []*Root) bool {
	n := len(roots)
	if num(c, &n); n != len(roots) {
		return false
	}
	for _, r := range roots {
		dir := r.Dir
		if c.string(&dir); dir != r.Dir {
			return false
		}
		type module struct{ dir, path string }
		var modules []module
		for d, p := range r.Modules {
			modules = append(modules, module{d, p})
		}
		slices.SortFunc(modules, func(a, b module) int { return strings.Compare(a.dir, b.dir) })
		list(c, &modules, func(m *module) { c.string(&m.dir); c.string(&m.path) })
		if !c.writing {
			r.Modules = map[string]string{}
			for _, m := range modules {
				r.Modules[m.dir] = m.path
			}
		}
	}
	return c.err == nil
}

func (c *coder) dir(v **Dir) {
	if !c.writing {
		*v = new(Dir)
	}
	d := *v
	num(c, &d.Root)
	c.string(&d.Path)
	c.string(&d.ImportPath)
	c.string(&d.Package)
	c.bool(&d.InUnits)
	num(c, &d.ReadAt)
	list(c, &d.Files, func(f *FileStat) { c.string(&f.Name); num(c, &f.Size); num(c, &f.ModTime); c.bytes(f.Hash[:]) })
	list(c, &d.Units, func(u **Unit) {
		if !c.writing {
			*u = &Unit{Dir: d}
		}
		c.unit(*u)
	})
	list(c, &d.Exports, func(e **Export) {
		if !c.writing {
			*e = &Export{Code: &Code{}}
		}
		c.bool(&(*e).Owes)
		c.code((*e).Code)
	})
	list(c, &d.Imports, func(i *FileImport) { c.string(&i.File); c.bool(&i.Test); c.string(&i.Path); c.pos(&i.Pos) })
	list(c, &d.Names, c.ref)
	list(c, &d.Faults, func(f *Fault) { c.string(&f.Rule); c.string(&f.File); c.pos(&f.Pos); c.string(&f.Message) })
}

func (c *coder) pos(p *source.Pos) { num(c, &p.Line); num(c, &p.Column) }

func (c *coder) unit(u *Unit) {
	c.string(&u.File)
	c.bytes(u.Hash[:])
	c.spec(&u.Spec)
	u.ID = unitID(&u.Spec)
	list(c, &u.Problems, func(p *spec.Problem) {
		c.string(&p.Rule)
		num(c, &p.Pos.Line)
		num(c, &p.Pos.Column)
		c.string(&p.Message)
		c.string(&p.Hint)
		c.string(&p.Key)
		c.string(&p.Suggestion)
	})
	optionally(c, &u.Code, c.code)
}

func (c *coder) spec(s *spec.Spec) {
	for _, v := range []*string{
		&s.Name, &s.Kind, &s.Lang, &s.Domain, &s.Version, &s.Purity, &s.Signature, &s.Description, &s.Output, &s.ErrorType,
		&s.TestFilePath, &s.FilePath, &s.Run,
	} {
		c.string(v)
	}
	for _, v := range []*[]string{
		&s.Tags, &s.UsesFunctions, &s.UsesTypes, &s.Returns, &s.Imports, &s.BuildTags, &s.Tests, &s.ForbiddenImports, &s.BuildFlags,
	} {
		c.strings(v)
	}
	list(c, &s.Params, func(p *spec.Param) { c.string(&p.Name); c.string(&p.Desc) })
	c.bool(&s.ReturnsOptional)
	c.bool(&s.Tested)
	bits := math.Float64bits(s.BinaryMBMax)
	c.uint(&bits)
	s.BinaryMBMax = math.Float64frombits(bits)
}

func (c *coder) code(v *Code) {
	num(c, &v.Kind)
	c.string(&v.Symbol)
	c.string(&v.File)
	c.pos(&v.Pos)
	c.string(&v.Signature)
	list(c, &v.Params, func(p *Param) { c.field(&p.Field); list(c, &p.Config, c.field) })
	list(c, &v.Results, c.field)
	list(c, &v.Fields, c.field)
	c.strings(&v.Imports)
	c.strings(&v.BuildTags)
	c.string(&v.TestFile)
	list(c, &v.Tests, func(t *TestName) { c.string(&t.Name); c.pos(&t.Pos) })
	list(c, &v.Refs, c.ref)
	list(c, &v.Impure, func(e *Evidence) { c.string(&e.What); c.string(&e.File); c.pos(&e.Pos); c.strings(&e.Via) })
	optionally(c, &v.NilNil, c.pos)
	c.bool(&v.IsError)
	c.string(&v.Constraint)
}

func (c *coder) field(f *source.Field) {
	c.string(&f.Name)
	c.string(&f.Type)
	c.bool(&f.Embedded)
	c.pos(&f.Pos)
}

func (c *coder) ref(r *Ref) { c.string(&r.Pkg); c.string(&r.Name); c.string(&r.File); c.pos(&r.Pos) }

package catalog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"path"
	"slices"

	"fnregistry.dev/fn_registry/internal/cache"
	"fnregistry.dev/fn_registry/internal/regular"
	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// SnapshotPath returns where the running program keeps its snapshot of these
// roots, in the user's cache folder: a file for each program and set of roots.
func SnapshotPath(roots []string) (string, error) {
	dir, err := cache.Dir()
	if err != nil {
		return "", err
	}
	base, err := cache.Base(dir, roots)
	if err != nil {
		return "", err
	}
	return base + ".snapshot", nil
}

const magic = "fn_registry snapshot\n"

// Save writes the snapshot: magic, hash of the program, size of the text, the
// text of all strings, the rest, and the CRC-32C of all that. The file is
// replaced atomically, and left as it was when ctx ends before.
func (c *Catalog) Save(ctx context.Context, file string) error {
	w := newWriter(len(c.Units))
	w.ctx = ctx
	w.catalog(c)
	if w.err != nil {
		return w.err
	}
	return cache.Write(ctx, file, w.writeTo)
}

// writeTo writes the encoded catalog as a snapshot file.
func (c *coder) writeTo(file io.Writer) error {
	check := crc32.New(castagnoli)
	out := bufio.NewWriterSize(io.MultiWriter(file, check), 1<<16)
	hash := cache.Build()
	out.Write(binary.LittleEndian.AppendUint64(append([]byte(magic), hash[:]...), uint64(c.text)))
	for _, s := range c.table {
		out.WriteString(s)
	}
	out.Write(c.lengths())
	out.Write(c.buf)
	if err := out.Flush(); err != nil { // errors of all the Writes
		return err
	}
	_, err := file.Write(binary.LittleEndian.AppendUint32(nil, check.Sum32()))
	return err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// readSnapshot returns nil for a snapshot that is missing, broken, of another
// build or of other roots.
func readSnapshot(file string, roots []*Root) *Catalog {
	in, err := regular.Open(file)
	if err != nil {
		return nil
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil
	}
	hash := cache.Build()
	head := make([]byte, len(magic)+len(hash)+8)
	if _, err := io.ReadFull(in, head); err != nil || string(head[:len(magic)]) != magic || !bytes.Equal(head[len(magic):len(head)-8], hash[:]) {
		return nil
	}
	size, rest := binary.LittleEndian.Uint64(head[len(head)-8:]), info.Size()-int64(len(head))-4
	if rest < 0 || size > uint64(rest) {
		return nil
	}
	// Two blocks: the catalog keeps the text alive, and the rest is freed.
	text, data := make([]byte, size), make([]byte, rest-int64(size)+4)
	if _, err := io.ReadFull(in, text); err != nil {
		return nil
	}
	if _, err := io.ReadFull(in, data); err != nil {
		return nil
	}
	data, check := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	sum := crc32.Update(crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, text), castagnoli, data)
	if sum != check {
		return nil
	}
	return decodeSnapshot(text, data, roots)
}

// decodeSnapshot returns the saved catalog, with the roots' current settings.
func decodeSnapshot(text, data []byte, roots []*Root) *Catalog {
	r := newReader(text, data)
	known := make([]*Root, len(roots))
	for i, root := range roots {
		known[i] = &Root{Dir: root.Dir, Config: root.Config, ConfigErr: root.ConfigErr}
	}
	read := &Catalog{Roots: known}
	if !r.catalog(read) {
		return nil
	}
	return read
}

// catalog codes the persistent parts of a catalog; it returns false if the
// input is broken or of other roots.
func (c *coder) catalog(v *Catalog) bool {
	if !c.roots(v.Roots) {
		return false
	}
	list(c, nil, &v.Dirs, c.dir)
	if c.writing && c.stopped() {
		return false
	}
	if !c.writing {
		if c.err != nil || slices.ContainsFunc(v.Dirs, func(d *Dir) bool { return d.Root < 0 || d.Root >= len(v.Roots) }) {
			return false
		}
		v.begin(v.Roots, v.Dirs)
	}
	c.graph(v)
	return c.err == nil
}

// graph codes the order of the units, and what each uses: recomputing both
// would take a third of the time for reading a snapshot. The folders must
// already be coded.
func (c *coder) graph(v *Catalog) {
	var units []*Unit // in the order of the folders
	for _, d := range v.Dirs {
		units = append(units, d.Units...)
	}
	if c.writing {
		place := make(map[*Unit]uint64, len(units))
		for i, u := range units {
			place[u] = uint64(i)
		}
		edges := uint64(0)
		for i, u := range v.Units {
			at := place[u]
			c.uint(&at)
			edges += uint64(len(v.uses[i]))
		}
		c.uint(&edges)
		for _, uses := range v.uses {
			n := uint64(len(uses))
			c.uint(&n)
			for _, used := range uses {
				number := uint64(v.number[used])
				c.uint(&number)
			}
		}
		return
	}
	v.Units = make([]*Unit, len(units))
	for i := range v.Units {
		at := c.below(len(units))
		if c.err != nil || units[at] == nil {
			c.fail()
			return
		}
		v.Units[i], units[at] = units[at], nil // each appears once
	}
	v.index()
	all := make([]*Unit, c.below(len(c.buf)+1))
	for i := range v.uses {
		n := c.below(len(all) + 1)
		v.uses[i], all = all[:n:n], all[n:]
		for j := range n {
			if at := c.below(len(v.Units)); c.err == nil {
				v.uses[i][j] = v.Units[at]
			}
		}
		if c.err != nil {
			return
		}
	}
	v.invert()
}

// below reads a number that is less than limit; 0 if it is not.
func (c *coder) below(limit int) int {
	var n uint64
	if c.uint(&n); n >= uint64(limit) {
		c.fail()
		return 0
	}
	return int(n)
}

// roots codes the roots' folders and modules; it returns false if the input has
// other roots.
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
		type module struct{ dir, name string }
		var modules []module
		for _, d := range slices.Sorted(maps.Keys(r.Modules)) {
			modules = append(modules, module{d, r.Modules[d]})
		}
		list(c, nil, &modules, func(m *module) { c.string(&m.dir); c.string(&m.name) })
		if !c.writing {
			r.Modules = map[string]string{}
			for _, m := range modules {
				r.Modules[m.dir] = m.name
			}
		}
	}
	return c.err == nil
}

func (c *coder) dir(v **Dir) {
	if c.writing && c.stopped() {
		return
	}
	one(c, &c.dirs, v)
	d := *v
	num(c, &d.Root)
	c.string(&d.Path)
	c.string(&d.ImportPath)
	c.string(&d.Package)
	c.bool(&d.InUnits)
	num(c, &d.ReadAt)
	list(c, &c.files, &d.files, func(f *FileStat) {
		at := "" // most paths are already in the table, for a spec or its code
		if c.writing {
			at = joinPath(d.Path, f.Name)
		}
		if c.string(&at); !c.writing {
			f.Name = path.Base(at)
		}
		num(c, &f.Size)
		num(c, &f.ModTime)
		c.bytes(f.Hash[:])
	})
	list(c, &c.unitPtr, &d.Units, func(u **Unit) {
		if one(c, &c.units, u); !c.writing {
			(*u).Dir = d
		}
		c.unit(*u)
	})
	list(c, nil, &d.Exports, func(e **Export) {
		if !c.writing {
			*e = &Export{Code: &Code{}}
		}
		c.bool(&(*e).Owes)
		c.code((*e).Code)
	})
	list(c, nil, &d.Helpers, func(h **Helper) {
		if !c.writing {
			*h = &Helper{}
		}
		c.string(&(*h).Symbol)
		list(c, &c.refs, &(*h).Refs, c.ref)
		list(c, &c.impure, &(*h).Impure, c.evidence)
	})
	list(c, &c.imports, &d.Imports, func(i *FileImport) {
		c.string(&i.File)
		c.bool(&i.Test)
		c.bool(&i.Ignored)
		c.string(&i.Path)
		c.pos(&i.Pos)
	})
	c.strings(&d.Standard)
	c.strings(&d.Types)
	list(c, &c.refs, &d.Names, c.ref)
	list(c, nil, &d.Faults, func(f *Fault) { c.string(&f.Rule); c.string(&f.File); c.pos(&f.Pos); c.string(&f.Message) })
}

func (c *coder) pos(p *source.Pos) { num(c, &p.Line); num(c, &p.Column) }

func (c *coder) unit(u *Unit) {
	c.string(&u.ID)
	c.string(&u.File)
	c.bytes(u.Hash[:])
	c.bool(&u.Unread)
	c.spec(&u.Spec)
	list(c, nil, &u.Problems, func(p *spec.Problem) {
		c.string(&p.Rule)
		num(c, &p.Pos.Line)
		num(c, &p.Pos.Column)
		c.string(&p.Message)
		c.string(&p.Hint)
		c.string(&p.Key)
		c.string(&p.Suggestion)
	})
	optionally(c, &c.codes, &u.Code, c.code)
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
	list(c, &c.specs, &s.Params, func(p *spec.Param) { c.string(&p.Name); c.string(&p.Desc) })
	c.bool(&s.ReturnsOptional)
	c.bool(&s.Tested)
	bits := math.Float64bits(s.BinaryMBMax)
	if c.uint(&bits); !c.writing {
		s.BinaryMBMax = math.Float64frombits(bits)
	}
}

func (c *coder) code(v *Code) {
	num(c, &v.Kind)
	c.string(&v.Symbol)
	c.string(&v.File)
	c.pos(&v.Pos)
	c.string(&v.Signature)
	list(c, &c.params, &v.Params, func(p *Param) { c.field(&p.Field); list(c, &c.fields, &p.Config, c.field) })
	list(c, &c.fields, &v.Results, c.field)
	list(c, &c.fields, &v.Fields, c.field)
	c.strings(&v.Imports)
	c.strings(&v.BuildTags)
	c.string(&v.TestFile)
	list(c, &c.tests, &v.Tests, func(t *TestName) { c.string(&t.Name); c.pos(&t.Pos); c.bool(&t.Skips) })
	c.bool(&v.Reached)
	list(c, &c.refs, &v.Refs, c.ref)
	list(c, &c.impure, &v.Impure, c.evidence)
	c.strings(&v.Calls)
	optionally(c, nil, &v.NilNil, c.pos)
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

func (c *coder) evidence(e *Evidence) {
	c.string(&e.What)
	c.string(&e.File)
	c.pos(&e.Pos)
	c.strings(&e.Via)
}

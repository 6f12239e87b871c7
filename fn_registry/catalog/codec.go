package catalog

import (
	"context"
	"encoding/binary"
	"errors"
	"unsafe"

	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// coder writes or reads a snapshot: each type has one method that lists its
// fields in order and serves both directions, so the two can't diverge. Writing
// changes nothing: others may read meanwhile. Integers are varints. Strings are
// indexes into a table without duplicates, and are read as substrings of the
// one block that holds their text; everything else that is read is allocated in
// blocks, too (see slab).
type coder struct {
	writing bool
	buf     []byte // written so far, or still to be read
	numbers map[string]uint64
	table   []string
	text    int // bytes of the table's strings
	err     error
	ctx     context.Context // of writing; nil: it is not interrupted
	slabs
}

// stopped reports whether writing has been given up.
func (c *coder) stopped() bool {
	if c.err == nil && c.ctx != nil {
		c.err = context.Cause(c.ctx)
	}
	return c.err != nil
}

// slabs allocate what is read, by type.
type slabs struct {
	dirs    slab[Dir]
	units   slab[Unit]
	unitPtr slab[*Unit]
	codes   slab[Code]
	params  slab[Param]
	specs   slab[spec.Param]
	fields  slab[source.Field]
	files   slab[FileStat]
	imports slab[FileImport]
	refs    slab[Ref]
	tests   slab[TestName]
	impure  slab[Evidence]
	strs    slab[string]
}

// slab hands out parts of larger blocks: 100,000 units are millions of short
// slices, each of which would cost an allocation and be rounded up in size. A
// block is freed once everything in it is.
type slab[T any] struct {
	free []T
	want int // number of elements written, and so to be read: the size of the first block; 0 if unknown
}

const slabSize = 512 // elements of a block of unknown want

// take returns n zero elements. A nil slab allocates them separately.
func (s *slab[T]) take(n int) []T {
	switch {
	case s == nil:
		return make([]T, n)
	case n <= len(s.free):
	case n <= s.want:
		s.free, s.want = make([]T, s.want), 0
	case n > slabSize/8:
		return make([]T, n)
	default:
		s.free = make([]T, slabSize)
	}
	taken := s.free[:n:n]
	s.free = s.free[n:]
	return taken
}

// one codes a non-nil pointer.
func one[T any](c *coder, s *slab[T], v **T) {
	if !c.writing {
		*v = &s.take(1)[0]
	} else if s != nil {
		s.want++
	}
}

var errSnapshot = errors.New("the snapshot is truncated or corrupt")

func (c *coder) fail() {
	if c.err == nil {
		c.err = errSnapshot
	}
	c.buf = nil
}

func (c *coder) uint(v *uint64) {
	if c.writing {
		c.buf = binary.AppendUvarint(c.buf, *v)
		return
	}
	got, n := binary.Uvarint(c.buf)
	if n <= 0 {
		c.fail()
		*v = 0
		return
	}
	*v, c.buf = got, c.buf[n:]
}

type integer interface {
	~int | ~int8 | ~int64 | ~uint8
}

// num codes an integer in zigzag form.
func num[T integer](c *coder, v *T) {
	x := int64(*v)
	u := uint64(x<<1) ^ uint64(x>>63)
	if c.uint(&u); !c.writing {
		*v = T(int64(u>>1) ^ -int64(u&1))
	}
}

func (c *coder) bool(v *bool) {
	var u uint64
	if *v {
		u = 1
	}
	if c.uint(&u); !c.writing {
		*v = u != 0
	}
}

func (c *coder) bytes(v []byte) {
	if c.writing {
		c.buf = append(c.buf, v...)
		return
	}
	if len(c.buf) < len(v) {
		c.fail()
		return
	}
	c.buf = c.buf[copy(v, c.buf):]
}

func (c *coder) string(v *string) {
	if !c.writing {
		var n uint64
		if c.uint(&n); n >= uint64(len(c.table)) {
			c.fail()
			return
		}
		*v = c.table[n]
		return
	}
	n, known := c.numbers[*v]
	if !known {
		n = uint64(len(c.table))
		c.numbers[*v] = n
		c.table = append(c.table, *v)
		c.text += len(*v)
	}
	c.uint(&n)
}

// list codes a slice. A length that the rest of the input can't contain is
// corrupt, so no input allocates more than a fixed multiple of its own size.
// Empty and nil are distinguished: in specs [] differs from a missing list.
func list[T any](c *coder, s *slab[T], v *[]T, each func(*T)) {
	n := uint64(len(*v))
	if *v != nil {
		n++
	}
	c.uint(&n)
	if !c.writing {
		switch {
		case n == 0:
			*v = nil
			return
		case n == 1:
			*v = []T{}
			return
		case n-1 > uint64(len(c.buf)):
			c.fail()
			return
		}
		*v = s.take(int(n - 1))
	}
	if c.writing && s != nil {
		s.want += len(*v)
	}
	for i := range *v {
		if c.err != nil {
			return
		}
		each(&(*v)[i])
	}
}

func (c *coder) strings(v *[]string) { list(c, &c.strs, v, c.string) }

// optionally codes a pointer that may be nil.
func optionally[T any](c *coder, s *slab[T], v **T, each func(*T)) {
	set := *v != nil
	c.bool(&set)
	if !set {
		return
	}
	one(c, s, v)
	each(*v)
}

// newWriter allocates room for this many units of the usual size.
func newWriter(units int) *coder {
	return &coder{
		writing: true,
		buf:     make([]byte, 0, 300*units),
		table:   make([]string, 0, 6*units),
		numbers: make(map[string]uint64, 6*units),
	}
}

// lengths returns the number and the lengths of the table's strings, which
// precede everything else.
func (c *coder) lengths() []byte {
	head := binary.AppendUvarint(make([]byte, 0, 5+2*len(c.table)), uint64(len(c.table)))
	for _, s := range c.table {
		head = binary.AppendUvarint(head, uint64(len(s)))
	}
	return head
}

// newReader takes ownership of both, which must not change any more: text holds
// the table's strings, concatenated, and data what lengths and the methods
// wrote.
func newReader(text, data []byte) *coder {
	c := &coder{buf: data}
	var count uint64
	c.uint(&count)
	if count > uint64(len(c.buf)) {
		c.fail()
		return c
	}
	c.table = make([]string, count)
	for i := range c.table {
		var n uint64
		if c.uint(&n); n > uint64(len(text)) {
			c.fail()
			return c
		}
		if n > 0 {
			c.table[i] = unsafe.String(&text[0], n)
		}
		text = text[n:]
	}
	return c
}

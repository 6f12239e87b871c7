package catalog

import (
	"encoding/binary"
	"errors"
	"unsafe"
)

// coder writes or reads a snapshot: each type has one method that names its fields in order and serves both ways,
// so the two can't drift apart. Integers are varints. Strings are numbers into a table that holds each once, and are
// read as parts of the one block that the table is: loading allocates slices, not strings.
type coder struct {
	writing bool
	buf     []byte // written so far, or still to be read
	numbers map[string]uint64
	table   []string
	err     error
}

var errSnapshot = errors.New("the snapshot is cut short or corrupt")

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
	c.uint(&u)
	*v = T(int64(u>>1) ^ -int64(u&1))
}

func (c *coder) bool(v *bool) {
	var u uint64
	if *v {
		u = 1
	}
	c.uint(&u)
	*v = u != 0
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
	}
	c.uint(&n)
}

// list codes a slice. A length that the rest of the input can't hold is corrupt, so no input makes it allocate more
// than a fixed multiple of its own size. Empty and nil are kept apart: specs tell [] from nothing.
func list[T any](c *coder, v *[]T, each func(*T)) {
	n := uint64(len(*v))
	if *v != nil {
		n++
	}
	c.uint(&n)
	if !c.writing {
		if n == 0 {
			*v = nil
			return
		}
		if n-1 > uint64(len(c.buf)) {
			c.fail()
			return
		}
		*v = make([]T, n-1)
	}
	for i := range *v {
		if c.err != nil {
			return
		}
		each(&(*v)[i])
	}
}

func (c *coder) strings(v *[]string) { list(c, v, c.string) }

// optional codes a pointer that may be nil.
func optionally[T any](c *coder, v **T, each func(*T)) {
	set := *v != nil
	c.bool(&set)
	if !set {
		return
	}
	if !c.writing {
		*v = new(T)
	}
	each(*v)
}

// finish returns what was written, the string table first.
func (c *coder) finish() []byte {
	size := 0
	for _, s := range c.table {
		size += len(s) + 3
	}
	out := make([]byte, 0, size+len(c.buf)+16)
	out = binary.AppendUvarint(out, uint64(len(c.table)))
	for _, s := range c.table {
		out = binary.AppendUvarint(out, uint64(len(s)))
	}
	for _, s := range c.table {
		out = append(out, s...)
	}
	return append(out, c.buf...)
}

// newReader takes over data, which must not change any more: the strings are parts of it.
func newReader(data []byte) *coder {
	c := &coder{buf: data}
	var count uint64
	c.uint(&count)
	if count > uint64(len(c.buf)) {
		c.fail()
		return c
	}
	lengths := make([]uint64, count)
	total := uint64(0)
	for i := range lengths {
		c.uint(&lengths[i])
		if lengths[i] > uint64(len(data)) {
			c.fail()
			return c
		}
		total += lengths[i]
	}
	if total > uint64(len(c.buf)) {
		c.fail()
		return c
	}
	c.table = make([]string, count)
	for i, n := range lengths {
		if n > 0 {
			c.table[i] = unsafe.String(&c.buf[0], n)
		}
		c.buf = c.buf[n:]
	}
	return c
}

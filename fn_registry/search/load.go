package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// ErrDamaged is wrapped by all errors of [Load]: the data is not an index, has
// another version, or is damaged. Rebuild the index.
var ErrDamaged = errors.New("not a usable search index")

// Load reads what [Index.WriteTo] wrote. The index keeps using data, which
// must not change any more. Everything in data is checked, so that no content,
// however made, can cause a panic later. Errors wrap [ErrDamaged].
func Load(data []byte) (*Index, error) {
	x, err := load(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return x, nil
}

var errTruncated = errors.New("it is truncated")

func load(data []byte) (*Index, error) {
	if !strings.HasPrefix(string(data[:min(len(data), len(magic))]), magic[:6]) {
		return nil, errors.New("it has no index header")
	}
	if len(data) < len(magic)+8 {
		return nil, errTruncated
	}
	if string(data[:len(magic)]) != magic {
		return nil, errors.New("it was written by another version")
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, errors.New("its checksum is wrong")
	}
	n := int(binary.LittleEndian.Uint32(body[len(magic):]))
	r := sectionReader{rest: body[len(magic)+4:]}
	var parts []part
	for range n {
		p := part{seg: new(segment)}
		if err := r.part(&p); err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	if len(r.rest) > 0 {
		return nil, errors.New("there is data after its end")
	}
	return newIndex(parts), nil
}

type sectionReader struct{ rest []byte }

func (r *sectionReader) part(p *part) error {
	for _, b := range p.sections() {
		if len(r.rest) < 8 {
			return errTruncated
		}
		n := binary.LittleEndian.Uint64(r.rest)
		r.rest = r.rest[8:]
		if n > uint64(len(r.rest)) {
			return errTruncated
		}
		*b = r.rest[:n:n]
		r.rest = r.rest[n:]
	}
	if len(p.dead) == 0 {
		p.dead = nil
	}
	if err := p.check(); err != nil {
		return err
	}
	for doc := range p.seg.len() {
		if p.dead.has(doc) {
			p.deads++
		}
	}
	return nil
}

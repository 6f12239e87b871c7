package search

import (
	"bufio"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
)

// A written index: magic, number of parts, for each part its sections, each
// preceded by its length, and finally a CRC-32C of everything before. Numbers
// are little-endian: 32 bits for counts and the sum, 64 for lengths.

// magic ends in the version of the format. Changing the analysis (fold, stem,
// stop words, weights) also requires a new version: query words would no longer
// be found as they were indexed.
const magic = "fnsrch\x00\x03"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sections lists the stored parts of a segment.
func (s *segment) sections() []*[]byte {
	return []*[]byte{
		(*[]byte)(&s.keys.ends), &s.keys.blob, (*[]byte)(&s.byKey),
		(*[]byte)(&s.words.ends), &s.words.blob, (*[]byte)(&s.inflected),
		(*[]byte)(&s.posts.ends), &s.posts.blob,
		(*[]byte)(&s.forward.ends), &s.forward.blob,
		(*[]byte)(&s.types.ends), &s.types.blob, (*[]byte)(&s.heads),
		(*[]byte)(&s.sigs.ends), &s.sigs.blob,
	}
}

func (p *part) sections() []*[]byte {
	return append(p.seg.sections(), (*[]byte)(&p.dead), (*[]byte)(&p.boosts))
}

// WriteTo writes the index in the form that [Load] reads. It implements
// io.WriterTo.
func (x *Index) WriteTo(w io.Writer) (int64, error) {
	out := &summed{w: bufio.NewWriterSize(w, 1<<16), sum: crc32.New(castagnoli)}
	out.write([]byte(magic))
	out.write(binary.LittleEndian.AppendUint32(nil, uint32(len(x.parts))))
	for i := range x.parts {
		for _, b := range x.parts[i].sections() {
			out.write(binary.LittleEndian.AppendUint64(nil, uint64(len(*b))))
			out.write(*b)
		}
	}
	out.write(binary.LittleEndian.AppendUint32(nil, out.sum.Sum32()))
	if out.err == nil {
		out.err = out.w.Flush()
	}
	return out.n, out.err
}

// summed writes until the first error, and computes the checksum of what it
// writes.
type summed struct {
	w   *bufio.Writer
	sum hash.Hash32
	n   int64
	err error
}

func (s *summed) write(b []byte) {
	if s.err != nil {
		return
	}
	s.sum.Write(b)
	var n int
	n, s.err = s.w.Write(b)
	s.n += int64(n)
}

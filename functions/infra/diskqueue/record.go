package diskqueue

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
)

// A record is the item's length and a checksum of length and item, four bytes
// each in little-endian order, and the item.
const headerBytes = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errRecord reports bytes that are no whole record.
var errRecord = errors.New("no whole record")

func recordBytes(item []byte) int64 { return headerBytes + int64(len(item)) }

func appendRecord(buf, item []byte) []byte {
	var header [headerBytes]byte
	binary.LittleEndian.PutUint32(header[:], uint32(len(item)))
	binary.LittleEndian.PutUint32(header[4:], checksum(header[:4], item))
	return append(append(buf, header[:]...), item...)
}

func checksum(length, item []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli, length), castagnoli, item)
}

// readRecord reads a record of at most limit bytes. A zero length has a
// checksum that is not zero, so that a run of zero bytes is no record.
func readRecord(from io.Reader, limit int64) ([]byte, error) {
	var header [headerBytes]byte
	if limit < headerBytes {
		return nil, errRecord
	}
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return nil, recordError(err)
	}
	n := int64(binary.LittleEndian.Uint32(header[:]))
	if n > min(limit-headerBytes, MaxItemBytes) {
		return nil, errRecord
	}
	item := make([]byte, n)
	if _, err := io.ReadFull(from, item); err != nil {
		return nil, recordError(err)
	}
	if checksum(header[:4], item) != binary.LittleEndian.Uint32(header[4:]) {
		return nil, errRecord
	}
	return item, nil
}

func recordError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errRecord
	}
	return err
}

// reader reads the records of a segment, one after the other.
type reader struct {
	segment *segment
	file    *os.File
	from    *bufio.Reader
	id      uint64 // of the record that comes next
	offset  int64
}

// openReader reads a segment from its first record on, or from behind its
// damage if that is before the record with an ID.
func openReader(s *segment, id uint64) (*reader, error) {
	file, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	r := &reader{segment: s, file: file, from: bufio.NewReaderSize(file, 64<<10), id: s.first}
	if s.resumeID > 0 && id >= s.resumeID {
		r.id, r.offset = s.resumeID, s.resumeAt
		if _, err := file.Seek(r.offset, io.SeekStart); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return r, nil
}

func (r *reader) next() ([]byte, error) {
	item, err := readRecord(r.from, r.segment.size-r.offset)
	if err != nil {
		return nil, err
	}
	r.id++
	r.offset += recordBytes(item)
	return item, nil
}

func (r *reader) close() {
	if r != nil {
		_ = r.file.Close() // it was only read
	}
}

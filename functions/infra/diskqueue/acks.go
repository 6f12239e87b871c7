package diskqueue

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
)

// slotBytes is the size of one of the two slots of an ackFile: an ID and its
// checksum.
const slotBytes = 12

// ackFile keeps the last acknowledged ID. It is written to its two slots by
// turns, so that a write that is cut short leaves the ID before it, and has its
// full size from the beginning, so that a full disk does not matter.
type ackFile struct {
	file *os.File
	turn int64
}

func openAcks(path string) (*ackFile, uint64, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, 0, err
	}
	a := &ackFile{file: file}
	var slots [2 * slotBytes]byte
	n, err := io.ReadFull(file, slots[:])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // it is new, or was when the process was killed
		if _, err = file.WriteAt(slots[n:], int64(n)); err == nil {
			err = file.Sync()
		}
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	var acked uint64
	for turn := range int64(2) {
		slot := slots[turn*slotBytes:][:slotBytes]
		id := binary.LittleEndian.Uint64(slot)
		if binary.LittleEndian.Uint32(slot[8:]) == crc32.Checksum(slot[:8], castagnoli) && id > acked {
			acked, a.turn = id, 1-turn
		}
	}
	return a, acked, nil
}

func (a *ackFile) write(id uint64) error {
	var slot [slotBytes]byte
	binary.LittleEndian.PutUint64(slot[:], id)
	binary.LittleEndian.PutUint32(slot[8:], crc32.Checksum(slot[:8], castagnoli))
	if _, err := a.file.WriteAt(slot[:], a.turn*slotBytes); err != nil {
		return err
	}
	a.turn = 1 - a.turn
	return nil
}

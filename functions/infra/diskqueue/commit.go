package diskqueue

import (
	"errors"
	"io"
	"os"
)

// storage is a segment's file as it is written to.
type storage interface {
	Write(p []byte) (int, error)
	Truncate(size int64) error
	Seek(offset int64, whence int) (int64, error)
	Sync() error
	Close() error
}

var _ storage = (*os.File)(nil)

// commit is what goes to the disk with one flush, for all who wait for it.
type commit struct {
	items [][]byte
	done  chan struct{} // closed when err is set
	err   error
}

// write writes one commit after the other until the queue is closed. What Puts
// wait for then is still written.
func (h *DiskQueueHandle) write() {
	defer close(h.done)
	for {
		select {
		case <-h.wake:
		case <-h.quit:
		}
		h.mu.Lock()
		c, closed := h.pending, h.closed
		h.pending = nil
		h.mu.Unlock()
		if c != nil {
			h.commit(c)
		} else if closed {
			return
		}
	}
}

func (h *DiskQueueHandle) commit(c *commit) {
	var buf []byte
	for _, item := range c.items {
		buf = appendRecord(buf, item)
	}
	last, err := h.room()
	if err == nil {
		err = h.append(buf, last.size)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reserved -= int64(len(buf))
	if c.err = err; err == nil {
		last.count += uint64(len(c.items))
		last.size += int64(len(buf))
		h.announce()
	} else if last != nil {
		h.broken = true
	}
	close(c.done)
}

// room returns the segment to write to. A segment to which a write failed is
// given up: what is behind its last record is not known.
func (h *DiskQueueHandle) room() (*segment, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.segments[len(h.segments)-1]
	if last.count > 0 && (h.broken || last.size >= h.cfg.SegmentBytes) {
		if err := h.begin(last.end()); err != nil {
			return nil, err
		}
		last = h.segments[len(h.segments)-1]
		return last, h.removeAcked()
	}
	if h.broken {
		if err := h.rewindFile(last.size); err != nil {
			return nil, err
		}
		h.broken = false
	}
	return last, nil
}

// append writes records to the end of the last segment and flushes them. On
// failure it takes away what was written of them, as far as that goes.
func (h *DiskQueueHandle) append(records []byte, size int64) error {
	_, err := h.writeFile.Write(records)
	if err == nil {
		err = h.writeFile.Sync()
	}
	if err != nil {
		return errors.Join(err, h.rewindFile(size))
	}
	return nil
}

func (h *DiskQueueHandle) rewindFile(size int64) error {
	if err := h.writeFile.Truncate(size); err != nil {
		return err
	}
	if _, err := h.writeFile.Seek(size, io.SeekStart); err != nil {
		return err
	}
	return h.writeFile.Sync()
}

package diskqueue

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
)

// segment is a file of records with consecutive IDs. Its name is the first one,
// in 20 digits, so that names sort as IDs do.
type segment struct {
	path  string
	first uint64
	count uint64 // records
	size  int64  // bytes that they have; the file may have more, which a crash or a failed write has left

	// Where records can be read again behind damage; 0 if there is none.
	resumeID uint64
	resumeAt int64
}

func (s *segment) end() uint64 { return s.first + s.count }

const segmentEnding = ".seg"

var errLocked = &core.Error{Code: core.CodeConflict, Message: "the queue is open already", Hint: "one process, and one handle in it, uses a folder"}

func (h *DiskQueueHandle) segmentPath(first uint64) string {
	return filepath.Join(h.cfg.Folder, fmt.Sprintf("%020d", first)+segmentEnding)
}

// open locks the folder and finds out what is in it.
func (h *DiskQueueHandle) open() (err error) {
	if err := os.MkdirAll(h.cfg.Folder, 0o700); err != nil {
		return err
	}
	if h.lock, err = lockFile(filepath.Join(h.cfg.Folder, "lock")); err != nil {
		return err
	}
	if h.acks, h.acked, err = openAcks(filepath.Join(h.cfg.Folder, "acked")); err != nil {
		return err
	}
	if err := h.findSegments(); err != nil {
		return err
	}
	if err := h.settleLast(); err != nil {
		return err
	}
	if first := h.segments[0].first; first > h.acked+1 {
		h.acked = first - 1 // the acknowledgment was lost in a power cut, the file it was for is gone
	}
	if h.end() <= h.acked { // the rest is damaged or gone
		if err := h.begin(h.acked + 1); err != nil {
			return err
		}
	}
	h.next = h.acked + 1
	return h.removeAcked()
}

func (h *DiskQueueHandle) findSegments() error {
	entries, err := os.ReadDir(h.cfg.Folder) // sorted by name
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), segmentEnding)
		first, err := strconv.ParseUint(name, 10, 64)
		if !ok || err != nil || len(name) != 20 || first == 0 {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if n := len(h.segments); n > 0 {
			h.segments[n-1].count = first - h.segments[n-1].first
		}
		h.segments = append(h.segments, &segment{path: h.segmentPath(first), first: first, size: info.Size()})
	}
	return nil
}

// settleLast counts the records of the last segment. What follows them is left
// where it is, for who wants to look at it, and another segment is begun.
func (h *DiskQueueHandle) settleLast() error {
	if len(h.segments) == 0 {
		return h.begin(h.acked + 1)
	}
	last := h.segments[len(h.segments)-1]
	r, err := openReader(last, 0)
	if err != nil {
		return err
	}
	defer r.close()
	size := last.size
	for err == nil && r.offset < size {
		_, err = r.next()
	}
	last.count, last.size = r.id-last.first, r.offset
	if err != nil && !errors.Is(err, errRecord) {
		return err
	}
	if err != nil {
		h.damaged(DiskQueueDamage{File: last.path, Offset: r.offset, Bytes: size - r.offset, Items: -1})
		if last.count > 0 {
			return h.begin(last.end())
		}
		if err := os.Truncate(last.path, 0); err != nil { // the next segment would have its name
			return err
		}
	}
	file, err := os.OpenFile(last.path, os.O_WRONLY, 0)
	if err == nil {
		_, err = file.Seek(last.size, io.SeekStart)
		h.writeFile = file
	}
	return err
}

// begin makes a segment and writes to it from now on.
func (h *DiskQueueHandle) begin(first uint64) error {
	path := h.segmentPath(first)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := atomicfile.FolderSync(h.cfg.Folder); err != nil {
		return errors.Join(err, file.Close(), os.Remove(path))
	}
	if h.writeFile != nil {
		_ = h.writeFile.Close() // all of it that counts is on the disk
	}
	if n := len(h.segments); n > 0 {
		h.segments[n-1].count = first - h.segments[n-1].first
	}
	h.segments = append(h.segments, &segment{path: path, first: first})
	h.writeFile, h.broken = file, false
	return nil
}

// removeAcked removes the segments of which every item is acknowledged, but for
// the one that is written to.
func (h *DiskQueueHandle) removeAcked() error {
	for len(h.segments) > 1 && h.segments[0].end() <= h.acked+1 {
		s := h.segments[0]
		if h.reader != nil && h.reader.segment == s { // Windows removes no open file
			h.reader.close()
			h.reader = nil
		}
		if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		h.segments = h.segments[1:]
	}
	return nil
}

// end is the ID after that of the last item.
func (h *DiskQueueHandle) end() uint64 { return h.segments[len(h.segments)-1].end() }

func (h *DiskQueueHandle) bytes() (n int64) {
	for _, s := range h.segments {
		n += s.size
	}
	return n
}

func (h *DiskQueueHandle) damaged(d DiskQueueDamage) {
	if h.cfg.OnDamage != nil {
		h.cfg.OnDamage(d)
	}
}

func (h *DiskQueueHandle) closeFiles() error {
	h.reader.close()
	var errs []error
	if h.writeFile != nil {
		errs = append(errs, h.writeFile.Close())
	}
	if h.acks != nil {
		errs = append(errs, h.acks.file.Close())
	}
	if h.lock != nil {
		errs = append(errs, unlockFile(h.lock))
	}
	return errors.Join(errs...)
}

func (h *DiskQueueHandle) coded(verb string, err error) error {
	result := &core.Error{Op: h.op + " " + verb, Err: err}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		result.Code, result.Hint = core.CodeUnavailable, "make room on the disk"
	}
	return result
}

package file

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"fnregistry.dev/functions/core"
)

// FileRotateConfig says where a log goes and how much of it is kept. The zero
// value of an optional field is its default.
type FileRotateConfig struct {
	// Path is the file that is written to. Older ones lie next to it: Path.1
	// is the newest of them, Path.2 the next, with .gz behind if Gzip. Its
	// folder must exist. Required.
	Path string
	// MaxBytes is the size beyond which the file is rotated. Default: 10 MiB.
	MaxBytes int64
	// Keep is how many older files there are at most. Default: 5; negative:
	// none.
	Keep int
	// MaxAge removes older files whose last line is older than this. They are
	// looked at when the file is opened and at each rotation. Default: age does
	// not matter.
	MaxAge time.Duration
	// Gzip compresses older files.
	Gzip bool
	// Mode is that of new files. Default: 0600.
	Mode fs.FileMode
	// OnError is called for what did not work behind a Write's back: a
	// rotation, compressing, removing. It must not write to the file. Default
	// nil: such an error is left to the next rotation, which tries again.
	OnError func(error)
}

// FileRotateHandle is a file that is written to. Its methods may be called from
// several goroutines at once.
type FileRotateHandle struct {
	cfg FileRotateConfig
	op  string

	mu       sync.Mutex // guards what follows
	file     *os.File
	size     int64
	tryAt    int64 // the size at which a rotation is tried
	closed   bool
	packing  sync.WaitGroup // one goroutine at most
	reported sync.Mutex     // held while OnError is called
}

var _ io.WriteCloser = (*FileRotateHandle)(nil)

// FileRotate opens a file to append to, and rotates it by size. What one Write
// gets is in one file, whole: give it whole lines. Nothing is buffered, so a
// process that is killed loses nothing that Write has returned for, and what
// the kill left half rotated or half compressed the next start or rotation puts
// right.
//
// Where the file can't be rotated, it grows on, and OnError says why: no line
// is lost for that. Errors are *core.Error: CodeInvalid for a bad config, else
// that of the file system. The caller closes it.
//
// More in file_rotate.md:
//   - One process writes to a path: two would rotate each other's files away.
//   - Lines are with the kernel, not on the disk: a power cut may lose the last
//     ones, a kill doesn't.
func FileRotate(cfg FileRotateConfig) (*FileRotateHandle, error) {
	op := "file_rotate path=" + cfg.Path
	if cfg.Path == "" || cfg.MaxBytes < 0 || cfg.MaxAge < 0 || cfg.Mode != cfg.Mode.Perm() {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "no Path, a negative size or age, or a Mode with more than permission bits"}
	}
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 10<<20)
	cfg.Keep = max(cmp.Or(cfg.Keep, 5), 0)
	cfg.Mode = cmp.Or(cfg.Mode, 0o600)
	h := &FileRotateHandle{cfg: cfg, op: op}
	if err := h.open(); err != nil {
		return nil, &core.Error{Op: op, Err: err}
	}
	h.packing.Go(h.tidy)
	return h, nil
}

// Write appends p to the file, in one piece. It rotates before if p would not
// fit. After a failed or short write, as on a full disk, the next one is tried
// as usual.
func (h *FileRotateHandle) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return 0, &core.Error{Code: core.CodeUnavailable, Op: h.op + " write", Message: "the file is closed"}
	}
	if h.size > 0 && h.size+int64(len(p)) > h.tryAt {
		h.rotate()
	}
	n, err := h.file.Write(p)
	h.size += int64(n)
	if err != nil {
		return n, &core.Error{Op: h.op + " write", Err: err}
	}
	return n, nil
}

// Rotate rotates the file now, if there is anything in it.
func (h *FileRotateHandle) Rotate() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.size == 0 {
		return nil
	}
	return h.rotate()
}

// Close waits until older files are compressed, and closes the file. It may be
// called more than once.
func (h *FileRotateHandle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	h.packing.Wait()
	if err := h.file.Close(); err != nil {
		return &core.Error{Op: h.op + " close", Err: err}
	}
	return nil
}

func (h *FileRotateHandle) open() error {
	file, err := os.OpenFile(h.cfg.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, h.cfg.Mode)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &core.Error{Code: core.CodeInvalid, Message: "it is no regular file"}
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if h.file != nil {
		_ = h.file.Close() // every Write has reported its own error
	}
	h.file, h.size, h.tryAt = file, info.Size(), h.cfg.MaxBytes
	return nil
}

// rotate moves the file out of the way and begins another. On failure the file
// is written to as before, and it is tried again when it has grown by a tenth
// of MaxBytes.
func (h *FileRotateHandle) rotate() error {
	h.packing.Wait()
	err := h.shift()
	if err == nil {
		err = h.open()
	}
	if err != nil {
		h.tryAt = h.size + h.cfg.MaxBytes/10
		err = &core.Error{Op: h.op + " rotate", Err: err}
		h.report(err)
		return err
	}
	h.packing.Go(h.tidy)
	return nil
}

func (h *FileRotateHandle) report(err error) {
	if err != nil && h.cfg.OnError != nil {
		h.reported.Lock()
		defer h.reported.Unlock()
		h.cfg.OnError(err)
	}
}

func (h *FileRotateHandle) older(n int) string { return fmt.Sprintf("%s.%d", h.cfg.Path, n) }

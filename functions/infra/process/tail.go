package process

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"io/fs"
	"math"
	"os"
	"time"

	"fnregistry.dev/functions/core"
)

const (
	tailBlock = 64 << 10 // read at once, in both directions
	markBytes = 64       // kept of what was read last, to detect that a file was rewritten
)

// tailer reads a file line by line, and continues with the one that replaces
// it.
type tailer struct {
	cfg  ProcessTailConfig
	each func(ProcessTailLine) error
	poll *time.Ticker

	file   *os.File
	info   fs.FileInfo // of file, when it was last checked
	offset int64       // of the next read
	mark   []byte      // the text before offset

	block  []byte
	waited bool   // the file has been unreadable
	state  string // why it can't be read, as reported; empty while it can
	failed error  // error of each

	line    []byte // the line read so far, without its end
	dropped int64  // bytes of it that were dropped
}

func newTailer(cfg ProcessTailConfig, each func(ProcessTailLine) error) *tailer {
	cfg.Lines = cmp.Or(cfg.Lines, DefaultTailLines)
	cfg.Poll = cmp.Or(cfg.Poll, DefaultTailPoll)
	cfg.MaxLineBytes = cmp.Or(cfg.MaxLineBytes, DefaultMaxLineBytes)
	return &tailer{cfg: cfg, each: each, poll: time.NewTicker(cfg.Poll), block: make([]byte, tailBlock)}
}

func (t *tailer) close() {
	if t.file != nil {
		t.file.Close()
	}
}

func (t *tailer) sleep(ctx context.Context) error {
	select {
	case <-t.poll.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait reports why the file can't be read, and sleeps.
func (t *tailer) wait(ctx context.Context, err error) error {
	t.waited = true
	t.report(err)
	return t.sleep(ctx)
}

// report reports a change of state.
func (t *tailer) report(err error) {
	state := ""
	if err != nil {
		state = err.Error()
		err = &core.Error{Op: "process_tail path=" + t.cfg.Path, Err: err}
	}
	if state != t.state && t.cfg.OnState != nil {
		t.cfg.OnState(err)
	}
	t.state = state
}

// seekLines sets offset to the start of the last lines.
func (t *tailer) seekLines(ctx context.Context) (err error) {
	switch {
	case t.cfg.FromStart:
		return nil
	case t.cfg.Lines < 0:
		t.offset = t.info.Size()
		t.mark = make([]byte, min(markBytes, t.offset))
		if _, err = t.file.ReadAt(t.mark, t.offset-int64(len(t.mark))); err == io.EOF {
			err = nil // truncated meanwhile: its size has changed
		}
	default:
		t.offset, err = lastLines(ctx, t.file, t.info.Size(), t.cfg.Lines, t.block)
	}
	return err
}

// lastLines returns the start of the last n lines of the first size bytes. It
// reads backwards, a block at a time. A line end at the very end closes the
// last line rather than beginning another. A sparse file may have terabytes:
// ctx ends the search.
func lastLines(ctx context.Context, file io.ReaderAt, size int64, n int, block []byte) (int64, error) {
	for end := size; end > 0; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		start := max(end-int64(len(block)), 0)
		part := block[:end-start]
		if _, err := file.ReadAt(part, start); err == io.EOF {
			return 0, nil // it was truncated meanwhile
		} else if err != nil {
			return 0, err
		}
		if end == size && part[len(part)-1] == '\n' {
			part = part[:len(part)-1]
		}
		for i := bytes.LastIndexByte(part, '\n'); i >= 0; i = bytes.LastIndexByte(part, '\n') {
			if n--; n == 0 {
				return start + int64(i) + 1, nil
			}
			part = part[:i]
		}
		end = start
	}
	return 0, nil
}

// read reads up to the file's end, or to limit.
func (t *tailer) read(ctx context.Context, limit int64) error {
	for t.offset < limit {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := t.block[:min(int64(len(t.block)), limit-t.offset)]
		n, err := t.file.ReadAt(part, t.offset)
		if n > 0 {
			t.remember(part[:n])
			t.offset += int64(n)
			if err := t.split(part[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// split splits the data into lines.
func (t *tailer) split(data []byte) error {
	for {
		part, rest, found := bytes.Cut(data, []byte{'\n'})
		// Otherwise there is nothing to join.
		if !found || len(t.line) > 0 || t.dropped > 0 || len(part) > t.cfg.MaxLineBytes {
			room := min(t.cfg.MaxLineBytes-len(t.line), len(part))
			t.line = append(t.line, part[:room]...)
			t.dropped += int64(len(part) - room)
			part = t.line
		}
		if !found {
			return nil
		}
		data = rest
		if err := t.emit(part, false); err != nil {
			return err
		}
	}
}

// flush delivers a line that has no end and will not get one.
func (t *tailer) flush() error {
	if len(t.line) == 0 && t.dropped == 0 {
		return nil
	}
	return t.emit(t.line, true)
}

func (t *tailer) emit(text []byte, partial bool) error {
	if !partial && t.dropped == 0 {
		text = bytes.TrimSuffix(text, []byte{'\r'})
	}
	line := ProcessTailLine{Text: string(text), Dropped: t.dropped, Partial: partial}
	t.line, t.dropped = t.line[:0], 0
	t.failed = t.each(line)
	return t.failed
}

// follow reads what is added until ctx is done, or each fails. Nothing else
// ends it: problems are reported, and it retries.
func (t *tailer) follow(ctx context.Context) error {
	err := t.read(ctx, math.MaxInt64)
	for {
		switch {
		case t.failed != nil:
			return t.failed
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if err := t.wait(ctx, err); err != nil {
			return err
		}
		err = t.look(ctx)
	}
}

// look continues reading from the file that currently has the name.
func (t *tailer) look(ctx context.Context) error {
	next, err := os.Stat(t.cfg.Path)
	switch {
	case err != nil:
		// Until another file replaces it, the old one may still be written.
		return cmp.Or(t.failedOrDone(ctx, t.read(ctx, math.MaxInt64)), err)
	case !os.SameFile(next, t.info):
		err = t.change(ctx)
	default:
		err = t.again(next)
	}
	if err != nil {
		return err
	}
	return t.read(ctx, math.MaxInt64)
}

// failedOrDone returns only errors that end the following.
func (t *tailer) failedOrDone(ctx context.Context, err error) error {
	if t.failed != nil || ctx.Err() != nil {
		return err
	}
	return nil
}

// change reads the old file to its end, since it was written until it was
// renamed, and continues with the new one, even if the old one can no longer be
// read.
func (t *tailer) change(ctx context.Context) error {
	if err := t.failedOrDone(ctx, t.read(ctx, math.MaxInt64)); err != nil {
		return err
	}
	if err := t.flush(); err != nil {
		return err
	}
	return t.open()
}

// again goes back to the start if the file was truncated or rewritten.
func (t *tailer) again(next fs.FileInfo) error {
	anew := next.Size() < t.offset
	if !anew && !next.ModTime().Equal(t.info.ModTime()) {
		same, err := t.marked()
		if err != nil {
			return err
		}
		anew = !same
	}
	t.info = next
	if !anew {
		return nil
	}
	t.offset, t.mark = 0, nil
	return t.flush()
}

// remember keeps the end of what was read.
func (t *tailer) remember(data []byte) {
	t.mark = append(t.mark, data[max(0, len(data)-markBytes):]...)
	t.mark = t.mark[max(0, len(t.mark)-markBytes):]
}

// marked reports whether the file still contains what was read last.
func (t *tailer) marked() (bool, error) {
	now := make([]byte, len(t.mark))
	_, err := t.file.ReadAt(now, t.offset-int64(len(t.mark)))
	if err == io.EOF {
		return false, nil
	}
	return bytes.Equal(now, t.mark), err
}

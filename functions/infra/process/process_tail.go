package process

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"fnregistry.dev/functions/core"
)

// Defaults of ProcessTailConfig.
const (
	DefaultTailLines    = 10
	DefaultMaxLineBytes = 64 << 10
	DefaultTailPoll     = 250 * time.Millisecond
)

// ProcessTailConfig says what to read. The zero value of an optional field is
// its default.
type ProcessTailConfig struct {
	// Path names a regular file, or a link to one. Required.
	Path string
	// Lines is how many of the last lines to begin with. Default: 10;
	// negative: none.
	Lines int
	// FromStart begins with the first line. Lines is unused then.
	FromStart bool
	// Follow reads on what is written later. Default: it ends at the end of
	// the file.
	Follow bool
	// Poll is how often Follow looks. Default: 250 ms.
	Poll time.Duration
	// OnState is called with Follow, in the caller's goroutine, when the file
	// can't be read any more, or for another reason than before, and with nil
	// when it can be again. The error is a *core.Error. Default nil: that is
	// not reported.
	OnState func(err error)
	// MaxLineBytes is how much of a line is kept; the rest is dropped.
	// Default: 64 KiB.
	MaxLineBytes int
}

// ProcessTailLine is a line of the file.
type ProcessTailLine struct {
	// Text is the line without its \n or \r\n. It may be invalid UTF-8.
	Text string
	// Dropped counts the bytes beyond MaxLineBytes.
	Dropped int64
	// Partial reports that the line has no end: the last of the file
	// without Follow, or of one that was rotated or truncated.
	Partial bool
}

// ProcessTail calls each with the last lines of a file, oldest first, and with
// Follow also with the lines that are written later, until ctx is done. It
// finds the last lines by reading backwards, and never holds more of the file
// in memory than a block and a line. It runs in the goroutine of the caller: a
// slow each only delays the reading.
//
// Follow reads on by the name: when the file was renamed or removed and another
// one stands in its place, the old one is read to its end and the new one from
// its start. A file that was truncated or rewritten in place, is read from its
// start. A file that is not there, may not be read, or fails to, is waited for,
// as by tail -F, and so is one that something else has replaced, unless that is
// so from the start. OnState is called with the reason.
//
// Without Follow it returns at the file's end; with Follow, when ctx is done:
// nil in both cases. An error of each ends it and is returned, wrapped. Other
// errors are *core.Error: without Follow CodeNotFound, CodeForbidden, and
// CodeCanceled or CodeTimeout if ctx is done; CodeInvalid for something that is
// no regular file.
//
// More in process_tail.md:
//   - Follow delivers a line once its line end is written.
//   - Two rotations between two polls lose the file in the middle, and what a
//     program writes to a file after another has taken its place is lost, too.
func ProcessTail(ctx context.Context, cfg ProcessTailConfig, each func(line ProcessTailLine) error) error {
	op := "process_tail path=" + cfg.Path
	if cfg.Path == "" || cfg.Poll < 0 || cfg.MaxLineBytes < 0 {
		return &core.Error{
			Code:    core.CodeInvalid,
			Op:      op,
			Message: "Path is required, and Poll and MaxLineBytes can't be negative",
		}
	}
	t := newTailer(cfg, each)
	defer t.close()
	err := t.run(ctx)
	if err == nil || cfg.Follow && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return &core.Error{Op: op, Err: err}
}

func (t *tailer) run(ctx context.Context) error {
	if !t.cfg.Follow {
		return t.readOnce(ctx)
	}
	allNew := false
	for {
		err := t.open()
		if err == nil && !allNew {
			err = t.seekLines(ctx)
		}
		switch {
		case err == nil:
			t.report(nil)
			return t.follow(ctx)
		case ctx.Err() != nil:
			return ctx.Err()
		case core.ErrorCode(err) == core.CodeInvalid && !t.waited:
			return err
		case errors.Is(err, fs.ErrNotExist):
			allNew = true // once it exists
		}
		if err := t.wait(ctx, err); err != nil {
			return err
		}
	}
}

func (t *tailer) readOnce(ctx context.Context) error {
	if err := t.open(); err != nil {
		return err
	}
	if err := t.seekLines(ctx); err != nil {
		return err
	}
	if err := t.read(ctx, t.info.Size()); err != nil {
		return err
	}
	return t.flush()
}

// open opens the file that currently has the name.
func (t *tailer) open() error {
	// Checked first: opening a named pipe would wait for its writer.
	if info, err := os.Stat(t.cfg.Path); err != nil {
		return err
	} else if !info.Mode().IsRegular() {
		return &core.Error{Code: core.CodeInvalid, Message: "is not a regular file"}
	}
	file, err := os.Open(t.cfg.Path)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return err
	}
	t.close()
	t.file, t.info, t.offset, t.mark = file, info, 0, nil
	return nil
}

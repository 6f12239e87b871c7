package file

import (
	"cmp"
	"context"
	"io/fs"
	"os"
	"time"

	"fnregistry.dev/functions/core"
)

// FileSettledConfig says when a file counts as settled. The zero value of a
// field is its default.
type FileSettledConfig struct {
	// Quiet is how long the file must not have changed. Default: 2 s.
	Quiet time.Duration
	// Poll is the time between two looks. Default: a quarter of Quiet.
	Poll time.Duration
}

// FileSettled waits until a file is complete: until its size, time of
// modification and identity have been the same for cfg.Quiet, as seen by looks
// cfg.Poll apart. It returns the file's last info. Programs that write a file
// in place, such as cameras, uploads and downloads, give no other sign that it
// is complete.
//
// Errors are *core.Error: CodeNotFound if the file does not exist or is removed
// meanwhile, CodeInvalid if it is not a regular file or the config is negative,
// CodeTimeout and CodeCanceled when ctx ends first.
//
// More in file_settled.md:
//   - It is a guess: a writer that pauses for longer than Quiet looks finished.
//   - It waits for at least Quiet, also for a file that is years old.
func FileSettled(ctx context.Context, path string, cfg FileSettledConfig) (fs.FileInfo, error) {
	op := "file_settled path=" + path
	if cfg.Quiet < 0 || cfg.Poll < 0 {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "Quiet or Poll is negative"}
	}
	cfg.Quiet = cmp.Or(cfg.Quiet, 2*time.Second)
	cfg.Poll = cmp.Or(cfg.Poll, cfg.Quiet/4)
	ticker := time.NewTicker(max(cfg.Poll, time.Millisecond))
	defer ticker.Stop()
	var last fs.FileInfo
	var since time.Time
	for {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, &core.Error{Op: op, Err: err}
		case !info.Mode().IsRegular():
			return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "it is not a regular file"}
		case last == nil || changed(last, info):
			last, since = info, time.Now()
		case time.Since(since) >= cfg.Quiet:
			return info, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, &core.Error{Op: op, Message: "it is still changing", Err: context.Cause(ctx)}
		}
	}
}

// changed reports whether a file was written to, or another took its place.
func changed(before, now fs.FileInfo) bool {
	return now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime()) || !os.SameFile(before, now)
}

package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
)

// FileWatchConfig says what to watch. Only Roots is required.
type FileWatchConfig struct {
	// Roots are the folders to watch, with all below them. They must exist. A
	// root that is a symbolic link is followed; links below it are not, but a
	// change of the link itself is reported.
	Roots []string
	// IgnoreFolders are patterns (path.Match) for names of folders that are
	// left out with all that is in them; nil: ".*" and "node_modules", which
	// takes .git in; empty and not nil: nothing. Roots are never ignored.
	IgnoreFolders []string
	// Debounce is how long nothing must happen before a batch is delivered, so
	// that a checkout or a build comes as one. A batch is held up by new
	// changes for ten times as long at most. Zero or negative: 100 ms.
	Debounce time.Duration
	// SweepInterval is how often the whole tree is compared with what is known,
	// for changes that the system did not report: network mounts, memory-mapped
	// writes, a full queue, a reached limit. A sweep that takes long is
	// followed by a pause of at least four times its length. Zero: 30 s;
	// negative: only when the system says that it lost events.
	SweepInterval time.Duration
	// MaxPaths is how many paths a batch, and what is noted for the next one,
	// may hold. Beyond that a batch says All instead. Zero or negative: 4096.
	MaxPaths int
}

// FileWatchBatch is what has changed since the batch before.
type FileWatchBatch struct {
	// Paths are the files that were made, changed or removed, absolute (a
	// root's own symbolic links are not resolved), sorted, each once. Whether a
	// file is still there, and what is in it, is for the receiver to check.
	// Folders are not reported, only the files in them.
	Paths []string
	// All says that too much changed to name it: everything below the roots may
	// have. Paths is nil then.
	All bool
}

// FileWatchStatus says how well the tree is watched.
type FileWatchStatus struct {
	Folders   int           // known folders, without the ignored ones
	Watched   int           // of these, how many the system reports changes in; the others have the sweep alone
	Files     int           // known files
	LastSweep time.Time     // when the tree was last compared as a whole; the start counts
	SweepTook time.Duration // and how long that took
}

// FileWatchHandle is a running watch.
type FileWatchHandle struct {
	// Events delivers batches. A slow receiver loses nothing and blocks
	// nothing: what changes meanwhile is added to the batch that waits. Closed
	// when the watch has ended.
	Events <-chan FileWatchBatch
	// Errors reports what does not work as it should, each thing once until it
	// works again: a folder that can't be read or is gone, events that were
	// lost, a limit of the system ([core.CodeLimited]). None of them ends the
	// watch. It holds 16; without a receiver later ones are dropped. Closed
	// when the watch has ended.
	Errors <-chan error

	// The watch's life cycle. Done is closed after both channels, which need
	// not be read for it. Err is always nil: nothing but Stop and ctx ends a
	// watch.
	*service.ServiceStartHandle

	status *atomic.Pointer[FileWatchStatus]
}

var _ service.Service = (*FileWatchHandle)(nil)

// Status reports how well the tree is watched, as of the last batch or sweep.
func (h *FileWatchHandle) Status() FileWatchStatus { return *h.status.Load() }

// FileWatch watches folders recursively, including new subfolders, and delivers
// batches of changed files. Existing files are not reported; every change after
// FileWatch has returned is, at the latest by the next sweep.
//
// If the system can't watch all folders (inotify's limit, a file system without
// events), it reports that on Errors, watches as many as it can, starting at
// the top, and finds changes in the others by sweeping.
//
// It ends with ctx or by Stop; the caller stops it. It keeps about 150 bytes
// for each file. Errors are *[core.Error]: [core.CodeInvalid] (no roots, a root
// that is no folder, a bad pattern), [core.CodeNotFound], [core.CodeForbidden],
// or ctx's.
//
// More in file_watch.md:
//   - A path in a batch only says "look here": the file may have been removed
//     or be unchanged.
//   - Handle All by reading everything again, or you will miss large changes
//     such as a checkout.
func FileWatch(ctx context.Context, cfg FileWatchConfig) (*FileWatchHandle, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	w := newWatch(cfg)
	if err := w.start(ctx); err != nil {
		return nil, err
	}
	running, err := service.ServiceStart(ctx, service.ServiceStartConfig{Name: "file_watch", Run: w.run})
	if err != nil {
		return nil, err
	}
	return &FileWatchHandle{Events: w.events, Errors: w.errors, ServiceStartHandle: running, status: &w.status}, nil
}

func (cfg FileWatchConfig) withDefaults() (FileWatchConfig, error) {
	invalid := func(format string, args ...any) error {
		return &core.Error{Code: core.CodeInvalid, Op: "file_watch", Message: fmt.Sprintf(format, args...)}
	}
	if len(cfg.Roots) == 0 {
		return cfg, invalid("no roots")
	}
	roots := make([]string, 0, len(cfg.Roots))
	for _, root := range cfg.Roots {
		abs, err := filepath.Abs(root)
		if err != nil {
			return cfg, &core.Error{Op: "file_watch root=" + root, Err: err}
		}
		info, err := os.Stat(abs)
		if err != nil {
			return cfg, &core.Error{Op: "file_watch", Err: err}
		}
		if !info.IsDir() {
			return cfg, invalid("%s is not a folder", root)
		}
		roots = append(roots, abs)
	}
	cfg.Roots = roots
	if cfg.IgnoreFolders == nil {
		cfg.IgnoreFolders = []string{".*", "node_modules"}
	}
	for _, pattern := range cfg.IgnoreFolders {
		if _, err := filepath.Match(pattern, ""); err != nil {
			return cfg, invalid("bad pattern %q in IgnoreFolders", pattern)
		}
	}
	if cfg.Debounce <= 0 {
		cfg.Debounce = 100 * time.Millisecond
	}
	if cfg.SweepInterval == 0 {
		cfg.SweepInterval = 30 * time.Second
	}
	if cfg.MaxPaths <= 0 {
		cfg.MaxPaths = 4096
	}
	return cfg, nil
}

package file

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"fnregistry.dev/functions/core"
)

// watch is the state of a running FileWatch. Once it runs, one goroutine owns
// everything except status.
type watch struct {
	cfg    FileWatchConfig
	events chan FileWatchBatch
	errors chan error
	status atomic.Pointer[FileWatchStatus]

	notify  *fsnotify.Watcher // nil while the system provides none
	limited error             // why the system refuses to watch more; the next sweep retries

	folders        map[string]*watchFolder // by absolute path
	files, watched int

	dirty    map[string]bool // paths that the system reported; true: more than attributes changed
	distrust bool            // events were lost, so the next sweep distrusts recent time stamps

	silent  bool // the first scan: everything is new, and nothing is reported
	pending map[string]struct{}
	all     bool
	ready   *FileWatchBatch  // pending and all, as a batch
	told    map[string]error // reported errors that are not resolved, by path or topic

	lastSweep time.Time
	sweepTook time.Duration
}

// Keys of watch.told other than paths; no absolute path equals them or begins
// with them.
const (
	topicLimit = "limit"
	topicLost  = "lost"
	topicWatch = "watch " // followed by a path
)

func newWatch(cfg FileWatchConfig) *watch {
	return &watch{
		cfg: cfg, events: make(chan FileWatchBatch), errors: make(chan error, 16),
		folders: map[string]*watchFolder{}, dirty: map[string]bool{}, pending: map[string]struct{}{}, told: map[string]error{},
	}
}

// start scans the existing tree.
func (w *watch) start(ctx context.Context) error {
	w.silent = true
	w.sweep(ctx)
	w.silent = false
	err := ctx.Err()
	if err != nil {
		err = &core.Error{Op: "file_watch", Err: err}
	}
	for _, root := range w.cfg.Roots {
		if err == nil {
			err = w.told[root]
		}
	}
	if err != nil {
		w.close()
	}
	return err
}

func (w *watch) close() {
	if w.notify != nil {
		w.notify.Close()
	}
	close(w.events)
	close(w.errors)
}

// run watches until ctx is done. It returns nil.
func (w *watch) run(ctx context.Context) error {
	defer w.close()
	debounce := time.NewTimer(time.Hour)
	debounce.Stop()
	var first time.Time // time of the oldest entry of dirty; zero: none
	sweep := time.NewTimer(w.pause())
	if w.cfg.SweepInterval < 0 {
		sweep.Stop()
	}
	for {
		var out chan FileWatchBatch
		var batch FileWatchBatch
		if w.ready != nil {
			out, batch = w.events, *w.ready
		}
		events, problems := w.notifications()
		select {
		case <-ctx.Done():
			return nil
		case event := <-events:
			w.mark(event)
			if first.IsZero() {
				first = time.Now()
			}
			// Negative once the burst lasts too long, which fires at once.
			debounce.Reset(min(w.cfg.Debounce, time.Until(first.Add(10*w.cfg.Debounce))))
		case err := <-problems:
			if !w.distrust { // otherwise a sweep is due already, and further losses must not postpone it
				sweep.Reset(w.cfg.Debounce)
			}
			w.lost(err)
		case <-debounce.C:
			first = time.Time{}
			w.flush(ctx)
		case <-sweep.C:
			w.sweep(ctx)
			if w.cfg.SweepInterval > 0 {
				sweep.Reset(w.pause())
			}
		case out <- batch:
			w.ready, w.all = nil, false
			clear(w.pending)
		}
	}
}

// pause returns how long to wait until the next sweep.
func (w *watch) pause() time.Duration { return max(w.cfg.SweepInterval, 4*w.sweepTook) }

func (w *watch) notifications() (<-chan fsnotify.Event, <-chan error) {
	if w.notify == nil {
		return nil, nil
	}
	return w.notify.Events, w.notify.Errors
}

// mark records a path that the system reported. It is checked once no more
// events come.
func (w *watch) mark(event fsnotify.Event) {
	path := filepath.Clean(event.Name)
	if _, noted := w.dirty[path]; !noted && len(w.dirty) >= w.cfg.MaxPaths {
		w.distrust = true // too many to record: flush checks everything instead
		return
	}
	w.dirty[path] = w.dirty[path] || event.Op&^fsnotify.Chmod != 0
}

// lost reports that the system's events failed. A sweep finds the changes they
// would have reported.
func (w *watch) lost(err error) {
	w.distrust = true
	w.tellOnce(topicLost, &core.Error{Code: core.CodeUnavailable, Op: "file_watch", Message: "changes were missed, and are being searched for", Err: err})
}

// flush checks all marked paths. Removed ones come first: a moved folder keeps
// its inode and so has one watch, which must be removed under the old name
// before it is added under the new one.
func (w *watch) flush(ctx context.Context) {
	var there []string
	for _, path := range slices.Sorted(maps.Keys(w.dirty)) {
		if !w.forgetIfGone(path) {
			there = append(there, path)
		}
	}
	var known, fresh []string
	for _, path := range there {
		switch w.look(path, w.dirty[path]) {
		case knownFolder:
			known = append(known, path)
		case freshFolder:
			fresh = append(fresh, path)
		}
	}
	clear(w.dirty)
	if w.distrust {
		w.sweep(ctx)
		return
	}
	w.scan(ctx, known, fresh)
	w.publish()
}

// sweep compares the whole tree with the known state, and retries watches that
// the system refused before.
func (w *watch) sweep(ctx context.Context) {
	start := time.Now()
	w.limited = nil
	if w.notify == nil {
		w.notify, w.limited = fsnotify.NewWatcher()
	}
	w.scan(ctx, w.cfg.Roots, nil)
	w.distrust = false
	delete(w.told, topicLost)
	w.tellLimit()
	w.lastSweep, w.sweepTook = start, time.Since(start)
	w.publish()
}

func (w *watch) tellLimit() {
	if w.limited == nil {
		delete(w.told, topicLimit)
		return
	}
	rest := "changes in the others are not seen"
	if w.cfg.SweepInterval > 0 {
		rest = fmt.Sprintf("the others are checked every %v", w.pause())
	}
	w.tellOnce(topicLimit, &core.Error{
		Code: core.CodeUnavailable, Op: "file_watch", Err: w.limited,
		Message: fmt.Sprintf("the system watches %d of %d folders; %s", w.watched, len(w.folders), rest),
		Hint:    "raise the system's limits (Linux: sysctl fs.inotify.max_user_watches and max_user_instances)",
	})
}

// tellOnce reports err unless an error with the same key was already reported
// and has not been resolved since.
func (w *watch) tellOnce(key string, err error) {
	if w.told[key] != nil {
		return
	}
	w.told[key] = err
	select {
	case w.errors <- err:
	default: // dropped, as documented at FileWatchHandle.Errors
	}
}

// note adds a file to the next batch.
func (w *watch) note(path string) {
	if w.silent || w.all {
		return
	}
	w.pending[path] = struct{}{}
	if len(w.pending) > w.cfg.MaxPaths {
		w.all = true
		clear(w.pending)
	}
}

// publish prepares the pending batch for its receiver, and the status.
func (w *watch) publish() {
	if w.all || len(w.pending) > 0 {
		w.ready = &FileWatchBatch{All: w.all, Paths: slices.Sorted(maps.Keys(w.pending))}
	}
	w.status.Store(&FileWatchStatus{
		Folders: len(w.folders), Watched: w.watched, Files: w.files, LastSweep: w.lastSweep, SweepTook: w.sweepTook,
	})
}

package live

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"fnregistry.dev/functions/infra/file"
)

// watch notifies the channel, which holds one value, that files read by the
// registry have changed. If files can't be watched, it logs that, and the
// sweeps find the changes.
func (l *Live) watch(ctx context.Context) (changed <-chan struct{}, stop func()) {
	if !l.cfg.Watch {
		return nil, func() {}
	}
	handle, err := file.FileWatch(ctx, file.FileWatchConfig{
		Roots:         l.roots(),
		IgnoreFolders: []string{".*", "_*", "testdata", "vendor", "node_modules"}, // never read by the catalog
		SweepInterval: -1,                                                         // the registry sweeps by itself
	})
	if err != nil {
		if ctx.Err() == nil {
			l.cfg.Log.Warn("changes of files are not noticed as they happen", "sweep", l.cfg.Sweep, "error", err)
		}
		return nil, func() {}
	}
	l.watching.Store(true)
	told := make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer l.watching.Store(false)
		l.relay(handle, told)
	}()
	return told, func() {
		_ = handle.Stop(context.WithoutCancel(ctx)) // without a deadline, it returns once the watch has ended
		<-ended
	}
}

// relay forwards relevant changes until the watch has ended.
func (l *Live) relay(handle *file.FileWatchHandle, told chan<- struct{}) {
	events, problems := handle.Events, handle.Errors
	for events != nil || problems != nil {
		select {
		case batch, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			if !batch.All && !slices.ContainsFunc(batch.Paths, matters) {
				continue
			}
			signal(told)
		case err, ok := <-problems:
			if !ok {
				problems = nil
				continue
			}
			if errors.Is(err, fs.ErrNotExist) { // a root is missing: below a root, a removal is a change
				l.unwatched()
				signal(told) // the check reports what is wrong
			}
			l.cfg.Log.Warn("not all changes of files are noticed as they happen", "sweep", l.cfg.Sweep, "error", err)
		}
	}
}

// signal sends on a channel of capacity 1, unless a value is pending.
func signal(told chan<- struct{}) {
	select {
	case told <- struct{}{}:
	default:
	}
}

// unwatched records that a root is missing: the system reports nothing about it
// any more, even once it is back.
func (l *Live) unwatched() {
	if l.cfg.Watch {
		l.lost.Store(true)
		l.watching.Store(false)
	}
}

// matters reports whether the registry reads a file.
func matters(path string) bool {
	switch filepath.Ext(path) {
	case ".go", ".md", ".mod", ".yaml":
		return true
	}
	return false
}

func (l *Live) roots() []string {
	if len(l.cfg.Options.Roots) == 0 {
		return []string{"."}
	}
	return l.cfg.Options.Roots
}

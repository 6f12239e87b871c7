package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/registry"
)

// findRoot returns the repository's folder: --root, else the nearest folder
// from here upwards with one of the markers, where the first marker takes
// precedence over the second, else the working directory.
func (e *env) findRoot(markers ...string) (string, error) {
	if e.root != "" {
		info, err := os.Stat(e.root)
		if err != nil {
			return "", &usageError{message: "--root", err: err}
		}
		if !info.IsDir() {
			return "", &usageError{message: "--root: " + e.root + " is not a folder"}
		}
		return filepath.Abs(e.root)
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for _, marker := range markers {
		for dir := wd; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, marker)); err == nil {
				return dir, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return wd, nil
}

// options returns what to read for the repository in dir. Without a cache
// folder, as in a container, nothing is stored.
func (e *env) options(dir string) (registry.Options, *progress) {
	_, err := os.UserCacheDir()
	p := newProgress(e.err)
	return registry.Options{Roots: []string{dir}, NoCache: err != nil, Progress: p.report}, p
}

// load reads the current repository. The caller closes the registry.
func (e *env) load(ctx context.Context) (*registry.Registry, error) {
	dir, err := e.findRoot(config.FileName, ".git")
	if err != nil {
		return nil, err
	}
	return e.loadFrom(ctx, dir)
}

func (e *env) loadFrom(ctx context.Context, dir string) (*registry.Registry, error) {
	opts, p := e.options(dir)
	r, err := registry.Load(ctx, opts)
	p.clear()
	if err != nil {
		return nil, err
	}
	if cfg := r.State().Catalog.Roots[0]; cfg.ConfigErr != nil {
		fmt.Fprintln(e.err, "fn: warning:", cfg.ConfigErr)
	}
	return r, nil
}

// state is load for a command that makes one query.
func (e *env) state(ctx context.Context) (*registry.State, func(), error) {
	r, err := e.load(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := r.State()
	if len(s.Catalog.Units) == 0 {
		advice := "fn init sets the repository up"
		if _, err := os.Stat(filepath.Join(s.Catalog.Roots[0].Dir, config.FileName)); err == nil {
			advice = "fn init --specs writes initial specs for existing code, fn new creates units"
		}
		fmt.Fprintf(e.err, "fn: there are no units in %s: %s\n", s.Catalog.Roots[0].Dir, advice)
	}
	return s, func() { _ = r.Close() }, nil
}

// progress shows on a terminal the progress of a long read.
type progress struct {
	w     io.Writer
	begun time.Time

	mu    sync.Mutex
	shown time.Time
}

// patience is how long a read may take before progress is shown.
const patience = 500 * time.Millisecond

// newProgress shows nothing if w is not a terminal.
func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return &progress{w: w, begun: time.Now()}
		}
	}
	return &progress{}
}

func (p *progress) report(done, total int) {
	p.say(fmt.Sprintf("reading folders: %d of %d ", done, total))
}

// say replaces the previous line.
func (p *progress) say(line string) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.begun) < patience || now.Sub(p.shown) < 100*time.Millisecond {
		return
	}
	p.shown = now
	fmt.Fprint(p.w, "\r\x1b[K", line)
}

// clear removes the line.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.shown.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

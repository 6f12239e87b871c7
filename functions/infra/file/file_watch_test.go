package file_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/file"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
)

// patience is how long a test waits for an event before it fails.
const patience = 20 * time.Second

// tree is a watched folder.
type tree struct {
	*testing.T
	root  string
	watch *file.FileWatchHandle
	told  map[string]bool
}

// newTree creates the files, each with its folders, and watches the folder.
func newTree(t *testing.T, cfg file.FileWatchConfig, files ...string) *tree {
	t.Helper()
	w := setup(t, files...)
	w.start(cfg)
	return w
}

func setup(t *testing.T, files ...string) *tree {
	t.Helper()
	w := &tree{T: t, root: t.TempDir(), told: map[string]bool{}}
	for _, name := range files {
		w.put(name, "old")
	}
	return w
}

// start watches cfg.Roots below the tree's root, by default that root. Without
// a SweepInterval there are no sweeps, so that every report comes from the
// system.
func (w *tree) start(cfg file.FileWatchConfig) {
	w.Helper()
	for i, root := range cfg.Roots {
		cfg.Roots[i] = w.path(root)
	}
	if cfg.Roots == nil {
		cfg.Roots = []string{w.root}
	}
	if cfg.SweepInterval == 0 {
		cfg.SweepInterval = -1
	}
	if cfg.Debounce == 0 {
		cfg.Debounce = 20 * time.Millisecond
	}
	watch, err := file.FileWatch(w.Context(), cfg)
	w.must(err)
	w.Cleanup(func() { stop(w, watch) })
	w.watch = watch
}

func (w *tree) path(name string) string { return filepath.Join(w.root, filepath.FromSlash(name)) }

func (w *tree) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *tree) put(name, content string) {
	w.Helper()
	w.must(os.MkdirAll(filepath.Dir(w.path(name)), 0o755))
	w.must(os.WriteFile(w.path(name), []byte(content), 0o644))
}

// rewrite replaces a file's content by one that looks the same: of the same
// length, and with the same time, as after two writes within one tick of the
// file system's clock.
func (w *tree) rewrite(name string) {
	w.Helper()
	before, err := os.Stat(w.path(name))
	w.must(err)
	content, err := os.ReadFile(w.path(name))
	w.must(err)
	content[0]++
	w.must(os.WriteFile(w.path(name), content, 0o644))
	w.must(os.Chtimes(w.path(name), time.Time{}, before.ModTime()))
}

// want waits until all of these are reported, in one or several batches, and
// fails if anything else is, except what was wanted before: a file that is
// created and then written may be reported twice.
func (w *tree) want(names ...string) {
	w.Helper()
	missing := map[string]bool{}
	for _, name := range names {
		missing[name] = true
		w.told[name] = true
	}
	deadline := time.After(patience)
	for len(missing) > 0 {
		select {
		case batch, ok := <-w.watch.Events:
			if !ok || batch.All || !slices.IsSorted(batch.Paths) {
				w.Fatalf("got %+v, %v; still waiting for %v", batch, ok, missing)
			}
			for _, path := range batch.Paths {
				name, err := filepath.Rel(w.root, path)
				w.must(err)
				if name = filepath.ToSlash(name); !w.told[name] {
					w.Fatalf("%q was told, want %q", name, names)
				}
				delete(missing, name)
			}
		case <-deadline:
			w.Fatalf("not told: %v", missing)
		}
	}
}

// wantError waits for something on Errors.
func (w *tree) wantError(code core.Code) error {
	w.Helper()
	select {
	case err := <-w.watch.Errors:
		if core.ErrorCode(err) != code {
			w.Fatalf("got %v (%s), want %s", err, core.ErrorCode(err), code)
		}
		return err
	case <-time.After(patience):
		w.Fatalf("no error, want %s", code)
	}
	return nil
}

func (w *tree) waitFor(what string, condition func() bool) {
	w.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		if time.Now().After(deadline) {
			w.Fatalf("%s did not happen; status %+v", what, w.watch.Status())
		}
		time.Sleep(time.Millisecond)
	}
}

func TestFileWatch_Files(t *testing.T) {
	t.Parallel()
	w := newTree(t, file.FileWatchConfig{}, "a", "sub/b", "sub/c")
	w.put("a", "new")
	w.want("a")
	w.rewrite("a")
	w.want("a")
	w.put("sub/made", "x")
	w.want("sub/made")
	w.must(os.Remove(w.path("sub/b")))
	w.want("sub/b")
	w.must(os.Rename(w.path("sub/c"), w.path("d")))
	w.want("sub/c", "d")
	outside := filepath.Join(t.TempDir(), "x")
	w.must(os.WriteFile(outside, []byte("replaced in one step"), 0o644))
	w.must(os.Rename(outside, w.path("d")))
	w.want("d")
	w.must(os.Chmod(w.path("d"), 0o600))
	w.want("d")
	w.must(os.Symlink("nowhere", w.path("link")))
	w.want("link")
	if got := w.watch.Status(); got.Files != 4 || got.Folders != 2 || got.Watched != 2 || got.LastSweep.IsZero() {
		t.Errorf("status %+v", got)
	}
}

// Files beside a changed one are not reported.
func TestFileWatch_OnlyWhatChanged(t *testing.T) {
	t.Parallel()
	w := setup(t, "a", "b", "c")
	for _, name := range []string{"a", "b", "c"} { // none is so young that it is checked twice
		old := time.Now().Add(-time.Hour)
		w.must(os.Chtimes(w.path(name), old, old))
	}
	w.start(file.FileWatchConfig{SweepInterval: 20 * time.Millisecond})
	w.rewrite("b")
	w.want("b")
	w.rewrite("c")
	w.want("c")
	w.must(os.Remove(w.path("b")))
	w.want("b")
}

func TestFileWatch_Subfolders(t *testing.T) {
	t.Parallel()
	w := newTree(t, file.FileWatchConfig{}, "a")
	for i := range 20 { // files created before the new folder can be watched
		deep := fmt.Sprintf("new%d/deeper/still", i)
		w.put(deep+"/x", "x")
		w.want(deep + "/x")
		w.put(deep+"/y", "y")
		w.want(deep + "/y")
	}
	w.must(os.RemoveAll(w.path("new0")))
	w.want("new0/deeper/still/x", "new0/deeper/still/y")
	w.put("new0/again", "x")
	w.want("new0/again")
	w.must(os.Mkdir(w.path("empty"), 0o755)) // is not reported
	w.put("empty/x", "x")
	w.want("empty/x")
}

func TestFileWatch_MovedFolder(t *testing.T) {
	t.Parallel()
	w := newTree(t, file.FileWatchConfig{}, "from/deep/x", "sub/y")
	outside := t.TempDir()
	for i := range 10 { // it is watched under each new name, and only under that
		a, b := fmt.Sprintf("at%d", i), fmt.Sprintf("sub/at%d", i)
		if i == 0 {
			w.must(os.Rename(w.path("from"), w.path(a)))
			w.want("from/deep/x", a+"/deep/x")
		}
		w.must(os.Rename(w.path(a), w.path(b)))
		w.want(a+"/deep/x", b+"/deep/x")
		w.put(b+"/deep/x", fmt.Sprint(i))
		w.want(b + "/deep/x")
		next := fmt.Sprintf("at%d", i+1)
		w.must(os.Rename(w.path(b), w.path(next)))
		w.want(b+"/deep/x", next+"/deep/x")
	}
	w.must(os.Rename(w.path("at10"), filepath.Join(outside, "gone")))
	w.want("at10/deep/x")
	w.must(os.WriteFile(filepath.Join(outside, "gone/deep/x"), nil, 0o644)) // no longer watched
	w.must(os.Rename(filepath.Join(outside, "gone"), w.path("back")))
	w.want("back/deep/x")
	w.put("back/deep/x", "once more")
	w.want("back/deep/x")
}

func TestFileWatch_FileBecomesFolder(t *testing.T) {
	t.Parallel()
	w := newTree(t, file.FileWatchConfig{}, "x", "dir/a")
	w.must(errors.Join(os.Remove(w.path("x")), os.Mkdir(w.path("x"), 0o755), os.WriteFile(w.path("x/in"), nil, 0o644)))
	w.want("x", "x/in")
	w.must(errors.Join(os.RemoveAll(w.path("dir")), os.WriteFile(w.path("dir"), nil, 0o644)))
	w.want("dir/a", "dir")
	if got := w.watch.Status(); got.Files != 2 || got.Folders != 2 || got.Watched != 2 {
		t.Errorf("status %+v", got)
	}
}

func TestFileWatch_Ignores(t *testing.T) {
	t.Parallel()
	w := newTree(t, file.FileWatchConfig{}, ".git/x", "sub/.cache/x", "node_modules/m/x", "sub/a")
	for _, name := range []string{".git/x", ".git/new/y", "sub/.cache/x", "node_modules/m/x", "sub/.new/x", "sub/node_modules/x"} {
		w.put(name, "new")
	}
	w.put(".gitignore", "a hidden file is a file")
	w.want(".gitignore")
	w.must(os.RemoveAll(w.path(".git")))
	w.put("sub/a", "new")
	w.want("sub/a")

	own := newTree(t, file.FileWatchConfig{IgnoreFolders: []string{"tmp*"}}, ".git/x", "tmp1/x")
	own.put("tmp1/x", "new")
	own.put(".git/x", "new")
	own.want(".git/x")
}

// However many events a burst has, a batch comes only after a pause, or after
// ten times the debounce.
func TestFileWatch_Debounce(t *testing.T) {
	t.Parallel()
	const debounce = 100 * time.Millisecond
	w := newTree(t, file.FileWatchConfig{Debounce: debounce})
	start := time.Now()
	for i := range 300 {
		w.put(fmt.Sprint("x", i%3), fmt.Sprint(i))
	}
	batches, seen := 0, map[string]bool{}
	for len(seen) < 3 || batches == 0 {
		select {
		case batch := <-w.watch.Events:
			batches++
			for _, path := range batch.Paths {
				seen[filepath.Base(path)] = true
			}
		case <-time.After(patience):
			t.Fatal("no batch")
		}
	}
	if most := int(time.Since(start)/debounce) + 1; batches > most {
		t.Errorf("%d batches within %v", batches, time.Since(start))
	}
}

// A file that changes all the time is still reported.
func TestFileWatch_EndlessBurst(t *testing.T) {
	t.Parallel()
	w := newTree(t, file.FileWatchConfig{Debounce: 200 * time.Millisecond})
	done := make(chan struct{})
	defer func() { <-done }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			_ = os.WriteFile(w.path("x"), fmt.Append(nil, i), 0o644)
		}
	}()
	w.want("x")
}

// A receiver that does not receive costs a bounded amount of memory, and is
// notified that it missed changes.
func TestFileWatch_SlowReceiver(t *testing.T) {
	t.Parallel()
	w := newTree(t, file.FileWatchConfig{MaxPaths: 20})
	for i := range 10 {
		w.put(fmt.Sprint("first", i), "x")
	}
	w.waitFor("noting the first files", func() bool { return w.watch.Status().Files == 10 })
	for i := range 100 {
		w.put(fmt.Sprint("second", i), "x")
	}
	w.waitFor("noting all files", func() bool { return w.watch.Status().Files == 110 })
	if batch := <-w.watch.Events; !batch.All || batch.Paths != nil {
		t.Errorf("got %+v, want All", batch)
	}
	for { // the system may still report more about those files, which sets All again
		w.put("later", "x")
		if batch := <-w.watch.Events; !batch.All {
			if !slices.Equal(batch.Paths, []string{w.path("later")}) {
				t.Errorf("got %+v", batch)
			}
			break
		}
	}
}

func TestFileWatch_SeveralRoots(t *testing.T) {
	t.Parallel()
	w := setup(t, "a/x", "a/.hidden/x", "a/sub/x", "real/x")
	w.must(os.Symlink("real", w.path("link")))
	// A root below another one, once ignored by it and once not, and a root
	// that is a link.
	w.start(file.FileWatchConfig{Roots: []string{"a", "a/.hidden", "a/sub", "link"}})
	for _, name := range []string{"a/x", "a/.hidden/x", "a/sub/x", "link/x"} {
		w.put(name, "new")
		w.want(name)
	}
	w.put("link/deep/y", "new")
	w.want("link/deep/y")
}

func TestFileWatch_RootGoesAndComesBack(t *testing.T) {
	t.Parallel()
	w := setup(t, "root/sub/x")
	w.start(file.FileWatchConfig{Roots: []string{"root"}, SweepInterval: 20 * time.Millisecond})
	for range 3 {
		w.must(os.RemoveAll(w.path("root")))
		w.want("root/sub/x")
		if err := w.wantError(core.CodeNotFound); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
		w.put("root/sub/x", "again")
		w.want("root/sub/x")
	}
	select {
	case err := <-w.watch.Errors:
		t.Errorf("reported more than once: %v", err)
	default:
	}
}

// The system does not report a change through a hard link in a folder that is
// not watched, nor one by another machine on a network mount.
func TestFileWatch_SweepFindsTheRest(t *testing.T) {
	t.Parallel()
	w := setup(t, "in/a", "out/x")
	w.must(os.Link(w.path("in/a"), w.path("out/a")))
	w.start(file.FileWatchConfig{Roots: []string{"in"}, SweepInterval: 20 * time.Millisecond})
	for i := range 3 {
		w.put("out/a", fmt.Sprint(i, " has another length or time"))
		w.want("in/a")
	}
}

func TestFileWatch_BadConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := filepath.Join(dir, "file")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		cfg  file.FileWatchConfig
		want core.Code
	}{
		{t.Context(), file.FileWatchConfig{}, core.CodeInvalid},
		{t.Context(), file.FileWatchConfig{Roots: []string{plain}}, core.CodeInvalid},
		{t.Context(), file.FileWatchConfig{Roots: []string{dir}, IgnoreFolders: []string{"[a"}}, core.CodeInvalid},
		{t.Context(), file.FileWatchConfig{Roots: []string{dir, filepath.Join(dir, "missing")}}, core.CodeNotFound},
		{cancelled, file.FileWatchConfig{Roots: []string{dir}}, core.CodeCanceled},
	} {
		watch, err := file.FileWatch(c.ctx, c.cfg)
		if _, coded := errors.AsType[*core.Error](err); !coded || core.ErrorCode(err) != c.want || watch != nil {
			t.Errorf("%+v: got %v, want %s", c.cfg, err, c.want)
		}
	}
}

// stop stops a watch, which never fails.
func stop(t testing.TB, watch *file.FileWatchHandle) {
	t.Helper()
	if err := watch.Stop(context.Background()); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestFileWatch_Conformance(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		return file.FileWatch(ctx, file.FileWatchConfig{Roots: []string{root}})
	})
}

func TestFileWatch_StopTwice(t *testing.T) {
	t.Parallel()
	w := newTree(t, file.FileWatchConfig{}, "a")
	w.put("a", "never received")
	done := make(chan struct{})
	for range 3 {
		go func() { stop(t, w.watch); done <- struct{}{} }()
	}
	for range 3 {
		<-done
	}
	w.wantClosed()
	stop(t, w.watch)
}

func TestFileWatch_ContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	w := setup(t, "a")
	watch, err := file.FileWatch(ctx, file.FileWatchConfig{Roots: []string{w.root}})
	w.must(err)
	w.watch = watch
	cancel()
	w.wantClosed()
	stop(t, watch)
}

func (w *tree) wantClosed() {
	w.Helper()
	deadline := time.After(patience)
	for events, problems := w.watch.Events, w.watch.Errors; events != nil || problems != nil; {
		select {
		case _, ok := <-events:
			if !ok {
				events = nil
			}
		case _, ok := <-problems:
			if !ok {
				problems = nil
			}
		case <-deadline:
			w.Fatal("a channel is still open")
		}
	}
}

// TestFileWatch_NeverSweeps: with a negative interval there is no sweep, not
// even the one after the start. The system reports nothing for an edit through
// another name of the file, so only a sweep could report it.
func TestFileWatch_NeverSweeps(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for i := range 1000 { // so that a sweep, which waits four times as long as the first scan took, comes after the edit
		w.put(fmt.Sprintf("many/%d", i), "old")
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	w.must(os.WriteFile(elsewhere, []byte("old"), 0o644))
	w.must(os.Link(elsewhere, w.path("link")))
	w.start(file.FileWatchConfig{Debounce: 100 * time.Millisecond})
	w.must(os.WriteFile(elsewhere, []byte("other"), 0o644))
	for range 3 { // each longer than the wait for a sweep
		w.put("mark", "x")
		w.want("mark")
		w.must(os.Remove(w.path("mark")))
		w.want("mark")
	}
}

package live

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
)

// TestLive_Watches: while it watches, it sees file changes without a sweep.
func TestLive_Watches(t *testing.T) {
	t.Parallel()
	f := start(t, repository(t), Config{Watch: true, Sweep: time.Hour})
	before := f.Freshness()
	f.write("f/wait.md", spec("wait", "Waits for the bus."))
	f.until("an edit is seen", func() bool { return f.description("wait_go_f") == "Waits for the bus." })
	f.write("new/deep/pump.md", spec("pump", "Pumps water."))
	f.until("a new folder is seen", func() bool { return f.description("pump_go_f") != "" })
	if err := os.RemoveAll(filepath.Join(f.root, "new")); err != nil {
		t.Fatal(err)
	}
	f.until("its removal is seen", func() bool { return f.description("pump_go_f") == "" })
	after := f.Freshness()
	if after.Generation < before.Generation+3 || !after.ChangedAt.After(*before.ChangedAt) || !after.SweptAt.After(*before.SweptAt) {
		t.Errorf("freshness was %+v, is %+v", before, after)
	}
	f.stop()
	if f.Freshness().Watching {
		t.Error("it has ended, but reports that it is watching")
	}
}

// TestLive_SweepFindsWhatTheWatchMisses: the system reports nothing about an
// edit behind a symbolic link.
func TestLive_SweepFindsWhatTheWatchMisses(t *testing.T) {
	t.Parallel()
	elsewhere := filepath.Join(t.TempDir(), "wait.md")
	writeFile(t, elsewhere, spec("wait", "Waits elsewhere."))
	root := repository(t)
	link := filepath.Join(root, "f/wait.md")
	if err := errors.Join(os.Remove(link), os.Symlink(elsewhere, link)); err != nil {
		t.Fatal(err)
	}
	f := start(t, root, Config{Watch: true, Sweep: 20 * time.Millisecond})
	if got := f.description("wait_go_f"); got != "Waits elsewhere." {
		t.Fatalf("the link is not followed: %q", got)
	}
	writeFile(t, elsewhere, spec("wait", "Waits for the bus."))
	f.until("the sweep sees it", func() bool { return f.description("wait_go_f") == "Waits for the bus." })
}

// TestLive_Unwatched: without a watch the sweeps find everything, and a sweep
// without changes is reported without a new state.
func TestLive_Unwatched(t *testing.T) {
	t.Parallel()
	f := start(t, repository(t), Config{Sweep: 20 * time.Millisecond})
	f.write("f/wait.md", spec("wait", "Waits for the bus."))
	f.until("an edit is seen", func() bool { return f.description("wait_go_f") == "Waits for the bus." })
	was := f.Freshness()
	f.until("a further sweep is told", func() bool { return f.Freshness().SweptAt.After(*was.SweptAt) })
	if is := f.Freshness(); is.Watching || is.Generation != was.Generation || !is.ChangedAt.Equal(*was.ChangedAt) {
		t.Errorf("nothing changed; freshness was %+v, is %+v", was, is)
	}
}

// TestLive_OnRefresh: each check of the files is reported, with what it found.
func TestLive_OnRefresh(t *testing.T) {
	t.Parallel()
	told := make(chan Refresh, 100)
	f := start(t, repository(t), Config{Watch: true, Sweep: time.Hour, OnRefresh: func(r Refresh) { told <- r }})
	if first := <-told; first.Err != nil || !first.Change.None() || first.Took <= 0 {
		t.Errorf("the look after the start, which had read all: %+v", first)
	}
	f.write("f/pump.md", spec("pump", "Pumps water."))
	var sum registry.Change
	for deadline := time.After(20 * time.Second); sum.Added == 0; {
		select {
		case r := <-told:
			sum.Added += r.Change.Added
			sum.Removed += r.Change.Removed
		case <-deadline:
			t.Fatal("nothing is told")
		}
	}
	if sum.Added != 1 || sum.Removed != 0 {
		t.Errorf("told %+v", sum)
	}
}

// TestLive_LosesItsRoot: the loss is reported with the folder's name, the known
// state stays, and a root that comes back is read again.
func TestLive_LosesItsRoot(t *testing.T) {
	t.Parallel()
	f := start(t, repository(t), Config{Sweep: 20 * time.Millisecond})
	if err := os.Rename(f.root, f.root+".away"); err != nil {
		t.Fatal(err)
	}
	f.until("the loss is told", func() bool { return f.Freshness().Problem != "" })
	lost := f.Freshness()
	if !strings.Contains(lost.Problem, f.root) || !strings.Contains(lost.Problem, "no such file") {
		t.Errorf("problem %q", lost.Problem)
	}
	if f.description("wait_go_f") == "" {
		t.Error("the known state is lost")
	}
	writeFile(t, filepath.Join(f.root+".away", "f/wait.md"), spec("wait", "Waits for the bus."))
	if err := os.Rename(f.root+".away", f.root); err != nil {
		t.Fatal(err)
	}
	f.until("it is read again", func() bool { return f.description("wait_go_f") == "Waits for the bus." })
	f.until("it is well again", func() bool { return f.Freshness().Problem == "" && f.Freshness().SweptAt.After(*lost.SweptAt) })
}

// TestLive_WatchesARootThatCameBack: while a root is missing it does not report
// that it is watching, and once it is back, it does.
func TestLive_WatchesARootThatCameBack(t *testing.T) {
	t.Parallel()
	f := start(t, repository(t), Config{Watch: true, Sweep: time.Hour})
	if err := os.Rename(f.root, f.root+".away"); err != nil {
		t.Fatal(err)
	}
	f.until("the loss is told without a sweep", func() bool { return f.Freshness().Problem != "" && !f.Freshness().Watching })
	f.stop()

	f = start(t, repository(t), Config{Watch: true, Sweep: 20 * time.Millisecond})
	first := f.Freshness().SweptAt
	if err := os.Rename(f.root, f.root+".away"); err != nil {
		t.Fatal(err)
	}
	f.until("the loss is told", func() bool { return f.Freshness().Problem != "" && !f.Freshness().Watching })
	writeFile(t, filepath.Join(f.root+".away", "f/wait.md"), spec("wait", "Waits for the bus."))
	if err := os.Rename(f.root+".away", f.root); err != nil {
		t.Fatal(err)
	}
	f.until("it watches again", func() bool { return f.Freshness().Watching })
	f.until("it is well again", func() bool { return f.Freshness().Problem == "" && f.Freshness().SweptAt.After(*first) })
	f.until("what changed meanwhile is seen", func() bool { return f.description("wait_go_f") == "Waits for the bus." })
}

// TestLive_UnreadableRoot: a root that can't be read from the start is an error
// that names it.
func TestLive_UnreadableRoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	missing, file, loop := filepath.Join(dir, "missing"), filepath.Join(dir, "file"), filepath.Join(dir, "loop")
	writeFile(t, file, "text")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	for root, want := range map[string]string{missing: "no such file or directory", file: "not a folder", loop: "too many levels of symbolic links"} {
		l := New(Config{Options: registry.Options{Roots: []string{repository(t), root}, Cache: t.TempDir()}, Watch: true})
		err := ended(t, l, t.Context())
		if _, ok := errors.AsType[*fs.PathError](err); !ok || !strings.Contains(err.Error(), root) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", root, err)
		}
		if code := core.ErrorCode(err); code == core.CodeInternal && root != loop {
			t.Errorf("%s: code %s for a mistake of the caller", root, code)
		}
		if l.State() != nil || l.Freshness().Generation != 0 || l.Freshness().Watching {
			t.Errorf("%s: it answers, freshness %+v", root, l.Freshness())
		}
	}
}

// TestLive_SavesAndStartsFromTheCache: the state is saved while it runs and
// when it ends; the next process answers from it before it has checked any
// file, and reports that.
func TestLive_SavesAndStartsFromTheCache(t *testing.T) {
	t.Parallel()
	cache, root := t.TempDir(), repository(t)
	f := start(t, root, Config{Watch: true, Sweep: time.Hour, SaveAfter: time.Millisecond, Options: registry.Options{Cache: cache}})
	f.until("it is saved", func() bool {
		saved, err := filepath.Glob(filepath.Join(cache, "*.snapshot"))
		return err == nil && len(saved) == 1
	})
	f.write("f/wait.md", spec("wait", "Waits for the bus."))
	f.until("an edit is seen", func() bool { return f.description("wait_go_f") == "Waits for the bus." })
	f.stop()

	r, err := registry.Open(t.Context(), registry.Options{Roots: []string{root}, Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	u := r.State().Catalog.Unit("wait_go_f")
	if r.Freshness().SweptAt != nil || u == nil || u.Spec.Description != "Waits for the bus." {
		t.Errorf("freshness %+v, unit %+v", r.Freshness(), u)
	}
}

// TestLive_SavesBetweenSweeps: sweeps that come faster than SaveAfter do not
// postpone the save.
func TestLive_SavesBetweenSweeps(t *testing.T) {
	t.Parallel()
	cache, root := t.TempDir(), repository(t)
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Options: registry.Options{Roots: []string{root}, Cache: cache}, Sweep: time.Second, SaveAfter: 5 * time.Second})
		running, err := l.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		if saved, err := filepath.Glob(filepath.Join(cache, "*.snapshot")); err != nil || len(saved) != 1 {
			t.Errorf("after 6 s of sweeps: %v, %v", saved, err)
		}
		if err := running.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestFollow_SweepsPause: during the pause after a check, no sweep starts
// another.
func TestFollow_SweepsPause(t *testing.T) {
	t.Parallel()
	root := repository(t)
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		l := New(Config{Sweep: time.Second, OnRefresh: func(Refresh) { looks++ }})
		r, err := registry.Open(t.Context(), registry.Options{Roots: []string{root}, NoCache: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		rest := make(chan time.Time)
		f := follower{Live: l, registry: r, pause: rest}
		go f.follow(ctx)
		time.Sleep(10500 * time.Millisecond)
		synctest.Wait()
		if looks > 0 {
			t.Fatalf("%d looks while it rests", looks)
		}
		rest <- time.Now()
		time.Sleep(time.Second)
		synctest.Wait()
		if looks == 0 {
			t.Error("no sweep after the rest")
		}
	})
}

// TestLive_StopsAtOnce: if stopped before or while it reads, it ends without an
// error and knows nothing.
func TestLive_StopsAtOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := New(Config{Options: registry.Options{Roots: []string{repository(t)}, Cache: t.TempDir()}, Watch: true})
	if err := ended(t, l, ctx); err != nil || l.State() != nil || l.Freshness().Watching {
		t.Errorf("%v, freshness %+v", err, l.Freshness())
	}
}

func TestLive_Conformance(t *testing.T) {
	t.Parallel()
	servicetest.ServiceConformance(t, func(t *testing.T, ctx context.Context) (service.Service, error) {
		return New(Config{Options: registry.Options{Roots: []string{repository(t)}, Cache: t.TempDir()}, Watch: true}).Start(ctx)
	})
}

// A last save that takes too long is given up, and the service ends well: a
// program that stops must not be killed because of a cache.
func TestLive_LastSaveGivenUp(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	f := start(t, repository(t), Config{Options: registry.Options{Cache: cache}, SaveWithin: time.Nanosecond})
	f.stop()
	if files, err := os.ReadDir(cache); err != nil || len(files) != 0 {
		t.Errorf("%v, %v", files, err)
	}
}

package world

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
)

func TestKinds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args   string
		kinds  []string
		matrix string
		hint   string
	}{
		"none is all":      {"", All, Dendrite, ""},
		"dendrite":         {"matrix", []string{Dendrite}, Dendrite, ""},
		"synapse":          {"postgres matrix=synapse", []string{Postgres, Synapse}, Synapse, ""},
		"twice":            {"keyring keyring", []string{Keyring}, Dendrite, ""},
		"two homeservers":  {"matrix matrix=synapse", nil, "", "not both"},
		"a slip":           {"postgre", nil, "", "did you mean postgres?"},
		"two letters":      {"clikchouse", nil, "", "did you mean clickhouse?"},
		"another word":     {"mysql", nil, "", "there are postgres, clickhouse, keyring, matrix"},
		"another homesrvr": {"matrix=synaps", nil, "", "did you mean matrix=synapse?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kinds, matrix, err := Kinds(strings.Fields(test.args))
			if !slices.Equal(kinds, test.kinds) || matrix != test.matrix {
				t.Errorf("%q, %q", kinds, matrix)
			}
			if (err != nil) != (test.hint != "") || !strings.Contains(core.ErrorHint(err), test.hint) {
				t.Errorf("%v, hint %q", err, core.ErrorHint(err))
			}
		})
	}
}

func TestMayInstall(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		debian, root bool
		hint         string
	}{
		"root on Debian": {true, true, ""},
		"user on Debian": {true, false, "sudo apt-get install gnome-keyring dbus,"},
		"elsewhere":      {false, true, "install gnome-keyring dbus (as Debian calls it),"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := mayInstall(Keyring, []string{"gnome-keyring", "dbus"}, test.debian, test.root)
			if (err != nil) != (test.hint != "") || !strings.HasPrefix(core.ErrorHint(err), test.hint) {
				t.Errorf("%v, hint %q", err, core.ErrorHint(err))
			}
		})
	}
}

func TestWhileLocked(t *testing.T) {
	t.Parallel()
	locked, other := errors.New("apt-get: exit status 100\n  | E: Could not get lock /var/lib/apt/lists/lock"), errors.New("E: Unable to fetch some archives")
	for name, test := range map[string]struct {
		errs []error
		want error
		runs int
	}{
		"free":     {[]error{nil}, nil, 1},
		"locked":   {[]error{locked, locked, nil}, nil, 3},
		"for ever": {[]error{locked, locked, locked, locked}, locked, 3},
		"other":    {[]error{other, nil}, other, 1},
		"then not": {[]error{locked, other, nil}, other, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				err := whileLocked(t.Context(), 3, func() error { runs++; return test.errs[runs-1] })
				if err != test.want || runs != test.runs {
					t.Errorf("%v after %d runs", err, runs)
				}
			})
		})
	}
}

func TestTakePort_NoTwoAlike(t *testing.T) {
	t.Parallel()
	taken := make(map[int]bool)
	for range 50 {
		p, err := takePort()
		if err != nil {
			t.Fatal(err)
		}
		defer p.release()
		if taken[p.number] {
			t.Fatalf("port %d twice", p.number)
		}
		taken[p.number] = true
	}
}

func newTestWorld(t *testing.T, log io.Writer) *World {
	return New(Config{Dir: t.TempDir(), Cache: filepath.Join(t.TempDir(), "cache"), Log: log, Matrix: Dendrite})
}

func TestCached_BuiltOnce(t *testing.T) {
	t.Parallel()
	w := newTestWorld(t, new(strings.Builder))
	var built atomic.Int32
	build := func(_ context.Context, dir string) error {
		built.Add(1)
		return os.WriteFile(filepath.Join(dir, "thing"), []byte("done"), 0o600)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			dir, err := w.cached(t.Context(), "thing", []string{"1"}, "making it", build)
			if content, readErr := os.ReadFile(filepath.Join(dir, "thing")); err != nil || string(content) != "done" {
				t.Errorf("%q, %v, %v", content, err, readErr)
			}
		})
	}
	all.Wait()
	if n := built.Load(); n != 1 {
		t.Errorf("built %d times", n)
	}
	if _, err := w.cached(t.Context(), "thing", []string{"2"}, "making it", build); err != nil || built.Load() != 2 {
		t.Errorf("other inputs: %v, built %d times", err, built.Load())
	}
}

func TestCached_FailureLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newTestWorld(t, new(strings.Builder))
	broken := errors.New("broken")
	for range 2 {
		_, err := w.cached(t.Context(), "thing", nil, "making it", func(_ context.Context, dir string) error {
			_ = os.WriteFile(filepath.Join(dir, "half"), nil, 0o600)
			return broken
		})
		if !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(w.cfg.Cache, "thing-*")); len(found) != 0 {
		t.Errorf("left: %q", found)
	}
}

func TestCached_DropsWhatNobodyUses(t *testing.T) {
	t.Parallel()
	w := newTestWorld(t, new(strings.Builder))
	build := func(context.Context, string) error { return nil }
	make := func(input string) string {
		dir, err := w.cached(t.Context(), "thing", []string{input}, "making it", build)
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	old, used := make("old"), make("used")
	long := time.Now().Add(-2 * unusedFor)
	for _, dir := range []string{old, used} {
		if err := os.Chtimes(dir, long, long); err != nil {
			t.Fatal(err)
		}
	}
	make("used")
	make("new")
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old one: %v", err)
	}
	if _, err := os.Stat(used); err != nil {
		t.Errorf("the used one: %v", err)
	}
}

func TestLock_WaitEndsWithContext(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	log := cancelWriter{cancel: func() { cancel(enough) }}
	w := newTestWorld(t, &log)
	unlock, err := w.lock(t.Context(), "thing")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := w.lock(ctx, "thing"); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(log.String(), "waiting for another start to finish with thing") {
		t.Errorf("said %q", log.String())
	}
}

// cancelWriter keeps what is written, and cancels with the first write.
type cancelWriter struct {
	strings.Builder
	cancel func()
}

func (w *cancelWriter) Write(p []byte) (int, error) {
	w.cancel()
	return w.Builder.Write(p)
}

func TestStart_UnknownKind(t *testing.T) {
	t.Parallel()
	w := newTestWorld(t, new(strings.Builder))
	if _, err := w.Start(t.Context(), "postgrse"); core.ErrorCode(err) != core.CodeInvalid || core.ErrorHint(err) != "did you mean postgres?" {
		t.Errorf("%v, hint %q", err, core.ErrorHint(err))
	}
	if err := w.End(); err != nil {
		t.Error(err)
	}
	if _, err := w.Start(t.Context(), Keyring); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("after the end: %v", err)
	}
}

// The log is shown if it may explain why a server ended.
func TestRunning_HowEnded(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		"kill -INT $$":  "was ended from outside: signal: interrupt",
		"kill -KILL $$": "was ended from outside: signal: killed",
		"exit 0":        "has ended by itself: exit status 0",
		"exit 3":        "has ended by itself: exit status 3\n  | the cause",
		"kill -SEGV $$": "has ended by itself: signal: segmentation fault\n  | the cause",
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			s := &Server{dir: t.TempDir(), world: newTestWorld(t, new(strings.Builder))}
			r, err := s.run(command{path: "/bin/sh", args: []string{"-c", "echo the cause; " + script}})
			if err != nil {
				t.Fatal(err)
			}
			<-r.done
			if got := strings.Replace(r.howEnded(), " (core dumped)", "", 1); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

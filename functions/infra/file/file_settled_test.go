package file_test

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/file"
)

// A file that is written continuously settles once that ends, however slow the
// writer and the machine are.
func TestFileSettled_WaitsForTheWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "upload")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var written atomic.Int64
	go func() {
		defer f.Close()
		for range 30 {
			time.Sleep(20 * time.Millisecond)
			n, _ := f.WriteString("more\n")
			written.Add(int64(n))
		}
	}()
	// A writer's pause longer than Quiet would be the machine's fault: Quiet is
	// a hundred times the writer's own pause.
	info, err := file.FileSettled(t.Context(), path, file.FileSettledConfig{Quiet: 2 * time.Second, Poll: 20 * time.Millisecond})
	if err != nil || info.Size() != 150 || written.Load() != 150 {
		t.Errorf("settled at %+v of %d bytes, %v", info, written.Load(), err)
	}
}

func TestFileSettled_Resting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	info, err := file.FileSettled(t.Context(), path, file.FileSettledConfig{Quiet: 50 * time.Millisecond})
	if took := time.Since(began); err != nil || info.Size() != 4 || took < 50*time.Millisecond {
		t.Errorf("%v, %v after %v", info, err, took)
	}
}

// Replacing the file by another restarts the wait.
func TestFileSettled_Replaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, next := filepath.Join(dir, "file"), filepath.Join(dir, "next")
	at := time.Now().Add(-time.Hour)
	for _, p := range []string{path, next} {
		if err := os.WriteFile(p, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(p, at, at); err != nil {
			t.Fatal(err)
		}
	}
	replaced := make(chan time.Time, 1)
	time.AfterFunc(200*time.Millisecond, func() {
		_ = os.Rename(next, path)
		replaced <- time.Now()
	})
	if _, err := file.FileSettled(t.Context(), path, file.FileSettledConfig{Quiet: time.Second, Poll: 10 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if rested := time.Since(<-replaced); rested < 900*time.Millisecond {
		t.Errorf("it settled %v after it was replaced", rested)
	}
}

func TestFileSettled_Errors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		path string
		cfg  file.FileSettledConfig
		code core.Code
	}{
		"missing":  {t.Context(), filepath.Join(dir, "missing"), file.FileSettledConfig{}, core.CodeNotFound},
		"a folder": {t.Context(), dir, file.FileSettledConfig{}, core.CodeInvalid},
		"negative": {t.Context(), path, file.FileSettledConfig{Quiet: -1}, core.CodeInvalid},
		"canceled": {done, path, file.FileSettledConfig{Quiet: time.Hour}, core.CodeCanceled},
	} {
		if _, err := file.FileSettled(c.ctx, c.path, c.cfg); core.ErrorCode(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = os.Remove(path) })
	if _, err := file.FileSettled(t.Context(), path, file.FileSettledConfig{Quiet: time.Hour, Poll: time.Millisecond}); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("removed meanwhile: %v", err)
	}
}

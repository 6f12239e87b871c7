package atomicfile_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
)

func TestFileCreateAtomic_New(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "new")
	if err := atomicfile.FileCreateAtomic(t.Context(), path, strings.NewReader("one"), 0o640); err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, "one")
	wantOnly(t, dir, "new")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	err := atomicfile.FileCreateAtomic(t.Context(), path, strings.NewReader("two"), 0)
	if core.ErrorCode(err) != core.CodeConflict || !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
	wantContent(t, path, "one")
	wantOnly(t, dir, "new")
}

// Of many that make the same file at once, whatever they have read before, one
// does.
func TestFileCreateAtomic_Race(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "new")
	var made atomic.Int64
	var work sync.WaitGroup
	for range 20 {
		work.Go(func() {
			err := atomicfile.FileCreateAtomic(context.WithoutCancel(t.Context()), path, strings.NewReader("content"), 0)
			switch {
			case err == nil:
				made.Add(1)
			case core.ErrorCode(err) != core.CodeConflict:
				t.Error(err)
			}
		})
	}
	work.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times", made.Load())
	}
	wantContent(t, path, "content")
	wantOnly(t, dir, "new")
}

// A file that appears while the content is read stays.
func TestFileCreateAtomic_Meanwhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "new")
	content := io.MultiReader(strings.NewReader("mine"), readerFunc(func([]byte) (int, error) {
		write(t, path, "another's", 0)
		return 0, io.EOF
	}))
	if err := atomicfile.FileCreateAtomic(t.Context(), path, content, 0); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("got %v", err)
	}
	wantContent(t, path, "another's")
	wantOnly(t, dir, "new")
}

func TestFileCreateAtomic_Errors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), link); err != nil {
		t.Skip(err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	failed := &core.Error{Code: core.CodeTimeout}
	for name, c := range map[string]struct {
		ctx     context.Context
		path    string
		content io.Reader
		want    core.Code
	}{
		"a dangling link": {t.Context(), link, strings.NewReader("x"), core.CodeConflict},
		"a folder":        {t.Context(), dir, strings.NewReader("x"), core.CodeConflict},
		"no name":         {t.Context(), dir + "/", strings.NewReader("x"), core.CodeInvalid},
		"no path":         {t.Context(), "", strings.NewReader("x"), core.CodeInvalid},
		"no folder":       {t.Context(), filepath.Join(dir, "none", "x"), strings.NewReader("x"), core.CodeNotFound},
		"the content":     {t.Context(), filepath.Join(dir, "x"), iotest.ErrReader(failed), core.CodeTimeout},
		"canceled":        {canceled, filepath.Join(dir, "x"), strings.NewReader("x"), core.CodeCanceled},
	} {
		if err := atomicfile.FileCreateAtomic(c.ctx, c.path, c.content, 0); core.ErrorCode(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	wantOnly(t, dir, "link")
}

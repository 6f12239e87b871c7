package cache

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "folder", "f")
	failed := errors.New("failed")
	for _, step := range []struct {
		text string
		err  error
		want string
	}{{"one", nil, "one"}, {"two", nil, "two"}, {"three", failed, "two"}} {
		err := Write(t.Context(), file, func(w io.Writer) error {
			_, err := io.WriteString(w, step.text)
			return errors.Join(err, step.err)
		})
		if !errors.Is(err, step.err) {
			t.Errorf("%v, want %v", err, step.err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != step.want {
			t.Errorf("%q, %v, want %q", got, err, step.want)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A write whose reader has gone ends with an error, and never blocks.
func TestWrite_NoRoom(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	err := Write(t.Context(), t.TempDir(), func(w io.Writer) error { // a folder is not a file
		_, err := w.Write(make([]byte, 1<<20))
		ended <- err
		return err
	})
	if err == nil {
		t.Error("a folder was replaced")
	}
	if err := <-ended; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

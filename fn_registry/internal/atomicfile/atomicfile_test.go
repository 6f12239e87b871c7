package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := io.WriteString(w, s)
			return err
		}
	}
	failed := errors.New("failed")
	for _, step := range []struct {
		write func(io.Writer) error
		want  string
		err   error
	}{
		{text("one"), "one", nil},
		{text("two"), "two", nil},
		{func(w io.Writer) error { return errors.Join(text("three")(w), failed) }, "two", failed},
	} {
		if err := Write(file, 0o640, step.write); !errors.Is(err, step.err) {
			t.Errorf("%v, want %v", err, step.err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != step.want {
			t.Errorf("%q, %v, want %q", got, err, step.want)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := Write(filepath.Join(dir, "none", "f"), 0o600, text("x")); err == nil {
		t.Error("a folder was made")
	}
}

package regular

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link := filepath.Join(dir, "f"), filepath.Join(dir, "l")
	if err := errors.Join(os.WriteFile(file, []byte("text"), 0o600), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, link} {
		if src, err := Read(name, 4); err != nil || string(src) != "text" {
			t.Errorf("%s: %q, %v", name, src, err)
		}
	}
	if _, err := Read(file, 3); !errors.Is(err, errTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "none"), 3); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := Read(dir, 3); !errors.Is(err, errNotRegular) {
		t.Errorf("folder: %v", err)
	}
	if _, err := Read(os.DevNull, 3); !errors.Is(err, errNotRegular) {
		t.Errorf("device: %v", err)
	}
}

func TestLstat(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link := filepath.Join(dir, "f"), filepath.Join(dir, "l")
	if err := errors.Join(os.WriteFile(file, []byte("text"), 0o600), os.Symlink("nowhere", link)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, link, dir} {
		want, err := os.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Lstat(name)
		if err != nil || got != (Stat{want.Size(), want.ModTime().UnixNano(), want.Mode().Type()}) {
			t.Errorf("%s: %+v, %v; want %v", name, got, err, want)
		}
	}
	if got, err := Lstat(os.DevNull); err != nil || got.Type.IsRegular() {
		t.Errorf("device: %+v, %v", got, err)
	}
	var pe *os.PathError
	if _, err := Lstat(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) || !errors.As(err, &pe) {
		t.Errorf("missing: %v", err)
	}
}

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

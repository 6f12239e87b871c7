package catalog

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestReadLimited: whatever the expected size and the buffer, the result is the
// file, cut at the limit.
func TestReadLimited(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	for _, length := range []int64{0, 1, 7, 8, 9, 4096} {
		text := bytes.Repeat([]byte("0123456789"), 410)[:length]
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, size := range []int64{0, 1, length - 1, length, length + 1, 10000} {
			for _, limit := range []int64{1, length, length + 1, 1 << 20} {
				for _, room := range []int{0, 1, int(length), int(length) + 1, 5000} {
					want := text[:min(length, limit)]
					got, err := readLimited(file, max(size, 0), max(limit, 1), make([]byte, 3, room+3))
					if err != nil || !bytes.Equal(got, want) {
						t.Fatalf("length %d, expected %d, limit %d, room %d: %d bytes, %v", length, size, limit, room, len(got), err)
					}
				}
			}
		}
	}
	for _, bad := range []string{filepath.Join(dir, "missing"), dir} {
		_, err := readLimited(bad, 1, 10, nil)
		if pe, ok := errors.AsType[*fs.PathError](err); !ok || pe.Path != bad {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestReadLimited_UsesTheRoom: a file that fits is read without an allocation
// of its size.
func TestReadLimited_UsesTheRoom(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	room := make([]byte, 0, 1001)
	got, err := readLimited(file, 1000, 1<<20, room)
	if err != nil || len(got) != 1000 || &got[0] != &room[:1][0] {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

package atomicfile_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
)

func write(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := atomicfile.FileWriteAtomic(t.Context(), path, strings.NewReader(content), mode); err != nil {
		t.Fatal(err)
	}
}

// wantOnly fails unless the folder holds exactly these names, so no temporary
// file.
func wantOnly(t *testing.T, folder string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if !slices.Equal(got, names) {
		t.Errorf("%s has %q, want %q", folder, got, names)
	}
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s has %.60q, want %.60q", path, got, want)
	}
}

func TestFileWriteAtomic_NewAndReplace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	long := strings.Repeat("ä", 127) // 254 bytes: the temporary name must not be longer
	for _, name := range []string{"a.txt", long} {
		path := filepath.Join(dir, name)
		for _, content := range []string{"first", "", strings.Repeat("long ", 100_000), "short"} {
			write(t, path, content, 0)
			wantContent(t, path, content)
		}
	}
	wantOnly(t, dir, "a.txt", long)
}

func TestFileWriteAtomic_Relative(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "a.txt", "x", 0)
	wantContent(t, "a.txt", "x")
	wantOnly(t, ".", "a.txt")
}

func TestFileWriteAtomic_Mode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain") // 0666 after the umask of this process
	if err := os.WriteFile(plain, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(plain)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "x")
	for _, step := range []struct{ give, want fs.FileMode }{
		{0, info.Mode().Perm()}, {0o600, 0o600}, {0, 0o600}, {0o777, 0o777}, {0, 0o777}, {0o400, 0o400}, {0, 0o400},
	} {
		write(t, path, "x", step.give)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != step.want {
			t.Errorf("mode %v: the file has %v, want %v", step.give, info.Mode(), step.want)
		}
	}
}

// The temporary file of a secret is never readable by others, not even for a
// moment.
func TestFileWriteAtomic_ModeWhileWriting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var seen []string
	look := readerFunc(func([]byte) (int, error) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return 0, err
		}
		for _, entry := range entries {
			info, err := entry.Info()
			if err != nil {
				return 0, err
			}
			seen = append(seen, info.Mode().String())
		}
		return 0, io.EOF
	})
	if err := atomicfile.FileWriteAtomic(t.Context(), filepath.Join(dir, "secret"), look, 0o600); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(seen, []string{"-rw-------"}) {
		t.Errorf("during the write the folder holds %q", seen)
	}
}

func TestFileWriteAtomic_Symlinks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, link, target string }{
		{"to a file next to it", "real", "real"},
		{"up and through a linked folder", "linked/../up", "up"}, // linked leads to sub/deep, so this is sub/up
		{"absolute", "", "abs"},
		{"to another link", "again", "real"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			target := filepath.Join(dir, c.target)
			if c.link == "" {
				c.link = target
			}
			if c.target == "up" {
				target = filepath.Join(dir, "sub", "up")
			}
			for _, err := range []error{
				os.MkdirAll(filepath.Join(dir, "sub", "deep"), 0o755),
				os.Symlink("sub/deep", filepath.Join(dir, "linked")),
				os.Symlink("real", filepath.Join(dir, "again")),
				os.Symlink(c.link, filepath.Join(dir, "link")),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, content := range []string{"made", "replaced"} { // at first the link leads nowhere
				write(t, filepath.Join(dir, "link"), content, 0)
				if link, err := os.Readlink(filepath.Join(dir, "link")); err != nil || link != c.link {
					t.Errorf("the link is now %q, %v", link, err)
				}
				wantContent(t, target, content)
			}
		})
	}
}

func TestFileWriteAtomic_Refused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("file"), []byte("old"), 0o644), os.Mkdir(at("folder"), 0o755),
		os.Symlink("b", at("a")), os.Symlink("a", at("b")), os.Symlink("folder", at("to-folder")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		path string
		mode fs.FileMode
		want core.Code
	}{
		{at("missing/x"), 0, core.CodeNotFound},
		{at("folder"), 0, core.CodeInvalid},
		{at("to-folder"), 0, core.CodeInvalid},
		{at("a"), 0, core.CodeInvalid}, // a cycle of links
		{os.DevNull, 0, core.CodeInvalid},
		{"", 0, core.CodeInvalid},
		{at("file"), fs.ModeSetuid | 0o755, core.CodeInvalid},
		{at("file/x"), 0, core.CodeInternal}, // not a directory
	} {
		err := atomicfile.FileWriteAtomic(t.Context(), c.path, strings.NewReader("new"), c.mode)
		coded, ok := errors.AsType[*core.Error](err)
		if !ok || core.ErrorCode(err) != c.want || coded.Op != "file_write_atomic path="+c.path {
			t.Errorf("%s: got %v (%s), want %s", c.path, err, core.ErrorCode(err), c.want)
		}
	}
	wantContent(t, at("file"), "old")
	wantOnly(t, dir, "a", "b", "file", "folder", "to-folder")
	wantOnly(t, at("folder"))
}

// The content fails halfway: the old file stays, and nothing else.
func TestFileWriteAtomic_FailsHalfway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	write(t, path, "old", 0)
	broken := errors.New("broken")
	half := func(last error) io.Reader {
		return io.MultiReader(strings.NewReader(strings.Repeat("new", 50_000)), iotest.ErrReader(last))
	}
	if err := atomicfile.FileWriteAtomic(t.Context(), path, half(broken), 0); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	limited := &core.Error{Code: core.CodeLimited}
	if err := atomicfile.FileWriteAtomic(t.Context(), path, half(limited), 0); core.ErrorCode(err) != core.CodeLimited {
		t.Errorf("got %v, code %q", err, core.ErrorCode(err))
	}
	func() {
		defer func() { _ = recover() }()
		_ = atomicfile.FileWriteAtomic(t.Context(), path, readerFunc(func([]byte) (int, error) { panic("in Read") }), 0)
		t.Error("the panic did not reach the caller")
	}()
	wantContent(t, path, "old")
	wantOnly(t, dir, "x")
}

func TestFileWriteAtomic_Cancelled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	write(t, path, "old", 0)
	for _, after := range []int{0, 1, 3} { // reads before the cancellation
		ctx, cancel := context.WithCancel(t.Context())
		reads := 0
		if after == 0 {
			cancel()
		}
		err := atomicfile.FileWriteAtomic(ctx, path, readerFunc(func(p []byte) (int, error) {
			if reads++; reads == after {
				cancel()
			}
			return len(p), nil // infinite: only the context stops it
		}), 0)
		cancel()
		if core.ErrorCode(err) != core.CodeCanceled || reads != after {
			t.Errorf("got %v after %d reads, want %d", err, reads, after)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := atomicfile.FileWriteAtomic(ctx, path, readerFunc(func([]byte) (int, error) {
		cancel() // during the last read, when nothing is left to read
		return 0, io.EOF
	}), 0)
	if core.ErrorCode(err) != core.CodeCanceled {
		t.Errorf("got %v", err)
	}
	wantContent(t, path, "old")
	wantOnly(t, dir, "x")
}

// Several concurrent writers and readers: each reader sees one complete
// version.
func TestFileWriteAtomic_NeverHalf(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	version := func(c byte) []byte { return bytes.Repeat([]byte{c}, 200_000) }
	write(t, path, string(version('a')), 0)
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for c := byte('a'); c < 'd'; c++ {
		writers.Go(func() {
			for range 20 {
				if err := atomicfile.FileWriteAtomic(context.Background(), path, bytes.NewReader(version(c)), 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for {
				got, err := os.ReadFile(path)
				if err != nil || len(got) != 200_000 || !bytes.Equal(got, version(got[0])) {
					t.Errorf("%v: %d bytes", err, len(got))
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	wantOnly(t, dir, "x")
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// The plain write shows what flushing to the disk costs; "no fsync" is the same
// write without the flush.
func BenchmarkFileWriteAtomic(b *testing.B) {
	content := bytes.Repeat([]byte("x"), 4<<10)
	path := filepath.Join(b.TempDir(), "x")
	b.Run("FileWriteAtomic", func(b *testing.B) {
		for b.Loop() {
			if err := atomicfile.FileWriteAtomic(b.Context(), path, bytes.NewReader(content), 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("os.WriteFile", func(b *testing.B) {
		for b.Loop() {
			if err := os.WriteFile(path, content, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("no fsync", func(b *testing.B) {
		for b.Loop() {
			if err := errors.Join(os.WriteFile(path+".tmp", content, 0o644), os.Rename(path+".tmp", path)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

//go:build unix

package atomicfile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
	"fnregistry.dev/functions/internal/childtest"
)

func TestMain(m *testing.M) {
	childtest.Play(map[string]func(args []string) string{
		"write limited": childWriteLimited,
		"write as user": childWriteAsUser,
		"write forever": childWriteForever,
	})
	os.Exit(m.Run())
}

// childWriteLimited writes 1 MB where the kernel lets a file grow to 100 kB:
// the write fails halfway, as on a full disk.
func childWriteLimited(args []string) string {
	signal.Ignore(syscall.SIGXFSZ) // then write returns EFBIG instead
	limit := syscall.Rlimit{Cur: 100_000, Max: 100_000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err.Error()
	}
	err := atomicfile.FileWriteAtomic(context.Background(), args[0], strings.NewReader(strings.Repeat("new", 333_333)), 0)
	return fmt.Sprint(core.ErrorCode(err), " ", errors.Is(err, syscall.EFBIG))
}

// childWriteAsUser writes to each path as a user without permission, also when
// root runs the test.
func childWriteAsUser(args []string) string {
	if err := childtest.BecomeNobody(); err != nil {
		return err.Error()
	}
	var codes []string
	for _, path := range args {
		codes = append(codes, string(core.ErrorCode(atomicfile.FileWriteAtomic(context.Background(), path, strings.NewReader("new"), 0))))
	}
	return strings.Join(codes, " ")
}

// childWriteForever writes one version after another: a number, followed by a
// megabyte of x.
func childWriteForever(args []string) string {
	for i := 1; ; i++ {
		number := fmt.Sprintf("%09d\n", i)
		content := io.MultiReader(strings.NewReader(number), strings.NewReader(strings.Repeat("x", 1_000_000-len(number))))
		if err := atomicfile.FileWriteAtomic(context.Background(), args[0], content, 0); err != nil {
			return err.Error()
		}
		if i == 1 {
			fmt.Println("started")
		}
	}
}

func TestFileWriteAtomic_FileSizeLimit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	write(t, path, "old", 0)
	if got, want := childtest.Run(t, "write limited", path), "too_large true"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wantContent(t, path, "old")
	wantOnly(t, dir, "x")
}

func TestFileWriteAtomic_NoPermission(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	childtest.OpenUp(t, dir)
	path := filepath.Join(dir, "x")
	write(t, path, "old", 0o666) // the file may be written, but not replaced
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	if got, want := childtest.Run(t, "write as user", path, filepath.Join(dir, "y")), "forbidden forbidden"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wantContent(t, path, "old")
	wantOnly(t, dir, "x")
}

// Killed in the middle of a write, over and over: the file is always one
// complete version.
func TestFileWriteAtomic_Killed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x")
	for range 5 {
		cmd := childtest.Command(t, "write forever", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // returns an error, since it was killed
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		number, rest, _ := strings.Cut(string(content), "\n")
		if version, err := strconv.Atoi(number); err != nil || version < 1 || len(content) != 1_000_000 || strings.Trim(rest, "x") != "" {
			t.Fatalf("%v: %d bytes that begin with %.20q", err, len(content), content)
		}
	}
}

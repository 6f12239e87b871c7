//go:build unix

package file_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/file"
)

// Some faults change a whole process: its limits, its user. Tests of those run this test binary again, with the name
// of what to do in childEnv; what it prints is the result.
const childEnv = "FILE_TEST_CHILD"

var children = map[string]func(args []string) string{
	"write limited": childWriteLimited,
	"write as user": childWriteAsUser,
	"write forever": childWriteForever,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		fmt.Println(children[name](os.Args[1:]))
		return
	}
	os.Exit(m.Run())
}

func childCommand(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), childEnv+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

func runChild(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := childCommand(t, name, args...).Output()
	if err != nil {
		t.Fatalf("child %q: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// childWriteLimited writes 1 MB where the kernel lets a file grow to 100 kB: the write fails halfway, as on a full disk.
func childWriteLimited(args []string) string {
	signal.Ignore(syscall.SIGXFSZ) // then write returns EFBIG instead
	limit := syscall.Rlimit{Cur: 100_000, Max: 100_000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err.Error()
	}
	err := file.FileWriteAtomic(context.Background(), args[0], strings.NewReader(strings.Repeat("new", 333_333)), 0)
	return fmt.Sprint(core.ErrorCode(err), " ", errors.Is(err, syscall.EFBIG))
}

func becomeNobody() error {
	if os.Getuid() != 0 {
		return nil
	}
	const nobody = 65534
	return errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody))
}

// openUp lets other users look into a test's folder.
func openUp(t *testing.T, dir string) {
	t.Helper()
	for path := dir; strings.HasPrefix(path, os.TempDir()+"/"); path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// childWriteAsUser writes to each path as a user that may not, whoever runs the test.
func childWriteAsUser(args []string) string {
	if err := becomeNobody(); err != nil {
		return err.Error()
	}
	var codes []string
	for _, path := range args {
		codes = append(codes, string(core.ErrorCode(file.FileWriteAtomic(context.Background(), path, strings.NewReader("new"), 0))))
	}
	return strings.Join(codes, " ")
}

// childWriteForever writes ever new versions: a number, and then as many x as make a megabyte.
func childWriteForever(args []string) string {
	for i := 1; ; i++ {
		number := fmt.Sprintf("%09d\n", i)
		content := io.MultiReader(strings.NewReader(number), strings.NewReader(strings.Repeat("x", 1_000_000-len(number))))
		if err := file.FileWriteAtomic(context.Background(), args[0], content, 0); err != nil {
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
	if got, want := runChild(t, "write limited", path), "too_large true"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wantContent(t, path, "old")
	wantOnly(t, dir, "x")
}

func TestFileWriteAtomic_NoPermission(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	openUp(t, dir)
	path := filepath.Join(dir, "x")
	write(t, path, "old", 0o666) // the file may be written, but not replaced
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	if got, want := runChild(t, "write as user", path, filepath.Join(dir, "y")), "forbidden forbidden"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wantContent(t, path, "old")
	wantOnly(t, dir, "x")
}

// Killed in the middle of writing, again and again: what is there is always one whole version.
func TestFileWriteAtomic_Killed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x")
	for range 5 {
		cmd := childCommand(t, "write forever", path)
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
		_ = cmd.Wait() // says that it was killed
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

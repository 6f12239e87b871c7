package depstest

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// asUser runs a command by as_user.sh in a folder that has nothing but the
// script that it calls, and returns what it prints.
func asUser(t *testing.T, copies string, command ...string) string {
	t.Helper()
	dir := t.TempDir()
	deps, err := os.ReadFile("../deps.sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"tools/dev/deps.sh": deps, "file": []byte("copied")} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	script, err := filepath.Abs("../as_user.sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{script}, command...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TEST_COPIES="+copies)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// The copy is in the same folder each time, or the build cache of the run
// before is of no use. A run beside it has another.
func TestAsUser_SameFolder(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("as_user.sh needs root")
	}
	if _, err := user.Lookup("fnregistry"); err != nil {
		t.Skip("make as-user makes the user:", err)
	}
	copies := t.TempDir()
	copied := func(command string) string {
		out := asUser(t, copies, "sh", "-c", "pwd; id -u; cat file; "+command)
		folder, rest, _ := strings.Cut(out, "\n")
		if !strings.HasSuffix(rest, "copied") || strings.HasPrefix(rest, "0\n") {
			t.Errorf("printed %q", out)
		}
		return folder
	}
	first := copied("true")
	if second := copied("true"); second != first {
		t.Errorf("%s, then %s", first, second)
	}
	if _, err := os.Stat(first); !os.IsNotExist(err) {
		t.Errorf("%s is there still: %v", first, err)
	}
	lock, err := os.Open(filepath.Join(copies, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	busy := exec.Command("flock", lock.Name(), "cat") // until its stdin ends
	in, err := busy.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := busy.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := busy.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // it has the lock
		t.Fatal(err)
	}
	if beside := copied("true"); beside == first || filepath.Dir(beside) != copies {
		t.Errorf("beside another run: %s", beside)
	}
	in.Close()
	if err := busy.Wait(); err != nil {
		t.Error(err)
	}
}

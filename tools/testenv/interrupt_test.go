package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestInterrupt_PassedOn(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			u := startUp(t, `trap 'exit 41' INT TERM HUP; printf 'READY\0'; sleep 1006 & wait`, "postgres", "keyring")
			all := descendants(t, u.cmd.Process.Pid)
			if err := u.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if code := u.wait(); code != 41 {
				t.Errorf("exit status %d\n%s", code, u.stderr)
			}
			nothingLeft(t, u.temp, all)
		})
	}
}

// A command that the signal ends, as most do, determines the exit status.
func TestInterrupt_Status(t *testing.T) {
	t.Parallel()
	u := startUp(t, `printf 'READY\0'; exec sleep 1007`, "keyring")
	if err := u.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := u.wait(); code != 128+15 {
		t.Errorf("exit status %d\n%s", code, u.stderr)
	}
}

// A command that will not end is killed by the second signal.
func TestInterrupt_Second(t *testing.T) {
	t.Parallel()
	u := startUp(t, `trap '' INT TERM; printf 'READY\0'; while :; do sleep 1008; done`, "keyring")
	all := descendants(t, u.cmd.Process.Pid)
	for range 2 {
		if err := u.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		// Two equal pending signals are merged, so the second is sent once the
		// front has received the first.
		eventually(t, "the front has no signal pending", func() bool { return !pending(t, u.cmd.Process.Pid) })
	}
	if code := u.wait(); code != 128+9 {
		t.Errorf("exit status %d\n%s", code, u.stderr)
	}
	nothingLeft(t, u.temp, all)
}

// pending reports whether a signal is pending for the process.
func pending(t *testing.T, pid int) bool {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		if mask, ok := strings.CutPrefix(line, "ShdPnd:"); ok {
			return strings.Trim(strings.TrimSpace(mask), "0") != ""
		}
	}
	t.Fatal("no ShdPnd in /proc/PID/status")
	return false
}

// A signal also interrupts the setup of servers.
func TestInterrupt_WhileStarting(t *testing.T) {
	t.Parallel()
	cmd, temp := testenv(t, "up", "postgres", "--", "true")
	cache := t.TempDir()
	cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+cache)
	if err := os.Mkdir(filepath.Join(cache, "testenv"), 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(filepath.Join(cache, "testenv", "postgres.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	stderr := new(safeBuffer)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(
		t,
		"it waits for the lock",
		func() bool { return strings.Contains(stderr.String(), "waiting for another start") },
	)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 128+2 {
		t.Errorf("exit status %d\n%s", code, stderr)
	}
	nothingLeft(t, temp, nil)
}

// A Ctrl-C in a terminal reaches the command once, and the command can read the
// terminal.
func TestInterrupt_Terminal(t *testing.T) {
	t.Parallel()
	// The shell that script(1) starts is the session's leader, and survives a
	// Ctrl-C, like a login shell.
	needServers(t, "keyring")
	cmd, temp := testenv(t)
	count := filepath.Join(temp, "count")
	inner := `trap 'echo int >> ` + count + `' INT; stty -F /dev/tty size >/dev/null || exit 9; read -r line; printf 'got-%s\n' "$line"; ` +
		`while [ ! -s ` + count + ` ]; do sleep 0.05; done; sleep 0.5; exit 43`
	script := filepath.Join(temp, "inner.sh")
	if err := os.WriteFile(script, []byte(inner), 0o600); err != nil {
		t.Fatal(err)
	}
	terminal := exec.CommandContext(t.Context(), "script", "-qec", "trap : INT; "+binary+" up keyring -- sh "+script+"; exit $?", "/dev/null")
	terminal.Env = append(cmd.Env, "SHELL=/bin/sh") // script would use the caller's
	typing, err := terminal.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	screen := new(safeBuffer)
	terminal.Stdout = screen
	if err := terminal.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := typing.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	eventually(
		t,
		"the command reads the terminal",
		func() bool { return strings.Contains(screen.String(), "got-hello") },
	)
	if _, err := typing.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	_ = terminal.Wait()
	if code := terminal.ProcessState.ExitCode(); code != 43 {
		t.Errorf("exit status %d\n%s", code, screen)
	}
	if seen, err := os.ReadFile(count); string(seen) != "int\n" {
		t.Errorf("the command saw %q, %v", seen, err)
	}
}

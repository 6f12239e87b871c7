package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/process"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// binary is testenv, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "te-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "testenv")
	build := append(append([]string{"build"}, raceFlag...), "-o", binary, ".")
	if out, err := exec.Command("go", build...).CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// testenv returns a command with a temporary folder of its own, which makes all
// its processes recognisable by their command line. With SKIP_SERVERS=1 the
// test is skipped if these arguments start servers.
func testenv(t *testing.T, args ...string) (cmd *exec.Cmd, temp string) {
	t.Helper()
	var kinds []string
	ask := testenvProgram(func(o order) (int, error) {
		kinds = o.kinds
		return 0, nil
	})
	ask.Args, ask.Stdout, ask.Stderr = append([]string{}, args...), io.Discard, io.Discard
	program.ProgramRun(t.Context(), ask)
	if kinds != nil {
		needServers(t, kinds...)
	}
	// Not t.TempDir: other users could not enter it, and names of sockets have
	// to be short.
	temp, err := os.MkdirTemp("", "te-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(temp, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temp) })
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute) // the first run may build
	t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell does it
	cmd.WaitDelay = 10 * time.Second
	return cmd, temp
}

// needServers skips the test with SKIP_SERVERS=1, like package servers.
func needServers(t *testing.T, kinds ...string) {
	t.Helper()
	if os.Getenv(servers.EnvSkip) == "1" {
		t.Skipf("skipped, because %s=1: it needs a real %s", servers.EnvSkip, strings.Join(kinds, "+"))
	}
}

// result runs testenv to its end.
func result(t *testing.T, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Fatal(err)
		}
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// upRun is a testenv up whose command waits.
type upRun struct {
	t      *testing.T
	cmd    *exec.Cmd
	temp   string
	env    map[string]string // of the command
	stdin  io.Closer
	stdout *bufio.Reader
	stderr *safeBuffer
}

// safeBuffer is a buffer for one writer and one reader at a time.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// waiting is a command that prints its environment, then waits for its stdin to
// end.
const waiting = `env -0; printf 'READY\0'; read -r _; exit 0`

// startUp starts testenv up and returns once its command, a shell with this
// script, runs.
func startUp(t *testing.T, script string, servers ...string) *upRun {
	t.Helper()
	cmd, temp := testenv(t, append(append([]string{"up"}, servers...), "--", "sh", "-c", script)...)
	u := &upRun{t: t, cmd: cmd, temp: temp, env: make(map[string]string), stderr: new(safeBuffer)}
	var err error
	if u.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	u.stdout = bufio.NewReader(stdout)
	cmd.Stderr = u.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for {
		entry, err := u.stdout.ReadString(0)
		if err != nil {
			t.Fatalf("the command did not run: %v\n%s", err, u.stderr)
		}
		entry = strings.TrimSuffix(entry, "\x00")
		if entry == "READY" {
			return u
		}
		name, value, _ := strings.Cut(entry, "=")
		u.env[name] = value
	}
}

// end lets the command end and returns testenv's exit status.
func (u *upRun) end() int {
	u.t.Helper()
	u.stdin.Close()
	return u.wait()
}

func (u *upRun) wait() int {
	u.t.Helper()
	_, _ = io.Copy(io.Discard, u.stdout)
	_ = u.cmd.Wait()
	return u.cmd.ProcessState.ExitCode()
}

// proc is a process that was found.
type proc struct {
	pid      int
	identity string
	name     string
	cmdline  string
}

func (p proc) alive() bool {
	id, err := process.ProcessIdentity(p.pid)
	return err == nil && id == p.identity
}

// descendants returns all processes below this one, from the top down.
func descendants(t *testing.T, root int) []proc {
	t.Helper()
	children := make(map[int][]proc)
	for _, p := range processes(t) {
		if parent, ok := parentOf(p.pid); ok {
			children[parent] = append(children[parent], p)
		}
	}
	var all []proc
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		for _, child := range children[queue[0]] {
			all = append(all, child)
			queue = append(queue, child.pid)
		}
	}
	return all
}

// processes returns all running processes.
func processes(t *testing.T) []proc {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var all []proc
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		identity, err := process.ProcessIdentity(pid)
		if err != nil {
			continue // it has ended
		}
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		all = append(all, proc{pid, identity, strings.TrimSpace(string(name)), string(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '}))})
	}
	return all
}

func parentOf(pid int) (int, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	parent, err := strconv.Atoi(fields[1])
	return parent, err == nil
}

// eventually fails the test if the condition does not hold within half a
// minute.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// nothingLeft fails the test unless all the processes end, and no folder of a
// run is left.
func nothingLeft(t *testing.T, temp string, all []proc) {
	t.Helper()
	eventually(t, "all processes have ended", func() bool {
		for _, p := range all {
			if p.alive() {
				return false
			}
		}
		return true
	})
	eventually(t, "no process has the run's folder in its command line", func() bool {
		for _, p := range processes(t) {
			if strings.Contains(p.cmdline, temp) {
				return false
			}
		}
		return true
	})
	eventually(t, "the run's folder is removed", func() bool {
		left, err := os.ReadDir(temp)
		return err == nil && len(left) == 0
	})
}

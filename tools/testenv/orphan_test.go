package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const interruptSignal = syscall.SIGINT

// leaving leaves processes behind: one in the background, one in a session of
// its own, and one that has also lost its parent, like a daemon. Then it does
// the same as waiting.
const leaving = `sleep 1001 & setsid sleep 1002 & (setsid sh -c 'sleep 1003 & exec sleep 1004' &) ; ` + waiting

// A SIGKILL to testenv, including its own processes, ends everything: servers,
// command, and what that has left.
func TestKilled_NoOrphans(t *testing.T) {
	t.Parallel()
	front := func(u *upRun) []int { return []int{u.cmd.Process.Pid} }
	group := func(u *upRun) []int { return []int{-u.cmd.Process.Pid} }
	inner := func(name string) func(*upRun) []int {
		return func(u *upRun) []int {
			for _, p := range descendants(u.t, u.cmd.Process.Pid) {
				if strings.Contains(p.cmdline, " "+name+" ") {
					return []int{p.pid}
				}
			}
			u.t.Fatalf("there is no %s", name)
			return nil
		}
	}
	for _, test := range []struct {
		name    string
		servers string
		program string // that must have run
		victims func(*upRun) []int
	}{
		{"postgres", "postgres", "postgres", front},
		{"clickhouse", "clickhouse", "clickhouse", front},
		{"keyring", "keyring", "gnome-keyring-d", front},
		{"dendrite", "matrix", "dendrite", front},
		{"synapse", "matrix=synapse", "python", front},
		{"synapse on postgres", "matrix=synapse postgres", "python", front},
		{"whole group", "keyring postgres", "gnome-keyring-d", group},
		{"minder", "keyring postgres", "gnome-keyring-d", inner("@minder")},
		{"worker", "keyring postgres", "gnome-keyring-d", inner("@worker")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			u := startUp(t, leaving, strings.Fields(test.servers)...)
			var all []proc
			eventually(t, "the command has left its processes", func() bool {
				all = descendants(t, u.cmd.Process.Pid)
				left := 0
				for _, p := range all {
					if p.name == "sleep" {
						left++
					}
				}
				return left == 4
			})
			if !slices.ContainsFunc(all, func(p proc) bool { return strings.HasPrefix(p.name, test.program) }) {
				t.Fatalf("%s does not run: %v", test.program, all)
			}
			for _, pid := range test.victims(u) {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
			nothingLeft(t, u.temp, all)
			if code := u.wait(); code == 0 {
				t.Errorf("exit status 0\n%s", u.stderr)
			}
		})
	}
}

// What the command leaves behind also ends when the command does.
func TestEnd_NoOrphans(t *testing.T) {
	t.Parallel()
	u := startUp(t, leaving, "keyring")
	all := descendants(t, u.cmd.Process.Pid)
	if code := u.end(); code != 0 {
		t.Errorf("exit status %d\n%s", code, u.stderr)
	}
	nothingLeft(t, u.temp, all)
}

// Whenever the SIGKILL comes, even while servers are set up and started,
// nothing is left.
func TestKilled_WhileStarting(t *testing.T) {
	t.Parallel()
	for step := range 12 {
		delay := time.Duration(step) * 40 * time.Millisecond
		t.Run(delay.String(), func(t *testing.T) {
			t.Parallel()
			cmd, temp := testenv(t, "up", "postgres", "clickhouse", "keyring", "matrix", "--", "sleep", "1005")
			if step%2 == 1 { // then the kill comes during a build
				cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+t.TempDir())
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-time.After(delay) // no condition to wait for: any moment will do
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			nothingLeft(t, temp, nil)
		})
	}
}

// A killed PostgreSQL leaves shared memory in the kernel, which testenv frees.
func TestKilled_NoSharedMemory(t *testing.T) {
	t.Parallel()
	u := startUp(t, waiting, "postgres")
	var worker, postmaster proc
	for _, p := range descendants(t, u.cmd.Process.Pid) {
		switch {
		case strings.Contains(p.cmdline, " @worker "):
			worker = p
		case p.name == "postgres" && strings.Contains(p.cmdline, u.temp):
			postmaster = p
		}
	}
	dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", postmaster.pid))
	if err != nil {
		t.Fatal(err)
	}
	pidFile, err := os.ReadFile(dir + "/postmaster.pid")
	if err != nil {
		t.Fatal(err)
	}
	segment := strings.Fields(strings.Split(string(pidFile), "\n")[6])[1]
	if !sharedMemory(t, segment) {
		t.Fatalf("there is no segment %s", segment)
	}
	for _, p := range []proc{worker, postmaster} { // nobody is left to do it gracefully
		if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the segment is freed", func() bool { return !sharedMemory(t, segment) })
}

// sharedMemory reports whether there is a segment with this ID.
func sharedMemory(t *testing.T, id string) bool {
	t.Helper()
	data, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[1] == id {
			return true
		}
	}
	return false
}

// The processes that a control client has started end with the rest.
func TestKilled_NoOrphansOfControl(t *testing.T) {
	t.Parallel()
	u := startUp(t, waiting, "keyring")
	c := controlOf(u)
	c.start(t, "postgres")
	c.start(t, "keyring")
	all := descendants(t, u.cmd.Process.Pid)
	if err := u.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, u.temp, all)
}

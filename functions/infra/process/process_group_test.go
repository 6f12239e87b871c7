//go:build linux

package process

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
)

func init() {
	// Starts a group that lives on, says where it is, and ends.
	plays["start group"] = func() {
		log, err := os.OpenFile(os.Getenv("GROUP_LOG"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			fmt.Println(err)
			return
		}
		h, err := ProcessGroup(ProcessGroupConfig{Command: "sh", Args: []string{"-c", "echo up; while :; do sleep 0.01; echo tick; done"}, Stdout: log})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(h.PID, h.Identity)
	}
}

// startGroup starts a script with its output in a file.
func startGroup(t *testing.T, script string) (h *ProcessGroupHandle, output func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "output")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	h, err = ProcessGroup(ProcessGroupConfig{Command: "sh", Args: []string{"-c", script}, Stdout: file, Stderr: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := h.End(context.Background(), -1); err != nil {
			t.Error(err)
		}
	})
	return h, func() string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
}

func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if !eventually(holds) {
		t.Fatalf("not in time: %s", what)
	}
}

func TestProcessGroup_SignalAll(t *testing.T) {
	t.Parallel()
	h, output := startGroup(t, `trap 'echo one' HUP; sh -c 'trap "echo two" HUP; echo ready; while :; do sleep 0.01; done' & while :; do sleep 0.01; done`)
	wait(t, "ready", func() bool { return strings.Contains(output(), "ready") })
	if err := h.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	wait(t, "both have it", func() bool { return strings.Contains(output(), "one") && strings.Contains(output(), "two") })
	if h.Result() != (ProcessGroupResult{}) {
		t.Errorf("it has not ended: %+v", h.Result())
	}
	ended, err := h.End(t.Context(), time.Minute)
	if err != nil || len(ended) < 2 || ended[0].PID != h.PID {
		t.Errorf("%+v, %v", ended, err)
	}
	if r := h.Result(); r.Signal != syscall.SIGTERM || r.ExitCode != -1 || r.Ended.Before(h.Started) {
		t.Errorf("%+v", r)
	}
	if err := h.Signal(syscall.SIGHUP); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("afterwards: %v", err)
	}
	if ended, err := h.End(t.Context(), 0); err != nil || ended != nil {
		t.Errorf("ended again: %+v, %v", ended, err)
	}
}

// What ignores SIGTERM, has a session of its own, or has lost its leader ends.
func TestProcessGroup_End(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		grace  time.Duration
		leader bool // ends by itself
	}{
		"deaf":        {"trap '' TERM; echo ready; while :; do sleep 0.01; done", 50 * time.Millisecond, false},
		"no grace":    {"echo ready; sleep 600", -1, false},
		"own session": {"setsid sh -c 'echo ready; sleep 600' & wait", 0, false},
		"left behind": {"sleep 600 & echo ready", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, output := startGroup(t, c.script)
			wait(t, "ready", func() bool { return strings.Contains(output(), "ready") })
			if c.leader {
				<-h.Done()
				if r := h.Result(); r.ExitCode != 0 || r.Signal != 0 {
					t.Errorf("%+v", r)
				}
				if err := h.Signal(0); err != nil {
					t.Errorf("one is left: %v", err)
				}
			}
			ended, err := h.End(t.Context(), c.grace)
			if err != nil || len(ended) == 0 {
				t.Errorf("%+v, %v", ended, err)
			}
			<-h.Done()
			if left := marked(os.Getenv(markKey)); len(left) > 0 {
				for _, p := range ended {
					for _, pid := range left {
						if p.PID == pid {
							t.Errorf("%d lives", pid)
						}
					}
				}
			}
		})
	}
}

// The group lives on, and writes on, when the program that started it has
// ended; PID and Identity lead to it.
func TestProcessGroup_OutlivesProgram(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	cmd := playing(t, "start group")
	cmd.Env = append(cmd.Environ(), "GROUP_LOG="+log)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	pidText, identity, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	pid, err := strconv.Atoi(pidText)
	if err != nil {
		t.Fatalf("%s", out)
	}
	size := func() int64 {
		info, err := os.Stat(log)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := size()
	wait(t, "it writes on", func() bool { return size() > before+50 })
	result, err := ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: pid, Identity: identity})
	if err != nil || len(result.Ended) == 0 {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestProcessGroup_Files(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	path := filepath.Join(t.TempDir(), "output")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	dir := t.TempDir()
	h, err := ProcessGroup(ProcessGroupConfig{
		Command: "sh", Args: []string{"-c", `pwd; readlink /proc/self/fd/0; readlink /proc/self/fd/3 | cut -c1-6; echo "$A:$HOME"`},
		Dir: dir, Env: []string{"A=b", "PATH=" + os.Getenv("PATH"), markKey + "=" + os.Getenv(markKey)}, NoEnv: true, Stdout: file, ExtraFiles: []*os.File{socket},
	})
	if err != nil {
		t.Fatal(err)
	}
	<-h.Done()
	if got, err := os.ReadFile(path); err != nil || string(got) != dir+"\n/dev/null\nsocket\nb:\n" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := file.WriteString("still open"); err != nil {
		t.Error(err)
	}
}

func TestProcessGroup_NotStarted(t *testing.T) {
	t.Parallel()
	for code, cfg := range map[core.Code]ProcessGroupConfig{
		core.CodeInvalid:   {},
		core.CodeNotFound:  {Command: "no-such-command"},
		core.CodeForbidden: {Command: "/etc/passwd"},
	} {
		if _, err := ProcessGroup(cfg); core.ErrorCode(err) != code {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// Ends and signals from several goroutines, while the leader ends by itself.
func TestProcessGroup_Concurrent(t *testing.T) {
	t.Parallel()
	for range 20 {
		h, _ := startGroup(t, "sleep 0.01")
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := h.Signal(syscall.SIGTERM); err != nil && core.ErrorCode(err) != core.CodeNotFound {
					t.Error(err)
				}
				if _, err := h.End(t.Context(), time.Second); err != nil {
					t.Error(err)
				}
				<-h.Done()
			})
		}
		all.Wait()
	}
}

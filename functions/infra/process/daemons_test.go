//go:build linux

package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Each of these plays runs in a process of its own, since a subreaper stays
// one. It prints what the test wants to see.
func init() {
	plays["daemon followed"] = func() {
		states := make(chan ProcessSuperviseStatus, 100)
		h := superviseDaemon("(setsid sh -c 'trap \"exit 3\" TERM; echo $$ > up; while :; do sleep 0.01; done' &)", 0, states)
		say("followed", eventually(func() bool {
			pid, err := os.ReadFile("up")
			return err == nil && strings.TrimSpace(string(pid)) == strconv.Itoa(h.Status().PID)
		}))
		daemon := h.Status()
		say(daemon.State, "restarts", daemon.Restarts, "identity", daemon.Identity != "")
		// Its end is the run's, with its exit code.
		p, err := os.FindProcess(daemon.PID)
		if err == nil {
			err = p.Signal(syscall.SIGTERM)
		}
		say("signal", err)
		say("again", eventually(func() bool { return h.Status().Restarts == 1 }))
		say("stop", h.Stop(context.Background()))
		say("children", len(childrenLeft()))
	}
	plays["daemon ended"] = func() {
		h := superviseDaemon("(setsid sh -c '(setsid sleep 600 &); echo up > up; sleep 600' &)", 0, nil)
		say("up", eventually(func() bool { return fileExists("up") && len(childrenLeft()) > 1 }))
		say("stop", h.Stop(context.Background()), h.Status().State)
		say("children", len(childrenLeft()), "marked", len(marked(os.Getenv(markKey))))
	}
	plays["daemon of a failure"] = func() {
		states := make(chan ProcessSuperviseStatus, 100)
		h := superviseDaemon("(setsid sleep 600 &); sleep 0.05; exit 7", 1, states)
		<-h.Done()
		say("failed", h.Status().State, h.Status().ExitCode)
		say("children", len(childrenLeft()), "marked", len(marked(os.Getenv(markKey))))
	}
	plays["daemon beside others"] = func() {
		// A child that somebody else waits for late is not taken away.
		other := exec.Command("sh", "-c", "exit 5")
		if err := other.Start(); err != nil {
			panic(err)
		}
		h := superviseDaemon("for i in 1 2 3 4 5; do (sh -c 'true' &); done; echo up > up; sleep 600", 0, nil)
		say("up", eventually(func() bool { return fileExists("up") }))
		say("orphans collected", eventually(func() bool {
			reapOrphans()
			for _, p := range childrenLeft() {
				if p.zombie && p.group != p.pid && p.group != syscall.Getpgrp() {
					return false
				}
			}
			return true
		}))
		err := other.Wait()
		say("other", err)
		say("stop", h.Stop(context.Background()))
		say("children", len(childrenLeft()))
	}
}

func say(what ...any) { fmt.Println(what...) }

func superviseDaemon(script string, maxRestarts int, states chan ProcessSuperviseStatus) *ProcessSuperviseHandle {
	h, err := ProcessSupervise(context.Background(), ProcessSuperviseConfig{
		Command: "sh", Args: []string{"-c", script}, Daemons: true, Stdout: os.Stderr, InitialBackoff: time.Millisecond, MaxRestarts: maxRestarts,
		Grace: 2 * time.Second,
		OnState: func(s ProcessSuperviseStatus) {
			if states != nil {
				states <- s
			}
		},
	})
	if err != nil {
		panic(err)
	}
	return h
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// childrenLeft are this process's children, zombies included.
func childrenLeft() (children []proc) {
	all, err := processTable.list()
	if err != nil {
		panic(err)
	}
	for _, p := range all {
		if p.ppid == os.Getpid() {
			children = append(children, p)
		}
	}
	return children
}

func TestProcessSupervise_Daemons(t *testing.T) {
	t.Parallel()
	for play, want := range map[string]string{
		"daemon followed":      "followed true\nrunning restarts 0 identity true\nsignal <nil>\nagain true\nstop <nil>\nchildren 0\n",
		"daemon ended":         "up true\nstop <nil> stopped\nchildren 0 marked 0\n",
		"daemon of a failure":  "failed failed 7\nchildren 0 marked 0\n",
		"daemon beside others": "up true\norphans collected true\nother exit status 5\nstop <nil>\nchildren 0\n",
	} {
		t.Run(play, func(t *testing.T) {
			t.Parallel()
			cmd := playing(t, play)
			cmd.Dir = t.TempDir()
			var problems strings.Builder
			cmd.Stderr = &problems
			cmd.Env = append(cmd.Environ(), markKey+"="+markOf(t))
			out, err := cmd.Output()
			if err != nil || string(out) != want {
				t.Errorf("%v\n%s\nwant\n%s\n%s", err, out, want, problems.String())
			}
		})
	}
}

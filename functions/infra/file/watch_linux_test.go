package file_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/file"
	"fnregistry.dev/functions/internal/childtest"
)

func init() { children["watch"] = childWatch }

// watchOrder configures childWatch.
type watchOrder struct {
	file.FileWatchConfig
	Nobody bool              // as a user without privileges
	Sysctl map[string]string // files below /proc/sys to write
}

// childWatch watches and prints results: "ready FOLDERS WATCHED", "changed
// PATH", "all", "error CODE TEXT", and "status FOLDERS WATCHED" after a change.
// It runs until it is killed.
func childWatch(args []string) string {
	var order watchOrder
	err := json.Unmarshal([]byte(args[0]), &order)
	for name, value := range order.Sysctl {
		err = errors.Join(err, os.WriteFile("/proc/sys/"+name, []byte(value), 0))
	}
	if order.Nobody {
		err = errors.Join(err, childtest.BecomeNobody())
	}
	if err != nil {
		return "failed " + err.Error()
	}
	watch, err := file.FileWatch(context.Background(), order.FileWatchConfig)
	if err != nil {
		return "failed " + err.Error()
	}
	last := watch.Status()
	fmt.Println("ready", last.Folders, last.Watched)
	for tick := time.Tick(time.Millisecond); ; {
		select {
		case batch := <-watch.Events:
			if batch.All {
				fmt.Println("all")
			}
			for _, path := range batch.Paths {
				fmt.Println("changed", path)
			}
		case err := <-watch.Errors:
			fmt.Println("error", core.ErrorCode(err), err)
		case <-tick:
			if now := watch.Status(); now.Folders != last.Folders || now.Watched != last.Watched {
				last = now
				fmt.Println("status", last.Folders, last.Watched)
			}
		}
	}
}

// childWatcher is a watch in another process.
type childWatcher struct {
	*testing.T
	process *os.Process
	lines   chan string
}

func startWatcher(t *testing.T, order watchOrder, attributes *syscall.SysProcAttr) *childWatcher {
	t.Helper()
	text, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	cmd := childtest.Command(t, "watch", string(text))
	cmd.SysProcAttr = attributes
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	switch err := cmd.Start(); {
	case errors.Is(err, syscall.EPERM) && attributes != nil:
		t.Skip("this kernel has no user namespaces, which setting the inotify limits needs")
	case err != nil:
		t.Fatal(err)
	}
	w := &childWatcher{T: t, process: cmd.Process, lines: make(chan string)}
	go func() {
		defer close(w.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			w.lines <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range w.lines {
		}
		_ = cmd.Wait() // returns an error, since it was killed
	})
	return w
}

// want waits for a line with that prefix, and returns it.
func (w *childWatcher) want(prefix string) string {
	w.Helper()
	deadline := time.After(patience)
	var heard []string
	for {
		select {
		case line, ok := <-w.lines:
			if strings.HasPrefix(line, prefix) {
				return line
			}
			if heard = append(heard, line); !ok || strings.HasPrefix(line, "failed") {
				w.Fatalf("want %q, heard %q", prefix, heard)
			}
		case <-deadline:
			w.Fatalf("want %q, heard %d lines, at last %q", prefix, len(heard), heard[max(0, len(heard)-10):])
		}
	}
}

// stop stops the process and returns once it is stopped.
func (w *childWatcher) stop() {
	w.Helper()
	if err := w.process.Signal(syscall.SIGSTOP); err != nil {
		w.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.process.Pid))
		if err != nil || time.Now().After(deadline) {
			w.Fatalf("the process does not stop: %v, %s", err, stat)
		}
		if strings.Contains(string(stat), ") T ") {
			return
		}
	}
}

// A folder that can't be read is reported once, keeps its known state, and is
// watched again when it can be read.
func TestFileWatch_UnreadableFolder(t *testing.T) {
	t.Parallel()
	w := setup(t, "open/x", "shut/x")
	childtest.OpenUp(t, w.root)
	order := watchOrder{Nobody: true, FileWatchConfig: file.FileWatchConfig{
		Roots: []string{w.root}, Debounce: 20 * time.Millisecond, SweepInterval: 20 * time.Millisecond,
	}}
	child := startWatcher(t, order, nil)
	child.want("ready 3 3")
	w.must(os.Chmod(w.path("shut"), 0o000))
	t.Cleanup(func() { _ = os.Chmod(w.path("shut"), 0o755) })
	told := []string{child.want(""), child.want("")} // its state is kept, without a watch; in any order
	slices.Sort(told)
	if !strings.HasPrefix(told[0], "error forbidden") || !strings.Contains(told[0], w.path("shut")) || told[1] != "status 3 2" {
		t.Errorf("got %q", told)
	}
	w.put("open/x", "new")
	if line := child.want(""); line != "changed "+w.path("open/x") {
		t.Errorf("got %q", line)
	}
	w.must(os.Chmod(w.path("shut"), 0o755))
	child.want("status 3 3")
	w.put("shut/x", "new")
	child.want("changed " + w.path("shut/x"))
}

// The kernel's event queue overflows while the watcher can't read it. Changes
// made after that are found.
func TestFileWatch_QueueOverflow(t *testing.T) {
	t.Parallel()
	limit, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Fatal(err)
	}
	var most int
	if _, err := fmt.Sscan(string(limit), &most); err != nil {
		t.Fatal(err)
	}
	w := setup(t, "a", "b", "last")
	soon := time.Now().Add(1900 * time.Millisecond) // for this long the file is too young for its time to be trusted
	w.must(os.Chtimes(w.path("last"), soon, soon))
	order := watchOrder{FileWatchConfig: file.FileWatchConfig{Roots: []string{w.root}, Debounce: 20 * time.Millisecond, SweepInterval: -1}}
	child := startWatcher(t, order, nil)
	child.want("ready")
	child.stop()
	for range most/2 + 1 { // one event each; alternating, since equal consecutive events are merged
		w.must(os.Chmod(w.path("a"), 0o644))
		w.must(os.Chmod(w.path("b"), 0o644))
	}
	w.rewrite("last")
	w.must(child.process.Signal(syscall.SIGCONT))
	child.want("error unavailable file_watch: changes were missed, and are being searched for: fsnotify: queue or buffer overflow")
	child.want("changed " + filepath.Join(w.root, "last"))
}

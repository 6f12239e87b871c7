package file_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/file"
)

// ownLimits puts a process into a user namespace of its own, where it may set
// inotify limits.
func ownLimits() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
}

// With fewer watches than folders, the upper folders are watched, the others
// are swept, and that is reported; when the limit is raised, all are watched.
func TestFileWatch_WatchLimit(t *testing.T) {
	t.Parallel()
	var files []string
	for i := range 50 {
		files = append(files, fmt.Sprintf("top%02d/deep/x", i))
	}
	w := setup(t, files...)
	order := watchOrder{
		Sysctl: map[string]string{"user/max_inotify_watches": "60"}, // 1 + 50 upper ones + 9 of the lower ones
		FileWatchConfig: file.FileWatchConfig{
			Roots: []string{w.root}, Debounce: 20 * time.Millisecond, SweepInterval: 50 * time.Millisecond,
		},
	}
	child := startWatcher(t, order, ownLimits())
	child.want("ready 101 60")
	if line := child.want("error"); !strings.Contains(line, "unavailable file_watch: the system watches 60 of 101 folders; the others are checked every ") {
		t.Errorf("got %q", line)
	}
	for _, name := range []string{"top00/deep/x", "top49/deep/x", "top49/new"} {
		w.put(name, "new")
		child.want("changed " + w.path(name))
	}
	for i := range 45 { // room for the rest: 1 + 5 + 5
		w.must(os.RemoveAll(w.path(fmt.Sprintf("top%02d", i))))
	}
	child.want("status 11 11")
}

// Without any watcher, only the sweep is left.
func TestFileWatch_InstanceLimit(t *testing.T) {
	t.Parallel()
	w := setup(t, "a/x", "b/x")
	order := watchOrder{
		Sysctl: map[string]string{"user/max_inotify_instances": "0"},
		FileWatchConfig: file.FileWatchConfig{
			Roots: []string{w.root}, Debounce: 20 * time.Millisecond, SweepInterval: 20 * time.Millisecond,
		},
	}
	child := startWatcher(t, order, ownLimits())
	child.want("ready 3 0")
	child.want("error unavailable file_watch: the system watches 0 of 3 folders")
	w.put("b/x", "new")
	child.want("changed " + w.path("b/x"))
	w.put("c/d/e", "new")
	child.want("changed " + w.path("c/d/e"))
	w.must(os.RemoveAll(w.path("a")))
	child.want("changed " + w.path("a/x"))
	w.rewrite("c/d/e") // detected once it is old enough to distinguish two writes
	child.want("changed " + w.path("c/d/e"))
}

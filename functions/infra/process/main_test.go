//go:build linux

package process

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// markKey is in the environment of every process that a test starts; its value
// identifies the test.
const markKey = "FN_PROCESS_TEST"

// TestMain lets the test binary act as other programs, and finds what the tests
// left behind: processes and goroutines.
func TestMain(m *testing.M) {
	if play, ok := plays[os.Getenv("FN_PROCESS_PLAY")]; ok {
		play()
		return
	}
	mark := fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano())
	os.Setenv(markKey, mark)
	before := runtime.NumGoroutine()
	code := m.Run()
	if left := marked(mark); len(left) > 0 {
		fmt.Println("FAIL: processes were left behind:", left)
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		code = 1
	}
	fuzzing := flag.Lookup("test.fuzz").Value.String() != "" // fuzzing has goroutines of its own
	if !fuzzing && !eventually(func() bool { return runtime.NumGoroutine() <= before }) {
		stacks := make([]byte, 1<<20)
		fmt.Printf("FAIL: goroutines were left behind\n%s\n", stacks[:runtime.Stack(stacks, true)])
		code = 1
	}
	os.Exit(code)
}

// plays are the roles of the test binary when it is started with
// FN_PROCESS_PLAY.
var plays = map[string]func(){}

// playing returns the test binary as a command that plays a role.
func playing(t *testing.T, play string) *exec.Cmd {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), "FN_PROCESS_PLAY="+play)
	return cmd
}

// marked returns the live processes that inherited this mark.
func marked(mark string) []int {
	var pids []int
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		env, err := os.ReadFile(path)
		pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
		if err != nil || pid == os.Getpid() || !bytes.Contains(append([]byte{0}, env...), []byte("\x00"+markKey+"="+mark)) {
			continue
		}
		if p, ok, err := (procFS{}).find(pid); err == nil && ok && !p.zombie {
			pids = append(pids, pid)
		}
	}
	return pids
}

// markOf returns a mark that only the processes of this test have. It starts
// with the mark of all tests.
func markOf(t *testing.T) string {
	// The last slash keeps names with a common prefix apart.
	return os.Getenv(markKey) + "/" + t.Name() + "/"
}

func isAlive(pid int) bool {
	p, ok, err := procFS{}.find(pid)
	return err == nil && ok && !p.zombie
}

// eventually polls a condition that depends on other processes, for at most a
// minute: the machine may be busy.
func eventually(condition func() bool) bool {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if condition() {
			return true
		}
	}
	return false
}

func mustEventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	if !eventually(condition) {
		t.Fatalf("did not come: %s", what)
	}
}

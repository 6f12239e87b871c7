//go:build linux

package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"fnregistry.dev/functions/core"
)

func init() {
	// Tries to end the tree that it is itself part of.
	plays["kill parent"] = func() {
		_, err := ProcessKillTree(context.Background(), ProcessKillTreeConfig{PID: os.Getppid(), Grace: -1})
		fmt.Println(core.ErrorCode(err), err)
	}
}

// shell starts a script and returns it and its output once it has printed that
// many lines. Its tree is killed at the end of the test.
func shell(t *testing.T, script string, lines int, change ...func(*exec.Cmd)) (cmd *exec.Cmd, printed []string) {
	t.Helper()
	cmd = exec.Command("sh", "-c", script)
	cmd.Env = append(os.Environ(), markKey+"="+markOf(t))
	for _, f := range change {
		f(cmd)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pid := range marked(markOf(t)) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = cmd.Wait()
	})
	scanner := bufio.NewScanner(out)
	for len(printed) < lines && scanner.Scan() {
		printed = append(printed, scanner.Text())
	}
	if len(printed) < lines {
		t.Fatalf("%s: ended after %q", script, printed)
	}
	return cmd, printed
}

func asLeader(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func numbers(t *testing.T, texts []string) []int {
	t.Helper()
	var all []int
	for _, text := range texts {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

// deepTree is a shell with a child, a child in a session of its own, a
// grandchild in yet another, and an orphan in the group: the child that started
// it has ended. It prints the PIDs of the last three.
const deepTree = `
sleep 1000 &
setsid sh -c 'echo $$; setsid sh -c "echo \$\$; exec sleep 1000" & wait' &
(sleep 1000 & echo $!)
wait`

func TestProcessKillTree_EndsAll(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		table procTable
	}{{"proc", procFS{}}, {"ps", psTable{}}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd, printed := shell(t, deepTree, 3, asLeader)
			mustEventually(t, "five processes", func() bool { return len(marked(markOf(t))) == 5 })
			root, ok, err := c.table.find(cmd.Process.Pid)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			k := newKiller(c.table, root)
			if err := k.run(t.Context(), time.Hour); err != nil {
				t.Fatal(err)
			}
			if left := marked(markOf(t)); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			ended := k.ended()
			if len(ended) != 5 || ended[0].PID != cmd.Process.Pid {
				t.Errorf("ended %+v", ended)
			}
			for _, pid := range numbers(t, printed) {
				if !slices.ContainsFunc(ended, func(e ProcessEnded) bool { return e.PID == pid && !e.Killed && e.Name != "" }) {
					t.Errorf("%d is not in %+v", pid, ended)
				}
			}
		})
	}
}

// A process that does not lead its group shares it with processes that must be
// left alone.
func TestProcessKillTree_SparesTheGroupOfOthers(t *testing.T) {
	t.Parallel()
	_, printed := shell(t, `sleep 1000 & echo $!; sleep 1000 & echo $!; wait`, 2, asLeader)
	pids := numbers(t, printed)
	// At first it is a copy of the shell.
	mustEventually(t, "sleep", func() bool { return nameOf(pids[0]) == "sleep" })
	result, err := ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: pids[0]})
	if err != nil || len(result.Ended) != 1 || result.Ended[0] != (ProcessEnded{PID: pids[0], Name: "sleep"}) {
		t.Errorf("got %+v, %v", result, err)
	}
	if !isAlive(pids[1]) {
		t.Error("its neighbour was ended, too")
	}
}

func TestProcessKillTree_GraceThenKill(t *testing.T) {
	t.Parallel()
	cmd, _ := shell(t, `trap 'echo asked' TERM; sh -c 'trap "" TERM; echo ready; while :; do sleep 0.01; done' & while :; do wait; done`, 1)
	began := time.Now()
	result, err := ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: cmd.Process.Pid, Grace: 300 * time.Millisecond})
	if err != nil || time.Since(began) < 300*time.Millisecond {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	killed := 0
	for _, p := range result.Ended {
		if p.Killed && p.Name == "sh" {
			killed++
		}
	}
	if killed < 2 || len(marked(markOf(t))) > 0 {
		t.Errorf("ended %+v, left %v", result.Ended, marked(markOf(t)))
	}
}

func TestProcessKillTree_NoGrace(t *testing.T) {
	t.Parallel()
	cmd, _ := shell(t, `trap 'echo asked; exit' TERM; echo ready; while :; do sleep 0.01; done`, 1)
	result, err := ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: cmd.Process.Pid, Grace: -1})
	if err != nil || !result.Ended[0].Killed {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestProcessKillTree_ContextEndsTheGrace(t *testing.T) {
	t.Parallel()
	cmd, _ := shell(t, `trap "" TERM; echo ready; while :; do sleep 0.01; done`, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	result, err := ProcessKillTree(ctx, ProcessKillTreeConfig{PID: cmd.Process.Pid, Grace: time.Hour})
	if err != nil || !result.Ended[0].Killed || len(marked(markOf(t))) > 0 {
		t.Errorf("got %+v, %v", result, err)
	}
}

// A stopped process handles SIGTERM only once it is continued.
func TestProcessKillTree_StoppedProcess(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/asked"
	cmd, _ := shell(t, `trap 'touch `+file+`; exit' TERM; echo ready; while :; do sleep 0.01; done`, 1)
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	mustEventually(t, "the stop", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		return err == nil && strings.Contains(string(stat), ") T ")
	})
	result, err := ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: cmd.Process.Pid, Grace: time.Hour})
	if err != nil || result.Ended[0].Killed {
		t.Errorf("got %+v, %v", result, err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// It constantly starts new processes, each in a session of its own, and ignores
// SIGTERM. When it is killed while it forks, nothing may escape.
func TestProcessKillTree_KeepsForking(t *testing.T) {
	t.Parallel()
	cmd, _ := shell(t, `trap "" TERM; i=0; while [ $i -lt 500 ]; do i=$((i+1)); setsid sleep 1000 & [ $i = 20 ] && echo ready; done; wait`, 1, asLeader)
	result, err := ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: cmd.Process.Pid, Grace: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if left := marked(markOf(t)); len(left) > 0 || len(result.Ended) < 21 {
		t.Errorf("ended %d, left %v", len(result.Ended), left)
	}
}

// A process that is in the middle of a fork when it is asked to end must not
// leave a child that calls setsid at once. Without the stop before SIGTERM some
// of these escape.
func TestProcessKillTree_NothingEscapes(t *testing.T) {
	t.Parallel()
	for i := range 30 {
		cmd, _ := shell(t, `echo ready; i=0; while [ $i -lt 12 ]; do i=$((i+1)); setsid sleep 1000 & done; wait`, 1, asLeader)
		time.Sleep(time.Duration(i%8) * time.Millisecond) // any moment will do
		if _, err := ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: cmd.Process.Pid}); err != nil {
			t.Error(err)
		}
		if left := marked(markOf(t)); len(left) > 0 {
			t.Fatalf("round %d: %v got away", i, left)
		}
	}
}

// When a parent ends, the kernel sends SIGHUP and SIGCONT to the process groups
// of its children if they are stopped. Processes that end gracefully on SIGTERM
// must be able to, and those that ignore both must not be able to fork.
func TestProcessKillTree_StoppedGroups(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		grace  time.Duration
		killed bool
	}{
		"end gracefully": {`trap 'echo > "$FN_DIR/$$"; exit' TERM; echo ready; while :; do sleep 0.01; done`, time.Hour, false},
		"keep forking":   {`trap "" TERM HUP; echo ready; while :; do setsid sleep 1000 & sleep 0.01; done`, -1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			player := playing(t, "groups")
			dir := t.TempDir()
			cmd, _ := shell(t, `exec "$0" "$FN_SCRIPT"`, groups, func(cmd *exec.Cmd) {
				cmd.Args = append(cmd.Args, player.Path)
				cmd.Env = append(cmd.Env, "FN_PROCESS_PLAY=groups", "FN_DIR="+dir, "FN_SCRIPT="+c.script)
			})
			result, err := ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: cmd.Process.Pid, Grace: c.grace})
			if err != nil || len(result.Ended) < 1+groups || result.Ended[0].Killed != c.killed {
				t.Errorf("ended %+v, %v", result, err)
			}
			if left := marked(markOf(t)); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			graceful, err := os.ReadDir(dir)
			if err != nil || !c.killed && len(graceful) != groups {
				t.Errorf("%d of %d ended by themselves, %v", len(graceful), groups, err)
			}
		})
	}
}

const groups = 20

// pause waits forever without the runtime, which may not be usable.
func pause() { syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0) }

func init() {
	// Starts shells, each the leader of a group, and does not return.
	plays["groups"] = func() {
		for range groups {
			cmd := exec.Command("sh", "-c", os.Getenv("FN_SCRIPT"))
			cmd.Stdout = os.Stdout
			asLeader(cmd)
			if err := cmd.Start(); err != nil {
				panic(err)
			}
		}
		for {
			pause()
		}
	}
	plays["vfork"] = func() {
		runtime.LockOSThread()
		text := []byte("ready\n")
		pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, syscall.CLONE_VFORK|uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if pid == 0 && errno == 0 { // the runtime does not work here
			syscall.RawSyscall(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
			for {
				pause()
			}
		}
	}
	const exitMain = "exit main thread"
	if os.Getenv("FN_PROCESS_PLAY") == exitMain {
		runtime.LockOSThread() // in an init: main stays on the main thread
	}
	plays[exitMain] = func() {
		runtime.GOMAXPROCS(2) // one is lost with the thread
		go func() {
			for {
				if leader, err := os.ReadFile("/proc/self/stat"); err == nil && stateOf(leader) == threadEnded {
					_, _ = syscall.Write(1, []byte("ready\n"))
					pause()
				}
			}
		}()
		syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0)
	}
}

// A parent that waits in the kernel after vfork(2) does not stop: its child has
// to be continued first. And if the main thread has ended, the state of the
// process doesn't describe the others.
func TestProcessKillTree_NeverShownAsStopped(t *testing.T) {
	t.Parallel()
	for play, size := range map[string]int{"vfork": 2, "exit main thread": 1} {
		t.Run(play, func(t *testing.T) {
			t.Parallel()
			player := playing(t, play)
			cmd, _ := shell(t, `exec "$0"`, 1, func(cmd *exec.Cmd) {
				cmd.Args = append(cmd.Args, player.Path)
				cmd.Env = append(cmd.Env, "FN_PROCESS_PLAY="+play)
			})
			result, err := ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: cmd.Process.Pid, Grace: -1})
			if err != nil || len(result.Ended) != size || len(marked(markOf(t))) > 0 {
				t.Errorf("ended %+v, left %v: %v", result, marked(markOf(t)), err)
			}
		})
	}
}

// restless is the real table with one lie: a process never stops. In reality
// someone would have to send it SIGCONT at just the right times.
type restless struct {
	procFS
	pid int
}

func (r restless) list() ([]proc, error) {
	all, err := r.procFS.list()
	for i := range all {
		all[i].stopped = all[i].stopped && all[i].pid != r.pid
	}
	return all, err
}

// A tree that can't be stopped may contain children that were never seen, so it
// is an error, even though everything known is killed.
func TestProcessKillTree_CannotBeStopped(t *testing.T) {
	t.Parallel()
	for _, grace := range []time.Duration{0, time.Hour} {
		cmd, printed := shell(t, `sleep 1000 & echo $!; wait`, 1)
		root, _, err := procFS{}.find(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		k := newKiller(restless{pid: numbers(t, printed)[0]}, root)
		k.patience = 0
		if err := k.run(t.Context(), grace); core.ErrorCode(err) != core.CodeTimeout || !strings.Contains(err.Error(), "could not be stopped") {
			t.Errorf("grace %s: %v", grace, err)
		}
		if left := marked(markOf(t)); len(left) > 0 || len(k.ended()) != 2 {
			t.Errorf("grace %s: ended %+v, left %v", grace, k.ended(), left)
		}
	}
}

// starved is the real table in a program that occasionally runs out of file
// descriptors: checking a stopped process fails some times.
type starved struct {
	procFS
	pid    int
	fails  *int
	noList error // of list, once the process is stopped
}

func (s starved) find(pid int) (proc, bool, error) {
	p, ok, err := s.procFS.find(pid)
	if pid == s.pid && p.stopped && *s.fails > 0 {
		*s.fails--
		return proc{}, false, syscall.EMFILE
	}
	return p, ok, err
}

func (s starved) list() ([]proc, error) {
	if p, _, _ := s.procFS.find(s.pid); p.stopped && s.noList != nil {
		return nil, s.noList
	}
	return s.procFS.list()
}

// A signal that could not be sent is retried: nothing is left alive, nor
// stopped if the table can't be read at all.
func TestProcessKillTree_NoFileDescriptors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		grace time.Duration
		list  error
	}{"kill": {-1, nil}, "continue and end gracefully": {time.Hour, nil}, "go on": {time.Hour, syscall.EMFILE}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, _ := shell(t, `echo ready; exec sleep 1000`, 1)
			root, _, err := procFS{}.find(cmd.Process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			fails := 3
			k := newKiller(starved{pid: root.pid, fails: &fails, noList: c.list}, root)
			if err := k.run(t.Context(), c.grace); !errors.Is(err, c.list) {
				t.Errorf("got %v, want %v", err, c.list)
			}
			now, _, err := procFS{}.find(root.pid)
			if alive := c.list != nil; err != nil || fails > 0 || now.stopped || isAlive(root.pid) != alive {
				t.Errorf("alive %t, stopped %t, failing checks left %d, %v", isAlive(root.pid), now.stopped, fails, err)
			}
		})
	}
}

// Each thread has a folder in /proc, too: ending nothing and reporting success
// would be wrong, and so would ending the process that the thread belongs to.
func TestProcessKillTree_Thread(t *testing.T) {
	t.Parallel()
	threads, err := filepath.Glob("/proc/self/task/*")
	if err != nil || len(threads) < 2 {
		t.Fatal(threads, err)
	}
	for _, pid := range numbers(t, []string{filepath.Base(threads[0]), filepath.Base(threads[len(threads)-1])}) {
		if pid == os.Getpid() {
			continue
		}
		want := fmt.Sprintf("it is a thread of process %d", os.Getpid())
		result, err := ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: pid, Grace: -1})
		if core.ErrorCode(err) != core.CodeNotFound || !strings.Contains(err.Error(), want) || result != nil {
			t.Errorf("got %+v, %v", result, err)
		}
		if id, err := ProcessIdentity(pid); core.ErrorCode(err) != core.CodeNotFound || id != "" {
			t.Errorf("identity %q, %v", id, err)
		}
	}
}

func init() {
	// Ends a child as nobody, with a /proc that hides others' processes.
	plays["hidden processes"] = func() {
		err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
		if err = errors.Join(err, syscall.Mount("proc", "/proc", "proc", 0, "hidepid=1")); err != nil {
			fmt.Println("can't mount:", err)
			return
		}
		if err := errors.Join(syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
			panic(err)
		}
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		result, err := ProcessKillTree(context.Background(), ProcessKillTreeConfig{PID: cmd.Process.Pid, Grace: -1})
		if err != nil {
			fmt.Println(err)
			_ = cmd.Process.Kill()
		} else {
			fmt.Println("ended", len(result.Ended))
		}
		_ = cmd.Wait()
	}
}

// Processes for which /proc shows only the number belong to another user.
func TestProcessKillTree_HiddenProcesses(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a /proc")
	}
	player := playing(t, "hidden processes")
	player.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	out, err := player.Output()
	if strings.HasPrefix(string(out), "can't mount") {
		t.Skip(string(out))
	}
	if err != nil || string(out) != "ended 1\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestProcessKillTree_Identity(t *testing.T) {
	t.Parallel()
	cmd, _ := shell(t, `echo ready; exec sleep 1000`, 1)
	identity, err := ProcessIdentity(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: cmd.Process.Pid, Identity: identity + "1"})
	if core.ErrorCode(err) != core.CodeNotFound || !isAlive(cmd.Process.Pid) {
		t.Errorf("another identity: %v, alive %t", err, isAlive(cmd.Process.Pid))
	}
	if _, err = ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: cmd.Process.Pid, Identity: identity}); err != nil || isAlive(cmd.Process.Pid) {
		t.Errorf("its identity: %v, alive %t", err, isAlive(cmd.Process.Pid))
	}
}

// reused is the real table with one lie: a PID is reused between the scan and
// the signal. That can't be provoked at will.
type reused struct {
	procFS
	pid int
}

func (r reused) find(pid int) (proc, bool, error) {
	p, ok, err := r.procFS.find(pid)
	if pid == r.pid {
		p.start++
	}
	return p, ok, err
}

func TestProcessKillTree_ReusedPID(t *testing.T) {
	t.Parallel()
	cmd, printed := shell(t, `sleep 1000 & echo $!; wait`, 1)
	child := numbers(t, printed)[0]
	root, _, err := procFS{}.find(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	k := newKiller(reused{pid: child}, root)
	if err := k.scan(); err != nil || k.alive() != 2 {
		t.Fatalf("%d members, %v", k.alive(), err)
	}
	k.each(func(m *member) { k.signal(m, syscall.SIGKILL) })
	mustEventually(t, "the root's end", func() bool { return !isAlive(cmd.Process.Pid) })
	if !isAlive(child) {
		t.Error("the stranger was killed")
	}
}

// If a group's number has been reused, its members are strangers.
func TestProcessKillTree_ReusedGroup(t *testing.T) {
	t.Parallel()
	cmd, printed := shell(t, `sleep 1000 & echo $!; wait`, 1, asLeader)
	was := proc{pid: cmd.Process.Pid, group: cmd.Process.Pid, start: 1, zombie: true}
	ended, err := killTree(t.Context(), was, time.Hour)
	if err != nil || len(ended) > 0 || !isAlive(numbers(t, printed)[0]) {
		t.Errorf("ended %+v, %v", ended, err)
	}
}

func TestProcessKillTree_BadInput(t *testing.T) {
	t.Parallel()
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	for pid, want := range map[int]core.Code{
		0: core.CodeInvalid, 1: core.CodeInvalid, -5: core.CodeInvalid, os.Getpid(): core.CodeInvalid,
		ended.Process.Pid: core.CodeNotFound,
		1 << 30:           core.CodeNotFound,
	} {
		if result, err := ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: pid}); core.ErrorCode(err) != want || result != nil {
			t.Errorf("%d: got %v, want %s", pid, err, want)
		}
	}
}

func TestProcessKillTree_OwnTree(t *testing.T) {
	t.Parallel()
	player := playing(t, "kill parent")
	cmd := exec.Command("sh", "-c", `"$0"; echo alive`, player.Path)
	cmd.Env = player.Env
	out, err := cmd.Output()
	if got := string(out); err != nil || !strings.HasPrefix(got, "invalid process_kill_tree") || !strings.HasSuffix(got, "alive\n") {
		t.Errorf("got %q, %v", got, err)
	}
}

// A process of another user can't be signalled. If the caller is root, it
// becomes nobody first.
func TestProcessKillTree_OtherUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		asksPermissionOfInit(t)
		return
	}
	player := playing(t, "kill 1 child")
	player.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd, _ := shell(t, `echo ready; exec sleep 1000`, 1)
	mustEventually(t, "sleep", func() bool { return nameOf(cmd.Process.Pid) == "sleep" })
	player.Env = append(player.Env, "FN_PID="+strconv.Itoa(cmd.Process.Pid))
	// nobody can't enter the test binary's folder, so the binary is passed as
	// an open file.
	binary, err := os.Open(player.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	player.Path, player.Args = "/proc/self/fd/3", []string{"player"}
	player.ExtraFiles = []*os.File{binary}
	// Stderr may also contain complaints of a coverage run, whose folder is
	// closed, too.
	out, err := player.Output()
	if want := fmt.Sprintf("forbidden process_kill_tree pid=%d: 1 processes belong to another user: %[1]d (sleep)\n", cmd.Process.Pid); err != nil || string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
	if !isAlive(cmd.Process.Pid) {
		t.Error("it was ended")
	}
}

// asksPermissionOfInit sends signal 0, which only checks, to process 1: another
// user's, except in a container.
func asksPermissionOfInit(t *testing.T) {
	t.Helper()
	info, err := os.Stat("/proc/1")
	if err != nil {
		t.Fatal(err)
	}
	root, _, err := procFS{}.find(1)
	if err != nil {
		t.Fatal(err)
	}
	k := newKiller(procFS{}, root)
	k.signal(k.members[0], syscall.Signal(0))
	if want := info.Sys().(*syscall.Stat_t).Uid != uint32(os.Getuid()); k.members[0].denied != want || want != (core.ErrorCode(k.remaining()) == core.CodeForbidden) {
		t.Errorf("denied %t, %v, want %t", k.members[0].denied, k.remaining(), want)
	}
}

func nameOf(pid int) string {
	p, _, _ := procFS{}.find(pid)
	return p.name
}

func init() {
	plays["kill 1 child"] = func() {
		pid, _ := strconv.Atoi(os.Getenv("FN_PID"))
		_, err := ProcessKillTree(context.Background(), ProcessKillTreeConfig{PID: pid, Grace: 50 * time.Millisecond})
		fmt.Println(core.ErrorCode(err), err)
	}
}

package process

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"fnregistry.dev/functions/core"
)

var processTable procTable = procFS{}

// procFS reads /proc; see proc_pid_stat(5).
type procFS struct{}

func (procFS) list() ([]proc, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var all []proc
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		p, ok, err := procFS{}.find(pid)
		if errors.Is(err, fs.ErrPermission) {
			continue // hidepid=1: another user's, of which only the PID is shown
		}
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, p)
		}
	}
	return all, nil
}

func (procFS) find(pid int) (proc, bool, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if isGone(err) {
		return proc{}, false, nil
	}
	if err != nil {
		return proc{}, false, err
	}
	p, ok := parseStat(data)
	if state := stateOf(data); ok && p.threads > 1 && state != threadRunning {
		// The line describes the main thread. Another thread may still run, and
		// fork.
		if state, err = threadsOf(pid); err != nil {
			return proc{}, false, err
		}
		p.stopped, p.blocked = state == threadStopped, state == threadBlocked
	}
	return p, ok, nil
}

// threadState is what a thread, or the most active of several, is able to do.
type threadState int

const (
	threadEnded   threadState = iota
	threadStopped             // stopped until SIGCONT or SIGKILL
	threadBlocked             // blocked until the kernel lets it continue
	threadRunning             // running, or sleeping until a signal
)

// threadsOf returns the state of the most active thread of a process.
func threadsOf(pid int) (threadState, error) {
	folder := "/proc/" + strconv.Itoa(pid) + "/task/"
	threads, err := os.ReadDir(folder)
	if err != nil && !isGone(err) {
		return threadRunning, err
	}
	liveliest := threadEnded
	for _, thread := range threads {
		data, err := os.ReadFile(folder + thread.Name() + "/stat")
		if err != nil && !isGone(err) {
			return threadRunning, err
		}
		if err == nil {
			liveliest = max(liveliest, stateOf(data))
		}
	}
	return liveliest, nil
}

// stateOf reads the third field of a stat line.
func stateOf(data []byte) threadState {
	_, rest, _ := bytes.Cut(data[max(bytes.LastIndexByte(data, ')'), 0):], []byte(" "))
	switch rest = rest[:min(len(rest), 1)]; string(rest) {
	case "Z", "X":
		return threadEnded
	case "T", "t":
		return threadStopped
	case "D":
		return threadBlocked
	}
	return threadRunning
}

// isGone reports whether the error means that a process has ended: before its
// file was opened (not found) or before it was read (ESRCH).
func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) }

// parseStat parses the one line of /proc/PID/stat. The name in it may contain
// anything, including spaces, parentheses and line breaks, so it ends at the
// last parenthesis.
func parseStat(data []byte) (proc, bool) {
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 0 || end < open {
		return proc{}, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data[:open])))
	fields := strings.Fields(string(data[end+1:]))
	// fields[0] is field 3 of the manual page (state); field 22 is the
	// start time in clock ticks since boot.
	const state, ppid, group, session, threads, start = 0, 1, 2, 3, 17, 19
	if err != nil || len(fields) <= start {
		return proc{}, false
	}
	number := func(i int) int64 {
		n, parseErr := strconv.ParseInt(fields[i], 10, 64)
		err = errors.Join(err, parseErr)
		return n
	}
	now := stateOf(data)
	p := proc{
		pid: pid, ppid: int(number(ppid)), group: int(number(group)), session: int(number(session)),
		start:   uint64(number(start)),
		threads: int(number(threads)),
		stopped: now == threadStopped,
		blocked: now == threadBlocked,
		name:    string(data[open+1 : end]),
	}
	// If other threads are left, Z only means that the main thread has ended.
	p.zombie = fields[state] == "X" || fields[state] == "Z" && p.threads <= 1
	return p, err == nil
}

// checkProcess returns an error if the number is a thread's rather than a
// process's. /proc also has a folder for each thread, but does not list it.
func checkProcess(pid int) error {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if isGone(err) || errors.Is(err, fs.ErrPermission) {
		return nil // the next check, or the signal, reports it
	}
	if err != nil {
		return err
	}
	for line := range bytes.Lines(status) {
		group, ok := strings.CutPrefix(string(line), "Tgid:")
		if group = strings.TrimSpace(group); ok && group != strconv.Itoa(pid) {
			return &core.Error{Code: core.CodeNotFound, Message: "it is a thread of process " + group}
		}
	}
	return nil
}

// identify returns what identifies the process permanently: the boot and the
// start time in it.
func identify(pid int) (id string, ok bool, err error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", false, err
	}
	if err := checkProcess(pid); err != nil {
		return "", false, err
	}
	p, ok, err := procFS{}.find(pid)
	if err != nil || !ok || p.zombie {
		return "", false, err
	}
	return strings.TrimSpace(string(boot)) + ":" + strconv.FormatUint(p.start, 10), true, nil
}

package process

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
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
	// It may end before the file is opened (not found) and before it is read (ESRCH).
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return proc{}, false, nil
	}
	if err != nil {
		return proc{}, false, err
	}
	p, ok := parseStat(data)
	return p, ok, nil
}

// parseStat reads the one line of /proc/PID/stat. The name in it may hold anything, also spaces, parentheses and line
// ends, so it goes up to the last parenthesis.
func parseStat(data []byte) (proc, bool) {
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 0 || end < open {
		return proc{}, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data[:open])))
	fields := strings.Fields(string(data[end+1:]))
	// fields[0] is field 3 of the manual page (state); field 22 is the start time in clock ticks since boot.
	const state, ppid, group, session, threads, start = 0, 1, 2, 3, 17, 19
	if err != nil || len(fields) <= start {
		return proc{}, false
	}
	number := func(i int) int64 {
		n, parseErr := strconv.ParseInt(fields[i], 10, 64)
		err = errors.Join(err, parseErr)
		return n
	}
	p := proc{
		pid: pid, ppid: int(number(ppid)), group: int(number(group)), session: int(number(session)),
		start:   uint64(number(start)),
		stopped: fields[state] == "T" || fields[state] == "t",
		name:    string(data[open+1 : end]),
	}
	// With other threads left, a Z only says that the main one has gone.
	p.zombie = fields[state] == "X" || fields[state] == "Z" && number(threads) <= 1
	return p, err == nil
}

// identify returns what names the process for good: the boot and the start time in it.
func identify(pid int) (id string, ok bool, err error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", false, err
	}
	p, ok, err := procFS{}.find(pid)
	if err != nil || !ok || p.zombie {
		return "", false, err
	}
	return strings.TrimSpace(string(boot)) + ":" + strconv.FormatUint(p.start, 10), true, nil
}

//go:build unix

package process

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// psTable runs ps, for systems without /proc. It has start times by the second
// and no sessions.
type psTable struct{}

const psTimeout = 10 * time.Second

func (psTable) list() ([]proc, error) { return ps("-A") }

func (psTable) find(pid int) (proc, bool, error) {
	all, err := ps("-p", strconv.Itoa(pid))
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		return proc{}, false, nil // ps found none
	}
	if err != nil || len(all) == 0 {
		return proc{}, false, err
	}
	return all[0], true, nil
}

func ps(selection ...string) ([]proc, error) {
	ctx, cancel := context.WithTimeout(context.Background(), psTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ps", append(selection, "-o", "pid=,ppid=,pgid=,stat=,lstart=,comm=")...)
	cmd.Env = append(cmd.Environ(), "LC_ALL=C", "TZ=UTC")
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var all []proc
	for line := range bytes.Lines(out) {
		if p, ok := parsePS(string(line)); ok {
			all = append(all, p)
		}
	}
	return all, nil
}

// parsePS parses a line such as " 12 1 12 Ss Mon Oct 5 12:30:00 2026
// /usr/sbin/cron".
func parsePS(line string) (proc, bool) {
	fields := strings.Fields(line)
	if len(fields) < 10 {
		return proc{}, false
	}
	pid, err1 := strconv.Atoi(fields[0])
	ppid, err2 := strconv.Atoi(fields[1])
	group, err3 := strconv.Atoi(fields[2])
	start, err4 := time.Parse("Jan 2 15:04:05 2006", strings.Join(fields[5:9], " "))
	if errors.Join(err1, err2, err3, err4) != nil || start.Unix() < 0 {
		return proc{}, false
	}
	return proc{
		pid: pid, ppid: ppid, group: group, start: uint64(start.Unix()),
		zombie:  strings.HasPrefix(fields[3], "Z"),
		stopped: strings.HasPrefix(fields[3], "T"),
		// D on Linux and BSD, U on macOS.
		blocked: strings.HasPrefix(fields[3], "D") || strings.HasPrefix(fields[3], "U"),
		name:    strings.Join(fields[9:], " "),
	}, true
}

//go:build linux

package process

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A name can be anything, so it may imitate the rest of the line.
func FuzzParseStat(f *testing.F) {
	own, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(own)
	f.Add([]byte("7 (a) R 1 2 3) S 10 20 30 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 400 x"))
	f.Add([]byte("7 (\n) S 10 20 30 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 -400"))
	f.Add([]byte(")("))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, ok := parseStat(data)
		if !ok {
			return
		}
		line := fmt.Appendf(nil, "%d (%s) S %d %d %d 0 0 0 0 0 0 0 0 0 0 0 0 0 %d 0 %d 0 0", p.pid, p.name, p.ppid, p.group, p.session, p.threads, int64(p.start))
		p.zombie, p.stopped, p.blocked = false, false, false
		if again, ok := parseStat(line); !ok || again != p {
			t.Errorf("%q: %+v, then %+v", data, p, again)
		}
	})
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	p, ok := parseStat([]byte("7 (a) R 1 2 3) S 10 20 30 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 400 x"))
	if want := (proc{pid: 7, ppid: 10, group: 20, session: 30, start: 400, threads: 1, name: "a) R 1 2 3"}); !ok || p != want {
		t.Errorf("got %+v, %t", p, ok)
	}
	for state, want := range map[string]proc{"Z": {zombie: true}, "X": {zombie: true}, "T": {stopped: true}, "t": {stopped: true}, "D": {blocked: true}, "S": {}} {
		p, _ := parseStat([]byte("7 (a) " + state + strings.Repeat(" 1", 30)))
		if p.zombie != want.zombie || p.stopped != want.stopped || p.blocked != want.blocked {
			t.Errorf("%s: %+v", state, p)
		}
	}
	if p, _ := parseStat([]byte("7 (a) Z" + strings.Repeat(" 2", 30))); p.zombie {
		t.Error("only its main thread has ended")
	}
}

// Both tables report the same about a process.
func TestTables(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for _, table := range []procTable{procFS{}, psTable{}} {
		var p proc
		mustEventually(t, "sleep", func() bool { // until then it is a copy of this program
			var ok bool
			var err error
			p, ok, err = table.find(cmd.Process.Pid)
			return err == nil && ok && p.name == "sleep"
		})
		if p.pid != cmd.Process.Pid || p.ppid != os.Getpid() || p.zombie || p.stopped || p.start == 0 || p.group == 0 {
			t.Errorf("%T: %+v", table, p)
		}
		all, err := table.list()
		found := 0
		for _, q := range all {
			if q == p {
				found++
			}
		}
		if err != nil || found != 1 {
			t.Errorf("%T: found %d times in the list, %v", table, found, err)
		}
		if _, ok, err := table.find(1 << 30); ok || err != nil {
			t.Errorf("%T: %t, %v", table, ok, err)
		}
	}
}

func FuzzParsePS(f *testing.F) {
	f.Add("  12  1  12 Ss   Mon Oct  5 12:30:00 2026 /usr/sbin/cron -f\n")
	f.Add("  12  1  12 Z    Mon Oct  5 12:30:00 2026 [sh] <defunct>\n")
	f.Add("PID")
	f.Fuzz(func(t *testing.T, line string) {
		p, ok := parsePS(line)
		if ok && (p.name == "" || bytes.ContainsAny([]byte(p.name), "\n") || p.session != 0) {
			t.Errorf("%q: %+v", line, p)
		}
	})
}

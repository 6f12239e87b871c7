//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is a running server.
type server struct {
	cmd   *exec.Cmd
	began time.Time
	url   string
	log   string // file
}

// patience is how long a server may take to become ready or to end before the
// benchmark fails.
const patience = 10 * time.Minute

// start starts registry_api on a tree, as launch does.
func start(b *testing.B, root, cache string) *server {
	b.Helper()
	return launch(b, program(b, "registry_api"), "-addr", "127.0.0.1:0", "-root", root, "-cache", cache)
}

// launch starts a server that prints its address, and returns once it listens.
// It is stopped at the end of the benchmark, or by stop.
func launch(b *testing.B, program string, args ...string) *server {
	b.Helper()
	log, err := os.CreateTemp(b.TempDir(), "log")
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	s := &server{
		log: log.Name(),
		cmd: exec.Command(program, args...),
	}
	s.cmd.Stderr = log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	s.began = time.Now()
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.stop(b) })
	line, err := bufio.NewReader(out).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSpace(line), "listens on ")
	if err != nil || !ok {
		b.Fatalf("%s says %q: %v\n%s", program, line, err, s.tail())
	}
	s.url = address
	return s
}

// stop stops the server, which saves its cache, and returns its resource usage.
func (s *server) stop(b *testing.B) cost {
	b.Helper()
	if s.cmd.ProcessState == nil {
		s.cmd.Process.Signal(syscall.SIGTERM)
		ended := make(chan error, 1)
		go func() { ended <- s.cmd.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				b.Errorf("%s: %v\n%s", s.cmd.Path, err, s.tail())
			}
		case <-time.After(patience):
			s.cmd.Process.Kill()
			b.Fatalf("%s does not end: %v", s.cmd.Path, <-ended)
		}
	}
	p := s.cmd.ProcessState
	return cost{
		wall:   time.Since(s.began),
		cpu:    p.UserTime() + p.SystemTime(),
		maxRSS: p.SysUsage().(*syscall.Rusage).Maxrss << 10,
	}
}

// tail returns the end of the server's log.
func (s *server) tail() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// get requests a path; ok is false for a status other than 200.
func (s *server) get(b *testing.B, path string) (body []byte, ok bool) {
	b.Helper()
	res, err := http.Get(s.url + path)
	if err != nil {
		b.Fatalf("%v\n%s", err, s.tail())
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return body, res.StatusCode == http.StatusOK
}

// answer holds the relevant part of a search response.
type answer struct {
	Items []struct {
		ID string `json:"id"`
	} `json:"items"`
	Total int `json:"total"`
}

// search asks for units.
func (s *server) search(b *testing.B, words string) (a answer, ok bool) {
	b.Helper()
	body, ok := s.get(b, "/api/v1/units?q="+url.QueryEscape(words))
	if ok {
		if err := json.Unmarshal(body, &a); err != nil {
			b.Fatalf("%v in %.200s", err, body)
		}
	}
	return a, ok
}

// ready waits until the server answers queries; /readyz may be a tenth of a
// second late. Polling costs the server time, too: every should be a hundredth
// of the expected time.
func (s *server) ready(b *testing.B, every time.Duration) {
	b.Helper()
	waitFor(b, patience, every, "registry_api is not ready", func() bool {
		_, ok := s.get(b, "/api/v1/stats")
		return ok
	})
}

// swept waits until the server has also checked all files, which it does in the
// background after its first responses.
func (s *server) swept(b *testing.B) {
	b.Helper()
	waitFor(b, patience, 50*time.Millisecond, "registry_api has not checked the files", func() bool {
		body, ok := s.get(b, "/api/v1/stats")
		return ok && !bytes.Contains(body, []byte(`"swept_at":null`))
	})
}

// cpu returns the CPU time, user and system, that the server has used so far.
func (s *server) cpu(b *testing.B) time.Duration {
	b.Helper()
	text := s.proc(b, "stat")
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	var ticks int64
	// utime and stime: proc(5) counts from 1, including the fields before the
	// ")".
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100 // USER_HZ
}

// runTime returns the CPU time of the server's threads so far. It is counted in
// nanoseconds, whereas cpu has ticks of 10 ms, and grows only while a thread
// runs, so other load on the machine is not included. Go programs keep their
// threads, so no ended thread is missing.
func (s *server) runTime(b *testing.B) time.Duration {
	b.Helper()
	tasks := filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "task")
	entries, err := os.ReadDir(tasks)
	if err != nil {
		b.Fatal(err)
	}
	var sum time.Duration
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(tasks, e.Name(), "schedstat"))
		if err != nil {
			b.Fatal(err)
		}
		var ns int64
		if _, err := fmt.Sscan(string(text), &ns); err != nil {
			b.Fatalf("%s: %v in %q", e.Name(), err, text)
		}
		sum += time.Duration(ns)
	}
	return sum
}

// memory returns VmRSS or VmHWM (its highest value so far), in bytes.
func (s *server) memory(b *testing.B, name string) int64 {
	b.Helper()
	for line := range strings.Lines(s.proc(b, "status")) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			var kB int64
			if _, err := fmt.Sscan(rest, &kB); err != nil {
				b.Fatal(err)
			}
			return kB << 10
		}
	}
	b.Fatalf("the kernel does not tell %s", name)
	return 0
}

func (s *server) proc(b *testing.B, file string) string {
	b.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), file))
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// runner runs stages and records how they ended.
type runner struct {
	stdout, stderr io.Writer
	testenv        string // the path of the built program
	signals        chan os.Signal
	signal         syscall.Signal // the signal that ended this run, or 0
	results        []*result
}

// result is how a stage ended.
type result struct {
	title   string
	ok      bool
	notRun  bool
	took    time.Duration
	failed  []string // packages and tests
	skipped []skip
	replay  []byte // what the tests logged about how to replay them
}

func newRunner(stdout, stderr io.Writer) *runner {
	r := &runner{stdout: stdout, stderr: stderr, signals: make(chan os.Signal, 2)}
	signal.Notify(r.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go r.watchParent()
	return r
}

func (r *runner) close() { signal.Stop(r.signals) }

// watchParent ends the run when make has ended, since a SIGKILL of make sends
// no signal here.
func (r *runner) watchParent() {
	for parent := os.Getppid(); os.Getppid() == parent; {
		time.Sleep(time.Second)
	}
	r.signals <- syscall.SIGHUP
}

func (r *runner) ended() bool { return r.signal != 0 }

func (r *runner) say(format string, args ...any) {
	fmt.Fprintf(r.stdout, "stages: "+format+"\n", args...)
}

// run runs a command that ends in a go test -json, and prints what go test
// prints without -json. The command has a process group of its own, so that a
// Ctrl-C reaches it once, through this process. What it writes to stderr
// (downloads, warnings of programs that servers consist of) is printed only if
// it fails; of testenv's lines each is.
//
// The race detector does not sleep at the end of a process: by default it does
// for a second, and tests of programs start hundreds. What runs after main has
// returned would not run without the detector either.
func (r *runner) run(title string, command []string) *result {
	done := &result{title: title}
	r.results = append(r.results, done)
	if r.ended() {
		done.notRun = true
		return done
	}
	r.say("%s", title)
	began := time.Now()
	report := newReport(r.stdout)
	held := &lines{pass: r.stderr}
	guarded := command
	if self, err := os.Executable(); err == nil && command[0] != r.testenv {
		guarded = append([]string{self, guardCommand}, command...)
	}
	cmd := exec.Command(guarded[0], guarded[1:]...)
	cmd.Stdout, cmd.Stderr = report, held
	cmd.Env = append(os.Environ(), "GORACE="+strings.TrimSpace("atexit_sleep_ms=0 "+os.Getenv("GORACE")))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	err := cmd.Start()
	if err == nil {
		err = r.wait(cmd)
	}
	report.end()
	done.took, done.failed, done.skipped, done.replay = time.Since(began), report.failed, report.skipped, report.replay
	done.ok = err == nil
	if err != nil {
		_, _ = r.stderr.Write(held.held())
		r.say("%s: %v", title, err)
	}
	return done
}

// wait waits for the command and forwards signals to it.
func (r *runner) wait(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-r.signals:
			r.signal = s.(syscall.Signal)
			r.say("%v: ending", s)
			_ = cmd.Process.Signal(s) // it may just have ended
			if cmd.Args[0] != r.testenv {
				// Go test does not forward it.
				_ = syscall.Kill(-cmd.Process.Pid, r.signal)
			}
		case err := <-done:
			return err
		}
	}
}

// lines forwards testenv's lines and keeps the end of the others.
type lines struct {
	pass io.Writer

	mu   sync.Mutex
	part []byte
	kept []byte
}

const keep = 64 << 10

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, p...)
	for {
		i := bytes.IndexByte(l.part, '\n')
		if i < 0 {
			return len(p), nil
		}
		line := l.part[:i+1]
		if bytes.HasPrefix(line, []byte("testenv: ")) {
			_, _ = l.pass.Write(line)
		} else {
			l.kept = append(l.kept, line...)
			if len(l.kept) > 2*keep {
				l.kept = append([]byte("...\n"), l.kept[len(l.kept)-keep:]...)
			}
		}
		l.part = l.part[i+1:]
	}
}

func (l *lines) held() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(l.kept, l.part...)
}

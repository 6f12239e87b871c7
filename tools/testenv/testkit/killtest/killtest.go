// Package killtest tests what a crash leaves behind: a test re-executes its own
// binary in a role, the process is killed with SIGKILL at a named point in its
// code, or when the test says so, and the test restarts it and checks the
// result.
//
// TestMain calls [Play] with the roles:
//
//	func TestMain(m *testing.M) {
//		killtest.Play(map[string]func(args []string) error{"write": write})
//		os.Exit(m.Run())
//	}
//
// A role names its points with [Point], which does nothing unless the process
// was started to die there.
package killtest

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
)

const (
	roleEnv  = "KILLTEST_ROLE"
	pointEnv = "KILLTEST_POINT"
	countEnv = "KILLTEST_COUNT" // how many times the point is passed until the process dies there
)

// Play returns at once in a test's own process. In one that [Start] started it
// runs the role with the arguments given there, and exits: with 1 and the error
// on stderr if there is one.
func Play(roles map[string]func(args []string) error) {
	name := os.Getenv(roleEnv)
	if name == "" {
		return
	}
	role := roles[name]
	if role == nil {
		fmt.Fprintf(os.Stderr, "killtest: no role %q\n", name)
		os.Exit(1)
	}
	if err := role(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

var passed atomic.Int64

// Point kills this process by SIGKILL if it was started to die at the point
// called name. Otherwise it does nothing.
func Point(name string) {
	if os.Getenv(pointEnv) != name {
		return
	}
	count, _ := strconv.ParseInt(os.Getenv(countEnv), 10, 64) // Start writes it
	if passed.Add(1) < count {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // until the signal arrives
}

// Config is a process to start. Only Role is required.
type Config struct {
	Role string
	Args []string
	// Env is added to the test's environment.
	Env []string
	// KillAt is the point that the process dies at. Default: it is not
	// killed before the test says so.
	KillAt string
	// KillAfter is how many times it comes to KillAt. Default: 1.
	KillAfter int
}

// Process is a process that plays a role. Its methods are for one goroutine.
type Process struct {
	t      testing.TB
	cfg    Config
	cmd    *exec.Cmd
	input  io.Closer
	stdout io.Closer
	output *bufio.Reader
	waited bool

	ended chan struct{}
	state *os.ProcessState // set before ended is closed
	err   error            // of the wait for its end; set likewise
}

// Start starts the test's binary in a role. Its stderr is the test's. It is
// killed when the test ends, if it has not ended by then.
func Start(t testing.TB, cfg Config) *Process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Not t.Context(): that is done before cleanups run, which may still talk
	// to the process.
	cmd := exec.CommandContext(context.Background(), self, cfg.Args...)
	cmd.Env = append(os.Environ(), cfg.Env...)
	count := strconv.Itoa(cmp.Or(cfg.KillAfter, 1))
	cmd.Env = append(cmd.Env, roleEnv+"="+cfg.Role, pointEnv+"="+cfg.KillAt, countEnv+"="+count)
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start role %s: %v", cfg.Role, err)
	}
	p := &Process{t: t, cfg: cfg, cmd: cmd, input: input, stdout: output, output: bufio.NewReader(output), ended: make(chan struct{})}
	go func() { // not cmd.Wait, which closes stdout before it is read
		defer close(p.ended)
		p.state, p.err = cmd.Process.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		p.end()
	})
	return p
}

// end waits for the end of the process and closes its pipes.
func (p *Process) end() {
	<-p.ended
	_ = p.input.Close()
	_ = p.stdout.Close()
}

// Restart starts the role again after its process has ended, to die at another
// point, or at none where killAt is empty.
func (p *Process) Restart(killAt string) *Process {
	p.t.Helper()
	if !p.waited {
		p.t.Fatalf("role %s is started again before Wait", p.cfg.Role)
	}
	cfg := p.cfg
	cfg.KillAt = killAt
	return Start(p.t, cfg)
}

// Line returns the next line of stdout without its end; false at the end of
// stdout. A line that the process did not finish is not returned.
func (p *Process) Line() (string, bool) {
	line, err := p.output.ReadString('\n')
	if err != nil {
		return "", false
	}
	return line[:len(line)-1], true
}

// Expect reads lines up to the one that is want, and fails the test if there is
// none.
func (p *Process) Expect(want string) {
	p.t.Helper()
	var said []string
	for {
		line, ok := p.Line()
		if !ok {
			p.t.Fatalf("role %s ended without %q; it said %q", p.cfg.Role, want, said)
		}
		if line == want {
			return
		}
		said = append(said, line)
	}
}

// Output returns what is left of stdout, to its end.
func (p *Process) Output() []byte {
	p.t.Helper()
	rest, err := io.ReadAll(p.output)
	if err != nil {
		p.t.Fatal(err)
	}
	return rest
}

// CloseInput ends the process's stdin: the sign to begin, or to end, that roles
// wait for with [AwaitInputEnd].
func (p *Process) CloseInput() { _ = p.input.Close() }

// AwaitInputEnd returns when the test calls [Process.CloseInput]. It is for
// roles.
func AwaitInputEnd() error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// Kill sends the process SIGKILL. What it has written to stdout until it dies
// can still be read; then call [Process.Wait].
func (p *Process) Kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("kill role %s: %v", p.cfg.Role, err)
	}
}

// Signal sends the process a signal that its role handles. One that has ended
// receives nothing.
func (p *Process) Signal(signal os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signal role %s: %v", p.cfg.Role, err)
	}
}

// Ended reports whether the process has ended, by itself or killed, so that
// [Process.Wait] returns at once.
func (p *Process) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Wait waits for the end of the process, and reports whether SIGKILL ended it.
// It fails the test where the role returned an error, or another signal ended
// it. Read stdout before: what is left of it is lost.
func (p *Process) Wait() (killed bool) {
	p.t.Helper()
	p.waited = true
	p.end()
	if p.err != nil {
		p.t.Errorf("role %s: %v", p.cfg.Role, p.err)
		return false
	}
	if status, ok := p.state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		if status.Signal() != syscall.SIGKILL {
			p.t.Errorf("role %s: %v", p.cfg.Role, p.state)
		}
		return true
	}
	if !p.state.Success() {
		p.t.Errorf("role %s: %v", p.cfg.Role, p.state)
	}
	return false
}

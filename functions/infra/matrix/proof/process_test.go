package proof_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/tools/testenv/testkit/servers"
)

// jobVariable holds a child's job as JSON.
const jobVariable = "MATRIX_PROOF_JOB"

// job is what a child process does.
type job struct {
	Kind   string // reader or writer
	URL    string // of the proxy
	User   servers.User
	DB     string // of the sync store or the outbox
	Ledger string // of a reader
	Sender int    // a writer's number
	Rooms  []id.RoomID
	Each   int // a writer's messages in each room
	Seed   uint64
	Deadly int // one in so many requests kills it
	Start  int // how often it was started before
}

// process is a child that can be killed and started again.
type process struct {
	job   job
	cmd   *exec.Cmd
	ended chan error
	done  bool // it ended by itself
}

func start(t *testing.T, j job) *process {
	t.Helper()
	p := &process{job: j}
	p.start(t)
	t.Cleanup(p.kill)
	return p
}

func (p *process) start(t *testing.T) {
	t.Helper()
	data, err := json.Marshal(p.job)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), jobVariable+"="+string(data))
	p.cmd.Stdout, p.cmd.Stderr = t.Output(), t.Output()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.ended = make(chan error, 1)
	go func() { p.ended <- p.cmd.Wait() }()
}

// keepAlive starts the child again if it has killed itself. A child that ended
// well has done its job; any other end fails the test.
func (p *process) keepAlive(t *testing.T) {
	t.Helper()
	if p.done {
		return
	}
	select {
	case err := <-p.ended:
		p.done = true
		switch {
		case p.killed():
			p.done = false
			p.restart(t)
		case err != nil:
			t.Fatalf("the %s ended: %v", p.job.Kind, err)
		}
	default:
	}
}

// killed reports whether SIGKILL ended the child.
func (p *process) killed() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func (p *process) kill() {
	if p.done {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
	p.done = true
}

// again kills the children that are not done, does something meanwhile, and
// restarts them.
func again(t *testing.T, meanwhile func(), processes ...*process) {
	t.Helper()
	var killed []*process
	for _, p := range processes {
		if p.keepAlive(t); !p.done {
			p.kill()
			killed = append(killed, p)
		}
	}
	meanwhile()
	for _, p := range killed {
		p.done = false
		p.restart(t)
	}
}

func (p *process) restart(t *testing.T) {
	t.Helper()
	if p.job.Ledger != "" {
		appendLine(t, p.job.Ledger, "K")
	}
	p.job.Start++
	p.start(t)
}

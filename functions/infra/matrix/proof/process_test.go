package proof_test

import (
	"encoding/json"
	"testing"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/tools/testenv/testkit/killtest"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// job describes the work of a child process.
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
	*killtest.Process
	job  job
	done bool // it ended by itself, or was killed for good
}

func start(t *testing.T, j job) *process {
	t.Helper()
	p := &process{job: j}
	p.start(t)
	return p
}

func (p *process) start(t *testing.T) {
	t.Helper()
	data, err := json.Marshal(p.job)
	if err != nil {
		t.Fatal(err)
	}
	p.Process = killtest.Start(t, killtest.Config{Role: p.job.Kind, Args: []string{string(data)}})
}

// keepAlive restarts the child if it has killed itself. A child that exits
// successfully has done its job; any other end fails the test.
func (p *process) keepAlive(t *testing.T) {
	t.Helper()
	if p.done || !p.Ended() {
		return
	}
	if p.Wait() {
		p.restart(t)
		return
	}
	p.done = true
	if t.Failed() { // by the error that it ended with
		t.FailNow()
	}
}

func (p *process) kill() {
	if p.done {
		return
	}
	p.Kill()
	p.Wait()
	p.done = true
}

// again kills the unfinished children, does something meanwhile, and restarts
// them.
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

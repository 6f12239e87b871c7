// Package proof_test shows that nothing is lost and nothing doubled between a
// sender's outbox and an acknowledged event, whatever happens to the server,
// the wire and the processes at either end.
//
//	go run ./tools/testenv up matrix -- go test ./functions/infra/matrix/proof -v -args -messages 20000 -seed N
package proof_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/killtest"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

var (
	messages = flag.Int("messages", 2000, "how many messages are sent in all; make proof: 20,000")
	seed     = flag.Uint64("seed", 0, "of faults, kills and restarts; 0: a random one, which is printed")
)

const (
	rooms   = 20
	senders = 4
	// As long as a loaded machine may take; nothing waits for its end.
	patient = 20 * time.Minute
)

func TestMain(m *testing.M) {
	killtest.Play(map[string]func(args []string) error{"reader": child(read), "writer": child(write)})
	os.Exit(m.Run())
}

func TestEachMessageOnce(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("replay with -seed %d -messages %d", *seed, *messages)
	random := rand.New(rand.NewPCG(*seed, 0))
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()

	server := servers.Start(t, "matrix")
	w := newWorld(t, server.Matrix(t))
	reader := start(t, w.reader)
	var writers []*process
	for _, job := range w.writers {
		writers = append(writers, start(t, job))
	}
	began := time.Now()
	restarts := chaos(ctx, t, random, w, server, reader, writers)
	took := time.Since(began)
	reader.kill()
	kills := 0
	for _, p := range append(writers, reader) {
		kills += p.job.Start
	}
	t.Logf("%d messages in %v, %.0f/s; %d kills of processes, %d restarts of the server; %s",
		w.total(), took.Round(time.Second), float64(w.total())/took.Seconds(), kills, restarts, w.faultCounts())
	w.check(t)
}

// faults injects a fault into each request with a probability of a few percent.
// Which of a room's requests are hit depends only on the seed.
func faults(proxy *fault.HTTPProxy, room func(*http.Request) string) {
	const (
		sync = "GET /_matrix/client/v3/sync"
		page = "GET /_matrix/client/v3/rooms/{room}/messages"
		send = "PUT /_matrix/client/v3/rooms/{room}/send/"
	)
	limited := fault.Status{Code: 429, RetryAfterMS: 50, Errcode: "M_LIMIT_EXCEEDED"}
	later := fault.Status{Code: 429, RetryAfter: time.Second, Errcode: "M_LIMIT_EXCEEDED"}
	// The server processes the request, and the response is lost.
	for _, at := range []string{sync, page, send} {
		for _, f := range []fault.Fault{
			limited, fault.Status{Code: 500, AfterServer: true}, fault.Reset{AfterServer: true},
			fault.CutBody{}, fault.CutBody{Reset: true}, fault.CorruptJSON{}, fault.CorruptJSON{How: fault.Flip},
		} {
			proxy.Add(fault.Rule{Match: at, Per: room, Probability: 0.005, Fault: f})
		}
	}
	// The request does not reach the server.
	for _, f := range []fault.Fault{fault.Status{Code: 502, Body: "<html>bad gateway</html>"}, fault.Status{Code: 500}, fault.Reset{}, later} {
		proxy.Add(fault.Rule{Match: sync, Per: room, Probability: 0.02, Fault: f})
		proxy.Add(fault.Rule{Match: page, Per: room, Probability: 0.02, Fault: f})
		// An outbox that is unsure about a send waits before the next, so these
		// are few.
		proxy.Add(fault.Rule{Match: send, Per: room, Probability: 0.001, Fault: f})
	}
}

// chaos restarts the processes, which kill themselves, and the server, each
// time that a number of messages was delivered, until all is done. It returns
// how often the server was restarted.
//
// No send is under way when the server goes: Dendrite has a queue on disk of
// what it is to do, and does what it was at when it was killed 5 minutes and 10
// seconds later, behind whatever came after (AckWait in its
// roomserver/internal/input). Exactly once would take an outbox whose Settle is
// longer than that. So the senders are killed first, in the middle of sending,
// and what they asked for is done; the server then forgets the transaction IDs,
// which it has in memory alone.
func chaos(ctx context.Context, t *testing.T, random *rand.Rand, w *world, server *servers.Server, reader *process, writers []*process) (restarts int) {
	t.Helper()
	restart := func() {
		restarts++
		w.fence(t)
		if random.IntN(2) == 0 {
			server.Stop(t)
		} else {
			server.Kill(t)
		}
		server.Restart(t)
	}
	// Between two restarts a quarter of the messages, at most 4,000, more
	// or less.
	some := func() int { s := min(w.total()/4, 4000); return s/2 + random.IntN(s) }
	all := append(slices.Clone(writers), reader)
	moved := progress{since: time.Now()}
	defer func() { t.Logf("longest time without progress: %v", moved.longest.Round(time.Second)) }()
	next := some()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			w.outstanding(t, readLedger(t, w.reader.Ledger), all)
			t.Fatalf("not done after %v", patient)
		case <-tick.C:
		}
		reader.keepAlive(t)
		writing := false
		for _, p := range writers {
			p.keepAlive(t)
			writing = writing || !p.done
		}
		if n%10 != 0 {
			continue
		}
		l := readLedger(t, w.reader.Ledger)
		switch {
		case !writing && len(l.bodies) >= w.total() && l.unacked == 0:
			return restarts
		case len(l.bodies) >= next && writing:
			next = len(l.bodies) + some()
			again(t, restart, writers...)
		case n%50 == 0 && moved.note(w.state(t, l)) > silence:
			w.outstanding(t, l, all)
			moved.since = time.Now() // and again after as long
		}
	}
}

// body is the text of a sender's n-th message in a room.
func body(room id.RoomID, sender, n int) string { return fmt.Sprintf("%s %d %06d", room, sender, n) }

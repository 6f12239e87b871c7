package matrixoutbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// Many rooms that all lost a response are checked together: never two initial
// syncs at once, and few in total. (Synapse has the transaction IDs in the
// rooms' history, so that none is needed.)
func TestMatrixOutbox_OneLookForAllRooms(t *testing.T) {
	t.Parallel()
	const rooms = 16
	s := newOutboxSetup(t)
	var mu sync.Mutex
	var syncs, inFlight, most int
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		inFlight += n
		most = max(most, inFlight)
		if n > 0 {
			syncs++
		}
	}
	isSync := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/sync") }
	url := rewriting(t, s.proxy.URL(), func(r *http.Request) {
		if isSync(r) {
			count(1)
		}
	}, func(answer *http.Response) error {
		if isSync(answer.Request) {
			count(-1)
		}
		return nil
	})
	client := clientFor(t, url, servers.User{ID: string(s.client.UserID), AccessToken: s.client.AccessToken, DeviceID: string(s.client.DeviceID)})
	s.proxy.Add(fault.Rule{Match: outboxSends, Max: rooms, Fault: fault.Reset{AfterServer: true}})
	s.proxy.Add(fault.Rule{Match: "GET /_matrix/client/v3/sync", Fault: fault.Delay{Time: 200 * time.Millisecond}})
	cfg := outboxQuick
	cfg.Concurrency = rooms
	outbox := startOutbox(t, client, cfg)
	var all []id.RoomID
	var transactions []string
	for i := range rooms {
		all = append(all, newRoom(t, s.direct))
		transactions = append(transactions, outboxPut(t, outbox, outboxText(all[i], fmt.Sprint(i)))...)
	}
	outboxSent(t, outbox, transactions...)
	for i, room := range all {
		if got := outboxBodies(t, s.direct, room, 1); !slices.Equal(got, []string{fmt.Sprint(i)}) {
			t.Errorf("room %d: sent %v", i, got)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if most > 1 || syncs > rooms {
		t.Errorf("%d initial syncs, up to %d at once", syncs, most)
	}
}

// sendTimes records when sends reach a server.
type sendTimes struct {
	mu  sync.Mutex
	all []time.Time
}

func (s *sendTimes) note(r *http.Request) {
	if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/send/m.room.message/") {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all = append(s.all, time.Now())
	}
}

// between returns the times between sends, of which there must be n.
func (s *sendTimes) between(t *testing.T, n int) []time.Duration {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) != n {
		t.Fatalf("%d sends, want %d", len(s.all), n)
	}
	var between []time.Duration
	for i := range n - 1 {
		between = append(between, s.all[i+1].Sub(s.all[i]))
	}
	return between
}

// timed returns a client like the setup's, through a proxy that records its
// sends.
func (s *outboxSetup) timed(t *testing.T) (*mautrix.Client, *sendTimes) {
	t.Helper()
	sends := &sendTimes{}
	url := rewriting(t, s.proxy.URL(), sends.note, nil)
	user := servers.User{ID: string(s.client.UserID), AccessToken: s.client.AccessToken, DeviceID: string(s.client.DeviceID)}
	return clientFor(t, url, user), sends
}

// An item that the room does not show is sent again later if the server is
// slow: the first send may still be in progress there.
func TestMatrixOutbox_SlowServerSettlesLater(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	client, sends := s.timed(t)
	const slow = time.Second
	s.proxy.Add(fault.Rule{Match: outboxSends, Max: 1, Fault: fault.Reset{}})
	s.proxy.Add(fault.Rule{Match: messagesPath, Max: 1, Fault: fault.Delay{Time: slow}})
	outbox := startOutbox(t, client, outboxQuick)
	outboxSent(t, outbox, outboxPut(t, outbox, outboxText(s.room, "once"))...)
	if got := outboxBodies(t, s.direct, s.room, 1); !slices.Equal(got, []string{"once"}) {
		t.Errorf("sent %v", got)
	}
	if waited := sends.between(t, 2)[0]; waited < outboxQuick.Settle+4*slow {
		t.Errorf("sent again after %v", waited)
	}
}

// The pace survives restarts: the successor of a process that was killed while
// the server is slow does not assume a fast server.
func TestMatrixOutbox_PaceOverRestarts(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	cfg := outboxQuick
	cfg.DB = newDB(t).Writer
	const slow = time.Second
	s.proxy.Add(fault.Rule{Match: outboxSends, Max: 1, Fault: fault.Delay{Time: slow}})
	first := startOutbox(t, s.client, cfg)
	outboxSent(t, first, outboxPut(t, first, outboxText(s.room, "slowly"))...)
	stop(t, first)

	lost := s.proxy.Add(fault.Rule{Match: outboxSends, Max: 1, Fault: fault.Reset{}})
	second := startOutbox(t, s.client, cfg)
	transactions := outboxPut(t, second, outboxText(s.room, "once"))
	until(t, "send that is lost", func() bool { return lost.Injected() > 0 })
	began := time.Now()
	outboxSent(t, second, transactions...)
	if waited := time.Since(began); waited < cfg.Settle+4*slow {
		t.Errorf("sent again after %v", waited)
	}
	if got := outboxBodies(t, s.direct, s.room, 2); !slices.Equal(got, []string{"slowly", "once"}) {
		t.Errorf("sent %v", got)
	}
}

// If the end of a try can't be stored because the database is full, that is no
// reason to repeat it at once: the server may still be processing it.
func TestMatrixOutbox_EndOfATryNotStored(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	client, sends := s.timed(t)
	s.proxy.Add(fault.Rule{Match: outboxSends, Max: 2, Fault: fault.Reset{}})
	cfg := outboxQuick
	cfg.DB, cfg.Settle = newDB(t).Writer, time.Second
	outbox := startOutbox(t, client, cfg)
	const full = `CREATE TRIGGER full BEFORE UPDATE OF error ON matrix_outbox
WHEN OLD.tries = 2 AND NEW.state = 0 BEGIN SELECT RAISE(ABORT, 'full'); END`
	if _, err := cfg.DB.ExecContext(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	outboxSent(t, outbox, outboxPut(t, outbox, outboxText(s.room, "once"))...)
	for i, waited := range sends.between(t, 3) {
		if waited < cfg.Settle {
			t.Errorf("try %d came %v after the one before", i+2, waited)
		}
	}
}

// An item that was parked while the server may be processing it, and is
// requeued at once, waits for that like any other.
func TestMatrixOutbox_RetrySettles(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	client, sends := s.timed(t)
	s.proxy.Add(fault.Rule{Match: outboxSends, Max: 2, Fault: fault.Status{Code: http.StatusInternalServerError}})
	cfg := outboxQuick
	cfg.MaxTries, cfg.Settle = 2, time.Second
	outbox := startOutbox(t, client, cfg)
	ids := outboxPut(t, outbox, outboxText(s.room, "once"))
	if _, err := outbox.Wait(t.Context(), ids[0]); core.ErrorCode(err) != core.CodeConflict {
		t.Fatalf("got %v, want it set aside", err)
	}
	if _, err := outbox.Retry(t.Context(), ids...); err != nil {
		t.Fatal(err)
	}
	outboxSent(t, outbox, ids...)
	for i, waited := range sends.between(t, 3) {
		if waited < cfg.Settle {
			t.Errorf("try %d came %v after the one before", i+2, waited)
		}
	}
}

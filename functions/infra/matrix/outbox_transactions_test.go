package matrix_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
	"maunium.net/go/mautrix/id"
)

// Many rooms that all lost an answer are looked up together: never two initial
// syncs at once, and few in all. (Synapse has the transaction IDs in the rooms'
// history, so that it is asked for none.)
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

// An item that the room does not show is sent again later where the server
// answers slowly: the first send may still be under way there.
func TestMatrixOutbox_SlowServerSettlesLater(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	var mu sync.Mutex
	var sends []time.Time
	url := rewriting(t, s.proxy.URL(), func(r *http.Request) {
		if r.Method == http.MethodPut {
			mu.Lock()
			defer mu.Unlock()
			sends = append(sends, time.Now())
		}
	}, nil)
	client := clientFor(t, url, servers.User{ID: string(s.client.UserID), AccessToken: s.client.AccessToken, DeviceID: string(s.client.DeviceID)})
	const slow = time.Second
	s.proxy.Add(fault.Rule{Match: outboxSends, Max: 1, Fault: fault.Reset{}})
	s.proxy.Add(fault.Rule{Match: messagesPath, Max: 1, Fault: fault.Delay{Time: slow}})
	outbox := startOutbox(t, client, outboxQuick)
	outboxSent(t, outbox, outboxPut(t, outbox, outboxText(s.room, "once"))...)
	if got := outboxBodies(t, s.direct, s.room, 1); !slices.Equal(got, []string{"once"}) {
		t.Errorf("sent %v", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(sends) != 2 {
		t.Fatalf("%d sends, want 2", len(sends))
	}
	if waited := sends[1].Sub(sends[0]); waited < outboxQuick.Settle+4*slow {
		t.Errorf("sent again after %v", waited)
	}
}

// That the end of a try could not be stored is no reason to send again before it
// has settled.
func TestMatrixOutbox_FailureIsNotStored(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	var mu sync.Mutex
	var sends []time.Time
	url := rewriting(t, s.proxy.URL(), func(r *http.Request) {
		if r.Method == http.MethodPut {
			mu.Lock()
			defer mu.Unlock()
			sends = append(sends, time.Now())
		}
	}, nil)
	client := clientFor(t, url, servers.User{ID: string(s.client.UserID), AccessToken: s.client.AccessToken, DeviceID: string(s.client.DeviceID)})
	s.proxy.Add(fault.Rule{Match: outboxSends, Max: 2, Fault: fault.Reset{}})
	cfg := outboxQuick
	cfg.DB, cfg.Settle = newDB(t).Writer, 2*time.Second
	outbox := startOutbox(t, client, cfg)
	const full = "CREATE TRIGGER disk_full BEFORE UPDATE OF error ON matrix_outbox WHEN NEW.tries = 2 BEGIN SELECT RAISE(FAIL, 'disk full'); END"
	if _, err := cfg.DB.ExecContext(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	outboxSent(t, outbox, outboxPut(t, outbox, outboxText(s.room, "once"))...)
	mu.Lock()
	defer mu.Unlock()
	if len(sends) != 3 {
		t.Fatalf("%d sends, want 3", len(sends))
	}
	for i := range 2 {
		if waited := sends[i+1].Sub(sends[i]); waited < cfg.Settle {
			t.Errorf("send %d came %v after the one before", i+2, waited)
		}
	}
}

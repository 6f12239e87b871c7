package proof_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// silence is how long without progress before the proof reports what is
// outstanding.
const silence = time.Minute

// progress monitors progress: messages sent, delivered and acknowledged.
type progress struct {
	last    string
	since   time.Time
	longest time.Duration // without any progress
}

// note records the present state, and returns for how long it has been the
// same.
func (p *progress) note(now string) time.Duration {
	if now != p.last {
		p.last, p.since = now, time.Now()
	}
	quiet := time.Since(p.since)
	p.longest = max(p.longest, quiet)
	return quiet
}

// state sums up what has been done so far.
func (w *world) state(t *testing.T, l *ledger) string {
	var text strings.Builder
	fmt.Fprintf(&text, "delivered %d of %d, not acknowledged %d", len(l.bodies), w.total(), l.unacked)
	for _, j := range w.writers {
		fmt.Fprintf(&text, "; sender %d: %s", j.Sender, outboxCounts(t, j.DB))
	}
	return text.String()
}

// outboxCounts counts a writer's items by state, in its database.
func outboxCounts(t *testing.T, path string) string {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	db, err := sqliteopen.SQLiteOpen(ctx, sqliteopen.SQLiteOpenConfig{Path: path})
	if err != nil {
		return err.Error()
	}
	defer db.Close()
	var queued, sent, aside int
	const query = "SELECT total(state = 0), total(state = 1), total(state = 2) FROM matrix_outbox"
	if err := db.Reader.QueryRowContext(ctx, query).Scan(&queued, &sent, &aside); err != nil {
		return err.Error() // its process has not made the table yet
	}
	return fmt.Sprintf("%d queued, %d sent, %d parked", queued, sent, aside)
}

// outstanding logs what each process waits for, and which events of the rooms'
// histories the ledger lacks.
func (w *world) outstanding(t *testing.T, l *ledger, processes []*process) {
	t.Helper()
	t.Logf("%s: no progress. %s. The databases are in %s", time.Now().Format(time.TimeOnly), w.state(t, l), w.dir)
	for _, p := range processes {
		if !p.done {
			p.Signal(syscall.SIGUSR1)
		}
	}
	time.Sleep(5 * time.Second) // so long the children may take to write their reports
	delivered := map[string]bool{}
	for _, text := range l.bodies {
		delivered[text] = true
	}
	posted := map[id.RoomID]int{}
	for room, events := range w.history(t) {
		posted[room] = len(events)
		for _, e := range events {
			if text, _ := e.Content.Raw["body"].(string); !delivered[text] {
				t.Logf("in the room's history, not delivered: %s %s", e.ID, text)
			}
		}
	}
	for _, room := range w.rooms {
		if n := posted[room]; n != w.each*senders {
			t.Logf("room %s has %d of %d messages", room, n, w.each*senders)
		}
	}
	for text := range l.unackedEvents() {
		t.Logf("delivered, not acknowledged: %s", text)
	}
}

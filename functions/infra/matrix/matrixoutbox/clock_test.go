package matrixoutbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// shiftedServer starts a proxy in front of a server through which its clock is
// that much ahead of this machine's.
func shiftedServer(t *testing.T, target string, shift time.Duration) string {
	t.Helper()
	return matrixtest.Rewriting(t, target, nil, func(answer *http.Response) error {
		answer.Header.Set("Date", time.Now().Add(shift).UTC().Format(http.TimeFormat))
		if !strings.HasSuffix(answer.Request.URL.Path, "/messages") || answer.StatusCode != http.StatusOK {
			return nil
		}
		var page struct {
			Start string           `json:"start"`
			End   string           `json:"end,omitempty"`
			Chunk []map[string]any `json:"chunk"`
		}
		return matrixtest.RewriteJSON(answer, &page, func() {
			for _, evt := range page.Chunk {
				at, _ := evt["origin_server_ts"].(float64)
				evt["origin_server_ts"] = json.Number(fmt.Sprintf("%.0f", at+float64(shift.Milliseconds())))
			}
		})
	})
}

// The machine's clock is hours or days off the server's, the answer is lost and
// the server restarts, so that only a look into the room can tell that the
// message is there: it is posted once. Without a message of the outbox before
// it, too, whose event would end the search.
func TestMatrixOutbox_ClockOff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shift  time.Duration // of the server's clock
		before int           // messages sent before
	}{
		{-2 * time.Hour, 0}, {-2 * time.Hour, 3}, {-75 * time.Hour, 0}, {-75 * time.Hour, 1}, {75 * time.Hour, 1},
	} {
		t.Run(fmt.Sprint(c.shift, c.before), func(t *testing.T) {
			t.Parallel()
			server := servers.Start(t, "matrix")
			home := server.Matrix(t)
			user := home.NewUser(t, "clock")
			direct := clientFor(t, home.URL, user)
			proxy := fault.HTTP(t, home.URL)
			client := clientFor(t, shiftedServer(t, proxy.URL(), c.shift), user)
			room := newRoom(t, direct)
			for i := range 30 { // more than a search takes for an odd one
				if _, err := direct.SendMessageEvent(t.Context(), room, event.Type{Type: "org.example.noise", Class: event.MessageEventType}, map[string]any{"n": i}); err != nil {
					t.Fatal(err)
				}
			}
			outbox := startOutbox(t, client, outboxQuick)
			outboxSent(t, outbox, outboxPut(t, outbox, outboxItems(room, 0, c.before)...)...)
			lost := proxy.Add(fault.Rule{Match: outboxSends, Max: 1, Fault: fault.Reset{AfterServer: true}})
			after := outboxPut(t, outbox, outboxItems(room, c.before, c.before+2)...)
			if err := lost.Wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			proxy.Down()
			server.Kill(t)
			server.Restart(t)
			proxy.Up()
			outboxSent(t, outbox, after...)
			if got := outboxBodies(t, direct, room, c.before+2); !slices.Equal(got, outboxTexts(0, c.before+2)) {
				t.Errorf("sent %v", got)
			}
		})
	}
}

// The machine's clock is set by hours between two processes, forwards or back:
// an unanswered send is not repeated before it has settled, and what was sent
// before it is still what was sent before it.
func TestMatrixOutbox_ClockSetBetweenProcesses(t *testing.T) {
	t.Parallel()
	for _, set := range []time.Duration{2 * time.Hour, -2 * time.Hour, 75 * time.Hour} {
		t.Run(set.String(), func(t *testing.T) {
			t.Parallel()
			s := newOutboxSetup(t)
			cfg := outboxQuick
			cfg.DB, cfg.Settle = newDB(t).Writer, 4*time.Second
			outbox := startOutbox(t, s.client, cfg)
			outboxSent(t, outbox, outboxPut(t, outbox, outboxText(s.room, "0"))...)
			lost := s.proxy.Add(fault.Rule{Match: outboxSends, Max: 1, Fault: fault.Reset{}})
			sends := s.proxy.Add(fault.Rule{Match: outboxSends, Fault: fault.Delay{Time: time.Millisecond}})
			txn := outboxPut(t, outbox, outboxText(s.room, "1"))[0]
			if err := lost.Wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			var shown time.Time
			until(t, "look into the room", func() bool {
				var at int64
				err := cfg.DB.QueryRowContext(t.Context(), "SELECT shown_at FROM matrix_outbox WHERE txn = ?", txn).Scan(&at)
				if err != nil {
					t.Fatal(err)
				}
				shown = time.Now()
				return at != 0
			})
			stop(t, outbox)
			before := sends.Matched()
			// To the next process this machine's clock is set: what was stored
			// by it is as much older or newer.
			const older = "UPDATE matrix_outbox SET shown_at = shown_at - ?1, enqueued_at = enqueued_at - ?1 WHERE shown_at > 0"
			if _, err := cfg.DB.ExecContext(t.Context(), older, set.Milliseconds()); err != nil {
				t.Fatal(err)
			}
			outbox = startOutbox(t, s.client, cfg)
			until(t, "repeated send", func() bool { return sends.Matched() > before })
			if waited := time.Since(shown); waited < cfg.Settle-2*time.Second {
				t.Errorf("repeated %v after the first look", waited)
			}
			outboxSent(t, outbox, txn)
			if got := outboxBodies(t, s.direct, s.room, 2); !slices.Equal(got, outboxTexts(0, 2)) {
				t.Errorf("sent %v", got)
			}
		})
	}
}

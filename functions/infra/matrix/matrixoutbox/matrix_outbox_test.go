package matrixoutbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/functions/infra/metrics"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func TestMatrixOutbox_OrderInEachRoom(t *testing.T) {
	t.Parallel()
	client := newClient(t, "order")
	rooms := []id.RoomID{newRoom(t, client), newRoom(t, client), newRoom(t, client)}
	outbox := startOutbox(t, client, outboxQuick)
	var items []matrix.MatrixOutboxItem
	for i := range 20 {
		for _, room := range rooms {
			items = append(items, outboxText(room, fmt.Sprint(i)))
		}
	}
	outboxSent(t, outbox, outboxPut(t, outbox, items...)...)
	for _, room := range rooms {
		if got := outboxBodies(t, client, room, 20); !slices.Equal(got, outboxTexts(0, 20)) {
			t.Errorf("sent %v", got)
		}
	}
}

func TestMatrixOutbox_RoomsAreIndependent(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	other := newRoom(t, s.direct)
	s.proxy.Add(fault.Rule{Match: outboxSends, Where: outboxInRoom(s.room), Fault: fault.Hang{}})
	cfg := outboxQuick
	cfg.Concurrency = 2
	outbox := startOutbox(t, s.client, cfg)
	outboxPut(t, outbox, outboxText(s.room, "stuck"))
	outboxSent(t, outbox, outboxPut(t, outbox, outboxItems(other, 0, 10)...)...)
	status, err := outbox.Status(t.Context())
	if err != nil || status.Queued != 1 || status.Rooms != 1 || status.Oldest <= 0 || status.Oldest > time.Minute {
		t.Errorf("%+v %v", status, err)
	}
	s.proxy.Heal()
}

func outboxInRoom(room id.RoomID) func(*http.Request) bool {
	return func(r *http.Request) bool { return strings.Contains(r.URL.Path, string(room)) }
}

// A rate limit in the header, or only in the body, is honored, by the other
// rooms too.
func TestMatrixOutbox_RateLimits(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]fault.Status{
		"header":    {Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfter: time.Second},
		"body only": {Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfterMS: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newOutboxSetup(t)
			other := newRoom(t, s.direct)
			var mu sync.Mutex
			var tries []time.Time
			note := func(*http.Request) bool {
				mu.Lock()
				defer mu.Unlock()
				tries = append(tries, time.Now())
				return true
			}
			limited := s.proxy.Add(fault.Rule{Match: outboxSends, Where: note, Max: 1, Fault: limit})
			outbox := startOutbox(t, s.client, outboxQuick)
			first := outboxPut(t, outbox, outboxItems(s.room, 0, 3)...)
			if err := limited.Wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			until(t, "noted failure", func() bool {
				entry, err := outbox.Entry(t.Context(), first[0])
				return err == nil && entry.Error != ""
			})
			second := outboxPut(t, outbox, outboxText(other, "later"))
			outboxSent(t, outbox, slices.Concat(first, second)...)
			mu.Lock()
			defer mu.Unlock()
			for _, try := range tries[1:] {
				if wait := try.Sub(tries[0]); wait < 990*time.Millisecond {
					t.Errorf("tried again after %v, 1 s was asked for", wait)
				}
			}
			if got := outboxBodies(t, s.direct, s.room, 3); !slices.Equal(got, outboxTexts(0, 3)) {
				t.Errorf("sent %v", got)
			}
		})
	}
}

// Whatever happens to the responses, each message is posted once and in order.
func TestMatrixOutbox_Faults(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	other := newRoom(t, s.direct)
	for _, f := range []fault.Fault{
		fault.Reset{}, fault.Reset{AfterServer: true}, fault.Status{Code: 502}, fault.Status{Code: 502, AfterServer: true},
		fault.Status{Code: 500, Errcode: "M_UNKNOWN", AfterServer: true}, fault.Status{Code: 500, Errcode: "M_UNKNOWN"},
		fault.CutBody{}, fault.CutBody{Reset: true}, fault.CorruptJSON{}, fault.Status{Code: 429, RetryAfterMS: 30},
		fault.Status{Code: 403, Body: "<html>who are you?"},
	} {
		s.proxy.Add(fault.Rule{Match: outboxSends, Probability: 0.06, Max: 3, Fault: f})
	}
	s.proxy.Add(fault.Rule{Match: "GET /", Probability: 0.2, Max: 5, Fault: fault.Reset{}})
	cfg := outboxQuick
	cfg.Settle = 100 * time.Millisecond
	outbox := startOutbox(t, s.client, cfg)
	transactions := outboxPut(t, outbox, slices.Concat(outboxItems(s.room, 0, 40), outboxItems(other, 0, 40))...)
	outboxSent(t, outbox, transactions...)
	for _, room := range []id.RoomID{s.room, other} {
		if got := outboxBodies(t, s.direct, room, 40); !slices.Equal(got, outboxTexts(0, 40)) {
			t.Errorf("sent %v", got)
		}
	}
	if s.proxy.Counts().Injected < 5 {
		t.Errorf("hardly any fault: %v", s.proxy.Counts())
	}
}

// The server accepted the event, the response is lost, and the server forgets
// its transactions: a resend would be a duplicate.
func TestMatrixOutbox_ServerForgetsTransactions(t *testing.T) {
	t.Parallel()
	for _, taken := range []bool{true, false} {
		t.Run(fmt.Sprintf("taken %v", taken), func(t *testing.T) {
			t.Parallel()
			server := servers.Start(t, "matrix")
			s := outboxSetupOn(t, server.Matrix(t))
			registry := metrics.MetricsText(metrics.MetricsTextConfig{})
			cfg := outboxQuick
			cfg.Metrics = registry
			outbox := startOutbox(t, s.client, cfg)
			before := outboxPut(t, outbox, outboxItems(s.room, 0, 3)...)
			outboxSent(t, outbox, before...)
			lost := s.proxy.Add(fault.Rule{Match: outboxSends, Max: 1, Fault: fault.Reset{AfterServer: taken}})
			after := outboxPut(t, outbox, outboxItems(s.room, 3, 6)...)
			if err := lost.Wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			s.proxy.Down()
			server.Kill(t)
			server.Restart(t)
			s.proxy.Up()
			outboxSent(t, outbox, after...)
			if got := outboxBodies(t, s.direct, s.room, 6); !slices.Equal(got, outboxTexts(0, 6)) {
				t.Errorf("sent %v", got)
			}
			page := outboxMetricsPage(t, registry)
			found := strings.Contains(page, `matrix_outbox_recovered_total{user="`+string(s.client.UserID)+`"} 1`)
			if found != taken {
				t.Errorf("found in the room: %v\n%s", found, page)
			}
		})
	}
}

// A message of another session with other text, or sent without the outbox, is
// not mistaken for the lost one.
func TestMatrixOutbox_LookalikesAreNotTaken(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	lost := s.proxy.Add(fault.Rule{Match: outboxSends, Max: 1, Fault: fault.Reset{}})
	cfg := outboxQuick
	cfg.Settle = time.Second
	outbox := startOutbox(t, s.client, cfg)
	transactions := outboxPut(t, outbox, outboxText(s.room, "same"), outboxText(s.room, "end"))
	if err := lost.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.direct.SendText(t.Context(), s.room, "same"); err != nil { // in the time that the outbox waits
		t.Fatal(err)
	}
	outboxSent(t, outbox, transactions...)
	if got := outboxBodies(t, s.direct, s.room, 3); !slices.Equal(got, []string{"same", "same", "end"}) {
		t.Errorf("sent %v", got)
	}
}

func TestMatrixOutbox_SetAsideRetryDrop(t *testing.T) {
	t.Parallel()
	owner, client := newClient(t, "owner"), newClient(t, "client")
	closedRoom, openRoom := newRoom(t, owner), newRoom(t, client)
	outbox := startOutbox(t, client, outboxQuick)
	first := outboxPut(t, outbox, outboxText(closedRoom, "a"), outboxText(closedRoom, "b"))
	good := outboxPut(t, outbox, outboxText(openRoom, "c"), matrix.MatrixOutboxItem{Room: openRoom, Type: "m.room.message", Content: map[string]any{"msgtype": "m.text", "body": "float", "n": 1.5}}, outboxText(openRoom, "d"))
	outboxSent(t, outbox, good[0], good[2])
	for _, txn := range slices.Concat(first, good[1:2]) {
		_, err := outbox.Wait(t.Context(), txn)
		aside, ok := errors.AsType[*matrixoutbox.MatrixOutboxAside](err)
		if !ok || aside.TransactionID != txn || aside.Uncertain {
			t.Errorf("%v", err)
		}
	}
	told := <-outbox.Errors
	if aside, ok := errors.AsType[*matrixoutbox.MatrixOutboxAside](told); !ok || aside.Room == "" {
		t.Errorf("told %v", told)
	}
	entries, err := outbox.Entries(t.Context(), "aside", 0)
	if err != nil || len(entries) < 2 || entries[0].TransactionID != first[0] || !strings.Contains(entries[0].Error, "M_FORBIDDEN") {
		t.Fatalf("%+v %v", entries, err)
	}
	if n, err := outbox.Drop(t.Context(), first[0]); n != 1 || err != nil {
		t.Errorf("dropped %d %v", n, err)
	}
	if _, err := owner.InviteUser(t.Context(), closedRoom, &mautrix.ReqInviteUser{UserID: client.UserID}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.JoinRoomByID(t.Context(), closedRoom); err != nil {
		t.Fatal(err)
	}
	if n, err := outbox.Retry(t.Context(), first...); n != 1 || err != nil {
		t.Errorf("retried %d %v", n, err)
	}
	outboxSent(t, outbox, first[1])
	if got := outboxBodies(t, client, closedRoom, 1); !slices.Equal(got, []string{"b"}) {
		t.Errorf("sent %v", got)
	}
	if _, err := outbox.Wait(t.Context(), first[0]); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("a dropped one: %v", err)
	}
}

// Edits, reactions, replies and redactions of queued items find their target.
func TestMatrixOutbox_StandIns(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	s.proxy.Down()
	outbox := startOutbox(t, s.client, outboxQuick)
	ctx := t.Context()
	sent := func(got matrix.MatrixSent, err error) matrix.MatrixSent {
		t.Helper()
		if err != nil || !got.Queued {
			t.Fatalf("%+v %v", got, err)
		}
		return got
	}
	root := sent(matrix.MatrixSendMessage(ctx, matrix.MatrixSendMessageConfig{Outbox: outbox, Room: s.room, Message: matrix.MatrixMessage{Text: "one"}}))
	edit := sent(matrix.MatrixEditMessage(ctx, matrix.MatrixEditMessageConfig{Outbox: outbox, Room: s.room, Target: root.EventID, Message: matrix.MatrixMessage{Text: "two"}}))
	answerTo := matrix.MatrixSyncEvent{Type: "m.room.message", EventID: root.EventID}
	answer := sent(matrix.MatrixSendMessage(ctx, matrix.MatrixSendMessageConfig{
		Outbox: outbox, Room: s.room, Message: matrix.MatrixMessage{Text: "~no target"},
		RelatesTo: matrix.MatrixThreadRelation(answerTo, matrix.MatrixThreadRelationConfig{StartThread: true}),
	}))
	reaction := sent(matrix.MatrixReact(ctx, matrix.MatrixReactConfig{Outbox: outbox, Room: s.room, Target: answer.EventID, Key: "👍"}))
	gone := sent(matrix.MatrixRedactMessage(ctx, matrix.MatrixRedactMessageConfig{Outbox: outbox, Room: s.room, Target: reaction.EventID, Reason: "oh"}))
	s.proxy.Up()
	ids := outboxSent(t, outbox, root.TransactionID, edit.TransactionID, answer.TransactionID, reaction.TransactionID, gone.TransactionID)
	check := func(i int, get func(map[string]any) any, want id.EventID) {
		t.Helper()
		evt := outboxEvent(t, s.direct, s.room, ids[i])
		if got := fmt.Sprint(get(evt.Content.Raw)); got != string(want) {
			t.Errorf("event %d names %s, want %s", i, got, want)
		}
	}
	relation := func(keys ...string) func(map[string]any) any {
		return func(content map[string]any) any {
			at, _ := content["m.relates_to"].(map[string]any)
			for _, key := range keys[:len(keys)-1] {
				at, _ = at[key].(map[string]any)
			}
			return at[keys[len(keys)-1]]
		}
	}
	check(1, relation("event_id"), ids[0])
	check(2, relation("event_id"), ids[0])
	check(2, relation("m.in_reply_to", "event_id"), ids[0])
	check(2, func(content map[string]any) any { return content["body"] }, "~no target")
	until(t, "redacted reaction", func() bool {
		evt, err := s.direct.GetEvent(ctx, s.room, ids[3])
		return err == nil && evt.Unsigned.RedactedBecause != nil && evt.Unsigned.RedactedBecause.ID == ids[4]
	})
}

func TestMatrixOutbox_TargetThatWasNotSent(t *testing.T) {
	t.Parallel()
	client := newClient(t, "target")
	room := newRoom(t, client)
	outbox := startOutbox(t, client, outboxQuick)
	for _, target := range []id.EventID{"~never-there", "~dropped"} {
		sent, err := matrix.MatrixEditMessage(t.Context(), matrix.MatrixEditMessageConfig{Outbox: outbox, Room: room, Target: target, Message: matrix.MatrixMessage{Text: "x"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := outbox.Wait(t.Context(), sent.TransactionID); core.ErrorCode(err) != core.CodeConflict || !strings.Contains(err.Error(), "does not know") {
			t.Errorf("%v", err)
		}
	}
	outboxSent(t, outbox, outboxPut(t, outbox, outboxText(room, "goes on"))...)
}

// Without credentials everything waits, and it resumes with new ones.
func TestMatrixOutbox_Credentials(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	refused := s.proxy.Add(fault.Rule{Match: outboxSends, Fault: fault.Status{Code: 401, Errcode: "M_UNKNOWN_TOKEN"}})
	cfg := outboxQuick
	cfg.Backoff.Max = time.Hour // so that only Wake can end the wait
	outbox := startOutbox(t, s.client, cfg)
	transactions := outboxPut(t, outbox, outboxItems(s.room, 0, 3)...)
	until(t, "want of credentials", func() bool {
		status, err := outbox.Status(t.Context())
		return err == nil && status.NeedsCredentials && status.Queued == 3 && status.Aside == 0
	})
	if told := <-outbox.Errors; core.ErrorCode(told) != core.CodeUnauthenticated {
		t.Errorf("told %v", told)
	}
	if refused.Injected() != 1 {
		t.Errorf("%d tries without credentials", refused.Injected())
	}
	refused.Remove()
	if err := outbox.Wake(t.Context()); err != nil {
		t.Fatal(err)
	}
	outboxSent(t, outbox, transactions...)
	if status, err := outbox.Status(t.Context()); err != nil || status.NeedsCredentials {
		t.Errorf("%+v %v", status, err)
	}
}

// Repeatedly stopped and started, it loses and duplicates nothing.
func TestMatrixOutbox_StopAndStart(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	s.proxy.Add(fault.Rule{Match: outboxSends, Fault: fault.Delay{Jitter: 20 * time.Millisecond, AfterServer: true}})
	cfg := outboxQuick
	cfg.DB = newDB(t).Writer
	for round := range 5 {
		outbox := startOutbox(t, s.client, cfg)
		ids := outboxPut(t, outbox, outboxItems(s.room, round*10, round*10+10)...)
		outboxSent(t, outbox, ids[round])
		if round%2 == 0 {
			stop(t, outbox)
			stop(t, outbox)
		} else {
			ctx, cancel := context.WithCancel(t.Context())
			stop(t, outbox)
			again := cfg
			again.Client = s.client
			broken, err := matrixoutbox.MatrixOutbox(ctx, again)
			if err != nil {
				t.Fatal(err)
			}
			outboxSent(t, broken, ids[round+1])
			cancel() // what is under way is broken off
			for range broken.Errors {
			}
			stop(t, broken)
		}
	}
	outbox := startOutbox(t, s.client, cfg)
	outboxSent(t, outbox, outboxPut(t, outbox, outboxText(s.room, "50"))...)
	if got := outboxBodies(t, s.direct, s.room, 51); !slices.Equal(got, outboxTexts(0, 51)) {
		t.Errorf("sent %v", got)
	}
}

// An outbox that is repeatedly ended before a lost send has settled still sends
// it.
func TestMatrixOutbox_SettlesOverRestarts(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	cfg := outboxQuick
	cfg.DB, cfg.Settle = newDB(t).Writer, time.Second
	s.proxy.Add(fault.Rule{Match: outboxSends, Max: 1, Fault: fault.Reset{}})
	looks := s.proxy.Add(fault.Rule{Match: messagesPath, Fault: fault.Delay{Time: time.Millisecond}})
	var transaction string
	lives := 0
	until(t, "item that was sent", func() bool {
		lives++
		before := looks.Injected()
		outbox := startOutbox(t, s.client, cfg)
		if transaction == "" {
			transaction = outboxPut(t, outbox, outboxText(s.room, "once"))[0]
		}
		until(t, "look into the room", func() bool {
			entry, err := outbox.Entry(t.Context(), transaction)
			if err != nil {
				t.Fatal(err)
			}
			return looks.Injected() > before || entry.State == "sent"
		})
		stop(t, outbox)
		entry, err := outbox.Entry(t.Context(), transaction)
		if err != nil {
			t.Fatal(err)
		}
		return entry.State == "sent"
	})
	if lives < 2 {
		t.Errorf("it was sent in life %d", lives)
	}
	if got := outboxBodies(t, s.direct, s.room, 1); !slices.Equal(got, []string{"once"}) {
		t.Errorf("sent %v", got)
	}
}

func TestMatrixOutbox_SameTransactionOnce(t *testing.T) {
	t.Parallel()
	client := newClient(t, "same")
	room := newRoom(t, client)
	outbox := startOutbox(t, client, outboxQuick)
	item := outboxText(room, "once")
	item.TransactionID = "answer-to-1"
	first := outboxSent(t, outbox, outboxPut(t, outbox, item, item)...)
	again := outboxSent(t, outbox, outboxPut(t, outbox, item)...)
	if first[0] != first[1] || first[0] != again[0] {
		t.Errorf("%v %v", first, again)
	}
	outboxSent(t, outbox, outboxPut(t, outbox, outboxText(room, "end"))...)
	if got := outboxBodies(t, client, room, 2); !slices.Equal(got, []string{"once", "end"}) {
		t.Errorf("sent %v", got)
	}
	item.Type = "m.other"
	if _, err := outbox.Enqueue(t.Context(), item); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("%v", err)
	}
}

func TestMatrixOutbox_CallersTransaction(t *testing.T) {
	t.Parallel()
	client := newClient(t, "tx")
	room := newRoom(t, client)
	cfg := outboxQuick
	cfg.DB = newDB(t).Writer
	outbox := startOutbox(t, client, cfg)
	for _, commit := range []bool{false, true} {
		tx, err := cfg.DB.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := outbox.EnqueueTx(t.Context(), tx, outboxText(room, fmt.Sprint(commit)))
		if err != nil {
			t.Fatal(err)
		}
		if !commit {
			err = tx.Rollback()
		} else {
			err = tx.Commit()
		}
		if err != nil {
			t.Fatal(err)
		}
		if commit { // found by polling
			outboxSent(t, outbox, ids...)
		}
	}
	if got := outboxBodies(t, client, room, 1); !slices.Equal(got, []string{"true"}) {
		t.Errorf("sent %v", got)
	}
}

func TestMatrixOutbox_BadItems(t *testing.T) {
	t.Parallel()
	client := newClient(t, "bad")
	room := newRoom(t, client)
	outbox := startOutbox(t, client, outboxQuick)
	for name, c := range map[string]struct {
		item matrix.MatrixOutboxItem
		code core.Code
	}{
		"no room":         {matrix.MatrixOutboxItem{Type: "m.room.message", Content: map[string]any{}}, core.CodeInvalid},
		"an alias":        {matrix.MatrixOutboxItem{Room: "#a:b", Type: "m.room.message", Content: map[string]any{}}, core.CodeInvalid},
		"no type":         {matrix.MatrixOutboxItem{Room: room, Content: map[string]any{}}, core.CodeInvalid},
		"no object":       {matrix.MatrixOutboxItem{Room: room, Type: "m.x", Content: []int{1}}, core.CodeInvalid},
		"nothing":         {matrix.MatrixOutboxItem{Room: room, Type: "m.x"}, core.CodeInvalid},
		"no JSON":         {matrix.MatrixOutboxItem{Room: room, Type: "m.x", Content: make(chan int)}, core.CodeInvalid},
		"bad transaction": {matrix.MatrixOutboxItem{Room: room, Type: "m.x", Content: map[string]any{}, TransactionID: "a b"}, core.CodeInvalid},
		"too large":       {outboxText(room, strings.Repeat("x", 65_000)), core.CodeTooLarge},
	} {
		if _, err := outbox.Enqueue(t.Context(), outboxText(room, "good"), c.item); core.ErrorCode(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if status, err := outbox.Status(t.Context()); err != nil || status.Queued != 0 {
		t.Errorf("a part was put in: %+v %v", status, err)
	}
	for _, cfg := range []matrixoutbox.MatrixOutboxConfig{{}, {Client: client}, {DB: newDB(t).Writer}} {
		if _, err := matrixoutbox.MatrixOutbox(t.Context(), cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%v", err)
		}
	}
}

// One outbox at a time: within a process the second is refused; of two
// processes the later one takes over.
func TestMatrixOutbox_OneAtATime(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	path := filepath.Join(t.TempDir(), "outbox.db")
	open := func() *sqliteopen.SQLiteOpenHandle {
		db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	cfg := outboxQuick
	cfg.DB = open().Writer
	first := startOutbox(t, s.client, cfg)
	again := cfg
	again.Client = s.client
	if _, err := matrixoutbox.MatrixOutbox(t.Context(), again); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("%v", err)
	}
	outboxSent(t, first, outboxPut(t, first, outboxText(s.room, "0"))...)
	other := cfg
	other.DB = open().Writer
	second := startOutbox(t, s.client, other)
	ids := outboxPut(t, first, outboxItems(s.room, 1, 10)...)
	outboxSent(t, second, ids...)
	var last error
	for err := range first.Errors { // until it has ended
		last = err
	}
	<-first.Done()
	if core.ErrorCode(last) != core.CodeConflict || core.ErrorCode(first.Err()) != core.CodeConflict || first.Stop(t.Context()) == nil {
		t.Errorf("the first ended with %v, its Err is %v", last, first.Err())
	}
	if got := outboxBodies(t, s.direct, s.room, 10); !slices.Equal(got, outboxTexts(0, 10)) {
		t.Errorf("sent %v", got)
	}
}

// An outbox with nothing to send also notices that it was taken over.
func TestMatrixOutbox_IdleIsTakenOver(t *testing.T) {
	t.Parallel()
	client := newClient(t, "idle")
	path := filepath.Join(t.TempDir(), "outbox.db")
	var all []*matrixoutbox.MatrixOutboxHandle
	for range 2 {
		db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		cfg := outboxQuick
		cfg.DB = db.Writer
		all = append(all, startOutbox(t, client, cfg))
	}
	select {
	case <-all[0].Done():
	case <-time.After(matrixtest.Patience):
		t.Fatal("the first goes on")
	}
	if core.ErrorCode(all[0].Err()) != core.CodeConflict {
		t.Errorf("it ended with %v", all[0].Err())
	}
}

// Events that the sync has seen need no search.
func TestMatrixOutbox_Observe(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	s.proxy.Add(fault.Rule{Match: outboxSends, Fault: fault.Hang{AfterServer: true}})
	outbox := startOutbox(t, s.client, outboxQuick)
	txn := outboxPut(t, outbox, outboxText(s.room, "seen"))[0]
	if got := outboxBodies(t, s.direct, s.room, 1); !slices.Equal(got, []string{"seen"}) {
		t.Fatalf("sent %v", got)
	}
	eventID := outboxEvents(t, s.direct, s.room, "m.room.message")[0].ID
	seen := matrix.MatrixSyncEvent{Type: "m.room.message", RoomID: s.room, EventID: eventID, Sender: s.client.UserID, TransactionID: txn}
	foreign := seen
	foreign.Sender, foreign.EventID = "@other:localhost", "$other"
	if err := outbox.Observe(t.Context(), foreign, seen); err != nil {
		t.Fatal(err)
	}
	if ids := outboxSent(t, outbox, txn); ids[0] != eventID {
		t.Errorf("%v, want %v", ids, eventID)
	}
	s.proxy.Heal()
}

func TestMatrixOutbox_MaxTriesAndMetrics(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	registry := metrics.MetricsText(metrics.MetricsTextConfig{})
	poison := s.proxy.Add(fault.Rule{Match: outboxSends, Max: 3, Fault: fault.Status{Code: 500, Errcode: "M_UNKNOWN"}})
	cfg := outboxQuick
	cfg.Settle, cfg.MaxTries, cfg.Metrics = 20*time.Millisecond, 3, registry
	outbox := startOutbox(t, s.client, cfg)
	ids := outboxPut(t, outbox, outboxText(s.room, "poison"), outboxText(s.room, "good"))
	_, err := outbox.Wait(t.Context(), ids[0])
	if aside, ok := errors.AsType[*matrixoutbox.MatrixOutboxAside](err); !ok || !aside.Uncertain {
		t.Errorf("%v", err)
	}
	outboxSent(t, outbox, ids[1])
	if poison.Injected() != 3 {
		t.Errorf("%d tries", poison.Injected())
	}
	user := fmt.Sprintf("{user=%q}", string(s.client.UserID))
	for _, line := range []string{
		"matrix_outbox_send_seconds_count" + user + " 1",
		fmt.Sprintf(`matrix_outbox_failures_total{user=%q,kind="unavailable"} 3`, string(s.client.UserID)),
		"matrix_outbox_set_aside_total" + user + " 1",
		"matrix_outbox_queue_depth" + user + " 0",
		"matrix_outbox_aside" + user + " 1",
	} {
		until(t, line, func() bool { return strings.Contains(outboxMetricsPage(t, registry), line) })
	}
}

func outboxMetricsPage(t testing.TB, registry *metrics.MetricsTextRegistry) string {
	t.Helper()
	var page strings.Builder
	if _, err := registry.WriteTo(&page); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

// What was sent long ago is forgotten, but for each room's last.

// What was sent is forgotten when it is old and enough came after it. The last
// of a room stays.
func TestMatrixOutbox_Forgets(t *testing.T) {
	t.Parallel()
	client := newClient(t, "forget")
	room := newRoom(t, client)
	cfg := outboxQuick
	cfg.DB, cfg.KeepSent, cfg.KeepSentCount = newDB(t).Writer, time.Millisecond, 2
	outbox := startOutbox(t, client, cfg)
	ids := outboxPut(t, outbox, outboxItems(room, 0, 5)...)
	outboxSent(t, outbox, ids[4])
	stop(t, outbox)
	outbox = startOutbox(t, client, cfg)
	until(t, "pruning", func() bool {
		entries, err := outbox.Entries(t.Context(), "sent", 0)
		return err == nil && len(entries) == 2 && entries[0].TransactionID == ids[3] && entries[1].TransactionID == ids[4]
	})
	if again := outboxPut(t, outbox, matrix.MatrixOutboxItem{Room: room, Type: "m.room.message", Content: map[string]any{"body": "3"}, TransactionID: ids[3]}); again[0] != ids[3] {
		t.Errorf("put in again as %q", again)
	}
	if status, err := outbox.Status(t.Context()); err != nil || status.Queued > 0 {
		t.Errorf("one that is remembered is sent again: %+v, %v", status, err)
	}
}

// A bot that was away for two days gets the event again that it answered and
// did not acknowledge: the outbox knows the answer, however long ago it was.
func TestMatrixOutbox_RemembersOverTimeAway(t *testing.T) {
	t.Parallel()
	client := newClient(t, "away")
	room := newRoom(t, client)
	cfg := outboxQuick
	cfg.DB = newDB(t).Writer
	answer := matrix.MatrixOutboxItem{Room: room, Type: "m.room.message", Content: map[string]any{"msgtype": "m.notice", "body": "pong"}, TransactionID: "pong-$1"}
	other := matrix.MatrixOutboxItem{Room: room, Type: "m.room.message", Content: map[string]any{"msgtype": "m.text", "body": "later"}, TransactionID: "later"}
	outbox := startOutbox(t, client, cfg)
	outboxSent(t, outbox, outboxPut(t, outbox, answer, other)...)
	stop(t, outbox)
	for _, statement := range []string{
		"UPDATE matrix_outbox SET done_at = done_at - 2 * 86400000, enqueued_at = enqueued_at - 2 * 86400000",
	} {
		if _, err := cfg.DB.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	metricsRegistry := metrics.MetricsText(metrics.MetricsTextConfig{})
	cfg.Metrics = metricsRegistry // written after pruning
	outbox = startOutbox(t, client, cfg)
	until(t, "poll", func() bool {
		return strings.Contains(outboxMetricsPage(t, metricsRegistry), "matrix_outbox_queue_depth")
	})
	outboxPut(t, outbox, answer)
	end := other
	end.TransactionID, end.Content = "end", map[string]any{"msgtype": "m.text", "body": "end"}
	outboxSent(t, outbox, outboxPut(t, outbox, end)...)
	if got := outboxBodies(t, client, room, 3); !slices.Equal(got, []string{"pong", "later", "end"}) {
		t.Errorf("sent %q", got)
	}
}

// The database file is deleted while the outbox runs: nothing is accepted that
// would be lost, nothing is sent twice later, and it ends with the reason.
func TestMatrixOutbox_FileLost(t *testing.T) {
	t.Parallel()
	client := newClient(t, "lost")
	room := newRoom(t, client)
	path := filepath.Join(t.TempDir(), "bot.db")
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	cfg := outboxQuick
	cfg.DB = db.Writer
	outbox := startOutbox(t, client, cfg)
	outboxSent(t, outbox, outboxPut(t, outbox, outboxItems(room, 0, 1)...)...)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.Enqueue(t.Context(), outboxText(room, "lost")); !errors.Is(err, sqlite.ErrSQLiteFileLost) || core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("accepted: %v", err)
	}
	tx, err := db.Writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.EnqueueTx(t.Context(), tx, outboxText(room, "lost")); !errors.Is(err, sqlite.ErrSQLiteFileLost) {
		t.Errorf("accepted in a transaction: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	<-outbox.Done()
	if err := outbox.Err(); !errors.Is(err, sqlite.ErrSQLiteFileLost) {
		t.Errorf("ended with %v", err)
	}
}

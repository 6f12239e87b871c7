package history_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/internal/history"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var record = flag.Bool("record", false, "record a gap of the real server in testdata")

// recording is a gap of a room with busy senders on a real server: the requests
// and the responses.
type recording struct {
	Timeline []id.EventID
	From     string
	Known    []id.EventID
	Senders  [][]id.EventID // messages of each, in the order in which they were sent
	Pages    []recordedPage
}

type recordedPage struct {
	Direction mautrix.Direction
	From, End string
	Events    []id.EventID
}

// replay walks with the recorded responses. Without seams, reading forwards
// yields nothing.
func (r *recording) replay(t *testing.T, seams bool) *history.Walk[id.EventID] {
	t.Helper()
	return r.walk(t, func(request history.Request) recordedPage {
		if request.Direction == mautrix.DirectionForward && !seams {
			return recordedPage{}
		}
		at := slices.IndexFunc(r.Pages, func(p recordedPage) bool {
			return p.Direction == request.Direction && p.From == request.From
		})
		if at < 0 {
			t.Fatalf("%+v was not recorded", request)
		}
		return r.Pages[at]
	})
}

func (r *recording) walk(t *testing.T, ask func(history.Request) recordedPage) *history.Walk[id.EventID] {
	t.Helper()
	w := history.NewWalk[id.EventID](history.Config{Timeline: r.Timeline, From: r.From, Pages: 1000, Joined: true})
	for w.State() == history.More {
		answer := ask(w.Next())
		page := history.Page[id.EventID]{End: answer.End}
		for _, e := range answer.Events {
			page.Events = append(page.Events, history.Event[id.EventID]{Value: e, ID: e, Known: slices.Contains(r.Known, e)})
		}
		w.Add(page)
	}
	return w
}

// missing returns how many of the senders' messages are missing from a reader's
// parts of the room, and checks the order. A duplicate counts at its first
// position, as in a store.
func (r *recording) missing(t *testing.T, walked []id.EventID) (missing int) {
	t.Helper()
	got := slices.Concat(walked, r.Timeline)
	for i, messages := range r.Senders {
		last := -1
		for _, e := range messages {
			if slices.Contains(r.Known, e) {
				continue
			}
			at := slices.Index(got, e)
			switch {
			case at < 0:
				missing++
				continue
			case at < last:
				t.Errorf("%s of sender %d is out of order", e, i)
			}
			last = at
		}
	}
	for _, e := range walked {
		if slices.Contains(r.Known, e) {
			t.Errorf("%s is known", e)
		}
	}
	return missing
}

func TestWalk_Recorded(t *testing.T) {
	t.Parallel()
	for kind, faulty := range map[string]bool{"dendrite": true, "synapse": false} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join("testdata", kind+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var r recording
			if err := json.Unmarshal(data, &r); err != nil {
				t.Fatal(err)
			}
			w := r.replay(t, true)
			if missing := r.missing(t, w.Events()); w.State() != history.Complete || missing > 0 {
				t.Errorf("%v, %d messages are missing", w.State(), missing)
			}
			// Otherwise the recording would not show why pages are read
			// forwards.
			if missing := r.missing(t, r.replay(t, false).Events()); (missing > 0) != faulty {
				t.Errorf("without reading forwards %d messages are missing", missing)
			}
		})
	}
}

// With -args -record it records the input of TestWalk_Recorded.
func TestRecord(t *testing.T) {
	if !*record {
		t.Skip("no -record given")
	}
	const senders, each, known, page = 6, 40, 80, 12
	server := servers.Matrix(t)
	reader := matrixtest.NewClient(t, "reader")
	clients := make([]*mautrix.Client, senders)
	for i := range clients {
		clients[i] = matrixtest.NewClient(t, fmt.Sprint("sender", i))
	}
	room := matrixtest.Room(t, reader, clients...)
	asSync := func(since string, limit int) *mautrix.RespSync {
		filter := fmt.Sprintf(`{"room":{"timeline":{"limit":%d}}}`, limit)
		answer, err := reader.SyncRequest(t.Context(), 0, since, filter, false, event.PresenceOffline)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	r := recording{Senders: make([][]id.EventID, senders)}
	var sent atomic.Int64
	var sending sync.WaitGroup
	for i, client := range clients {
		sending.Go(func() {
			for n := range each {
				answer, err := client.SendText(t.Context(), room, fmt.Sprint(n))
				if err != nil {
					t.Error(err)
					return
				}
				r.Senders[i] = append(r.Senders[i], answer.EventID)
				sent.Add(1)
			}
		})
	}
	matrixtest.Until(t, "messages", func() bool { return sent.Load() >= known })
	first := asSync("", 1000)
	for _, e := range first.Rooms.Join[room].Timeline.Events {
		r.Known = append(r.Known, e.ID)
	}
	sending.Wait()
	marker, err := reader.SendText(t.Context(), room, "end")
	if err != nil {
		t.Fatal(err)
	}
	matrixtest.Until(t, "end", func() bool {
		r.Timeline = nil
		joined := asSync(first.NextBatch, 10).Rooms.Join[room]
		if joined == nil {
			return false
		}
		for _, e := range joined.Timeline.Events {
			r.Timeline = append(r.Timeline, e.ID)
		}
		r.From = joined.Timeline.PrevBatch
		return slices.Contains(r.Timeline, marker.EventID)
	})
	w := r.walk(t, func(request history.Request) recordedPage {
		answer, err := reader.Messages(t.Context(), room, request.From, request.To, request.Direction, nil, min(request.Limit, page))
		if err != nil {
			t.Fatal(err)
		}
		recorded := recordedPage{Direction: request.Direction, From: request.From, End: answer.End}
		for _, e := range answer.Chunk {
			recorded.Events = append(recorded.Events, e.ID)
		}
		r.Pages = append(r.Pages, recorded)
		return recorded
	})
	t.Logf("%v: %d pages, %d events, %d missing", w.State(), len(r.Pages), len(w.Events()), r.missing(t, w.Events()))
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", server.Kind+".json"), append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

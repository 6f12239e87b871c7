package matrixsync_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// scripted is a server in virtual time that responds as a test wants. What it
// does would last minutes, or happens on a real one only for milliseconds.
type scripted struct {
	sync     func(since string, n int) (status int, body string) // n: how often this since was asked for
	messages func(room string, n int) (status int, body string)  // n: requests before in all rooms
	hang     time.Duration                                       // before an answer with 504, and before one without a body

	asked map[string]int
	pages atomic.Int64
}

func (h *scripted) RoundTrip(request *http.Request) (*http.Response, error) {
	if _, rest, ok := strings.Cut(request.URL.Path, "/rooms/"); ok {
		room, _, _ := strings.Cut(rest, "/")
		if request.URL.Query().Get("dir") == "f" {
			return answerJSON(request, 200, []byte(`{"chunk":[]}`)), nil
		}
		status, body := h.messages(room, int(h.pages.Add(1)))
		return answerJSON(request, status, []byte(body)), nil
	}
	since := request.URL.Query().Get("since")
	h.asked[since]++
	status, body := h.sync(since, h.asked[since])
	if status == 504 || body == "" {
		select {
		case <-time.After(h.hang):
		case <-request.Context().Done():
			return nil, request.Context().Err()
		}
	}
	if body == "" {
		body = fmt.Sprintf(`{"next_batch":%q}`, since)
	}
	return answerJSON(request, status, []byte(body)), nil
}

// told is a response to a sync. Each room is "ID: EVENT EVENT", with "..."
// before the events if others are omitted.
func told(next string, rooms ...string) string {
	var parts []string
	for _, text := range rooms {
		room, list, _ := strings.Cut(text, ": ")
		rest, limited := strings.CutPrefix(list, "... ")
		parts = append(parts, fmt.Sprintf(`%q:{"timeline":{"limited":%t,"prev_batch":"p","events":[%s]}}`, room, limited, events(strings.Fields(rest)...)))
	}
	return fmt.Sprintf(`{"next_batch":%q,"rooms":{"join":{%s}}}`, next, strings.Join(parts, ","))
}

// events are messages with these IDs.
func events(ids ...string) string {
	var all []string
	for _, id := range ids {
		all = append(all, fmt.Sprintf(`{"type":"m.room.message","event_id":%q,"sender":"@a:x","content":{"msgtype":"m.text","body":"x"}}`, id))
	}
	return strings.Join(all, ",")
}

// wantEvents runs a sync with a server for an hour and checks that it delivers
// these events, in any order, each once.
func (h *scripted) wantEvents(t *testing.T, store matrixsync.MatrixSyncStorage, want ...string) {
	t.Parallel()
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h.asked = map[string]int{}
		if h.hang == 0 {
			h.hang = 30 * time.Second
		}
		service, err := matrixsync.MatrixSyncService(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, h), Store: store})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(time.Hour)
			service.Stop()
		}()
		var got []string
		for e := range service.Events {
			got = append(got, fmt.Sprint(e.EventID))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			if len(got) > 30 {
				got = append(got[:30], "...")
			}
			t.Errorf("came: %q", got)
		}
	})
}

// A server omits a room and shuts down, and a proxy holds the next request for
// a minute before it reports that: in that minute the server has not kept
// answering.
func TestSync_FailureNoticedLate(t *testing.T) {
	server := &scripted{hang: time.Minute, sync: func(since string, n int) (int, string) {
		switch {
		case since == "":
			return 200, told("s1", "!r: $1")
		case since == "s1" && n == 1:
			return 200, told("s2", "!other: $2")
		case since == "s2" && n == 1:
			return 504, ""
		case since == "s1":
			return 200, told("s2", "!r: $missed", "!other: $2")
		}
		return 200, ""
	}}
	server.wantEvents(t, nil, "$1", "$2", "$missed")
}

// A server omits a room and shuts down while another room's gap is being
// filled: no sync fails.
func TestSync_FailureNoticedInGap(t *testing.T) {
	server := &scripted{
		sync: func(since string, n int) (int, string) {
			switch {
			case since == "":
				return 200, told("s1", "!a: $a1", "!b: $b1")
			case since == "s1" && n == 1:
				return 200, told("s2", "!a: ... $a9")
			case since == "s1":
				return 200, told("s2", "!a: ... $a9", "!b: $missed")
			}
			return 200, ""
		},
		messages: func(room string, n int) (int, string) {
			if n <= 3 {
				return 502, "Bad Gateway"
			}
			return 200, `{"chunk":[` + events("$a5", "$a1") + `]}`
		},
	}
	server.wantEvents(t, nil, "$a1", "$b1", "$a5", "$a9", "$missed")
}

// A server omits a room and shuts down, and the only sign is a history that
// ends too early: no request fails.
func TestSync_ShortHistoryIsNoticed(t *testing.T) {
	server := &scripted{
		sync: func(since string, n int) (int, string) {
			switch {
			case since == "":
				return 200, told("s1", "!a: $a1", "!b: $b1")
			case since == "s1" && n == 1:
				return 200, told("s2", "!a: ... $a9")
			case since == "s1":
				return 200, told("s2", "!a: ... $a9", "!b: $missed")
			}
			return 200, ""
		},
		messages: func(room string, n int) (int, string) {
			if n == 1 {
				return 200, `{"chunk":[]}`
			}
			return 200, `{"chunk":[` + events("$a5", "$a1") + `]}`
		},
	}
	server.wantEvents(t, nil, "$a1", "$b1", "$a5", "$a9", "$missed")
}

// A second sync that the server can't answer does not block what it can.
func TestSync_LookBackFailsForEver(t *testing.T) {
	for name, answer := range map[string]func() (int, string){
		"status 500": func() (int, string) { return 500, `{"errcode":"M_UNKNOWN"}` },
		"no JSON":    func() (int, string) { return 200, `{"next_batch":"s` },
		"a timeout":  func() (int, string) { return 504, "" },
	} {
		t.Run(name, func(t *testing.T) {
			server := &scripted{sync: func(since string, n int) (int, string) {
				switch {
				case since == "":
					return 200, told("s1", "!r: $1")
				case since == "s1" && n == 1:
					return 200, told("s2", "!r: $2")
				case since == "s1":
					return answer()
				case since == "s2" && n == 1:
					return 502, "Bad Gateway"
				case since == "s2":
					return 200, told("s3", "!r: $3")
				case since == "s3" && n == 3:
					return 200, told("s4", "!r: $4")
				}
				return 200, ""
			}}
			server.wantEvents(t, nil, "$1", "$2", "$3", "$4")
		})
	}
}

// Events that the store knew when the second sync arrived are not delivered
// again, even if it evicts them while an earlier gap is stored.
func TestSync_StoreForgetsInLookBack(t *testing.T) {
	server := &scripted{
		sync: func(since string, n int) (int, string) {
			switch {
			case since == "":
				return 200, told("s1", "!a: $a1", "!b: $b1")
			case since == "s1" && n == 1:
				return 200, told("s2", "!b: $b2 $b3")
			case since == "s2" && n == 1, since == "s1" && n < 9: // for more than a minute
				return 502, "Bad Gateway"
			case since == "s2":
				return 200, told("s3", "!a: ... $a9")
			case since == "s1":
				return 200, told("s3", "!a: ... $a9", "!b: $b2 $b3")
			}
			return 200, ""
		},
		messages: func(string, int) (int, string) { return 200, `{"chunk":[` + events("$a5", "$a1") + `]}` },
	}
	server.wantEvents(t, matrixsync.NewSyncMemory(time.Minute, 50_000), "$a1", "$b1", "$b2", "$b3", "$a5", "$a9")
}

// The second sync never covers more than the store remembers.
func TestSync_LookBackOverTooMuch(t *testing.T) {
	var many []string
	for i := range 12_000 {
		many = append(many, fmt.Sprintf("$%d", i))
	}
	server := &scripted{sync: func(since string, n int) (int, string) {
		switch {
		case since == "":
			return 200, told("s1", "!a: $a1")
		case since == "s1" && n == 1:
			return 200, told("s2", "!a: $a2 $a3", "!b: "+strings.Join(many, " "))
		case since == "s1":
			return 200, told("s2", "!a: $a2 $a3", "!b: "+many[len(many)-1])
		case since == "s2" && n == 1:
			return 502, "Bad Gateway"
		}
		return 200, ""
	}}
	server.wantEvents(t, matrixsync.NewSyncMemory(time.Hour, 10_000), append(many, "$a1", "$a2", "$a3")...)
}

// A server that has purged the history of many rooms gets little more than one
// request for each, and delays none for long.
func TestSync_ManyShortHistories(t *testing.T) {
	const rooms = 200
	var before, after, want []string
	for i := range rooms {
		before, after = append(before, fmt.Sprintf("!%d: $%d-1", i, i)), append(after, fmt.Sprintf("!%d: ... $%d-9", i, i))
		want = append(want, fmt.Sprintf("$%d-1", i), fmt.Sprintf("$%d-9", i), "") // a gap has no ID
	}
	var began, last time.Time
	server := &scripted{
		sync: func(since string, n int) (int, string) {
			switch since {
			case "":
				return 200, told("s1", before...)
			case "s1":
				if n == 1 { // then it is a look back: the server may have been going
					began = time.Now()
				}
				return 200, told("s2", after...)
			}
			return 200, ""
		},
		messages: func(string, int) (int, string) {
			last = time.Now()
			return 200, `{"chunk":[]}`
		},
	}
	t.Cleanup(func() {
		if n, took := server.pages.Load(), last.Sub(began); n > rooms+10 || took > 30*time.Second {
			t.Errorf("%d pages of %d rooms were asked for, in %v", n, rooms, took)
		}
	})
	server.wantEvents(t, nil, want...)
}

// A room whose history the server never returns is no sign of a shutdown: there
// is no second sync, which would deliver older events after newer ones.
func TestSync_HistoryNeverGiven(t *testing.T) {
	for name, page := range map[string]struct {
		status int
		body   string
	}{"status 500": {500, `{"errcode":"M_UNKNOWN"}`}, "no JSON": {200, `{"chunk":[`}} {
		t.Run(name, func(t *testing.T) {
			server := &scripted{
				sync: func(since string, n int) (int, string) {
					switch {
					case since == "":
						return 200, told("s1", "!a: $a1")
					case since == "s1" && n == 1:
						return 200, told("s2", "!a: ... $a9")
					case since == "s1":
						return 200, told("s2", "!a: $late $a9")
					}
					return 200, ""
				},
				messages: func(string, int) (int, string) { return page.status, page.body },
			}
			server.wantEvents(t, nil, "", "$a1", "$a9")
		})
	}
}

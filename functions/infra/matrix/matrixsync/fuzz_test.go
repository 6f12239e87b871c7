package matrixsync_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// lastEvent is an ID that no fuzzer finds.
const lastEvent = "$last-1b0c7d52-6f1e-4f0a-9f43-d1b5b2a3c8e9"

// hostile answers the sync from s1 with the fuzzer's body, once; all other
// responses are valid.
type hostile struct {
	body []byte

	mu    sync.Mutex
	since []string // of each sync
}

func (h *hostile) RoundTrip(request *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(request.URL.Path, "/sync") { // a page of history
		return answerJSON(request, 403, []byte(`{"errcode":"M_FORBIDDEN"}`)), nil
	}
	since := request.URL.Query().Get("since")
	h.mu.Lock()
	h.since = append(h.since, since)
	n := len(h.since)
	h.mu.Unlock()
	switch n {
	case 1:
		return answerJSON(request, 200, []byte(`{"next_batch":"s1","rooms":{"join":{"!r:x":{"timeline":{"events":[{"type":"m.first","event_id":"$first"}]}}}}}`)), nil
	case 2:
		return answerJSON(request, 200, h.body), nil
	case 3:
		return answerJSON(request, 200, []byte(`{"next_batch":"end","rooms":{"join":{"!r:x":{"timeline":{"events":[{"type":"m.last","event_id":"`+lastEvent+`"}]}}}}}`)), nil
	}
	<-request.Context().Done()
	return nil, request.Context().Err()
}

// plainKeys is a body whose keys encoding/json and this test read alike: no
// escapes, no other case.
var anyCase = regexp.MustCompile(`(?i)"(next_batch|rooms|join|leave|timeline|events|event_id|type)"`)

func plainKeys(body []byte) bool {
	for _, c := range body {
		if c == '\\' || c >= 0x80 {
			return false
		}
	}
	for _, key := range anyCase.FindAll(body, -1) {
		if string(key) != strings.ToLower(string(key)) {
			return false
		}
	}
	return true
}

// Whatever a server responds: the service neither panics nor stops, continues
// from its position or from the response's, and in the latter case delivers the
// response's events.
func FuzzMatrixSyncService(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"next_batch":""}`, `{"next_batch":7}`, `{"next_batch":null,"rooms":{}}`, `{"next_batch":"s2"}`, `{"next_batch":"s2"`,
		`{"next_batch":"s2","rooms":{"join":{"!r:x":null}}}`, `{"next_batch":"s2","rooms":{"join":[]}}`, `{"next_batch":"s2","rooms":"x"}`,
		`{"next_batch":"s2","rooms":{"join":{"!r:x":{"timeline":{"events":[null,7,"x",[],{}, {"type":7},{"type":"m.x","event_id":{}},{"type":"m.x","event_id":"$a","content":[],"sender":3,"origin_server_ts":"x","unsigned":7,"state_key":{}}]}}}}}`,
		`{"next_batch":"s2","rooms":{"join":{"!r:x":{"timeline":{"limited":true,"prev_batch":"p","events":[{"type":"m.room.message","event_id":"$b","content":{"body":"x"}}]}}}}}`,
		`{"next_batch":"s2","rooms":{"join":{"!r:x":{"timeline":{"limited":"yes","prev_batch":{}}}}}}`,
		`{"next_batch":"s2","rooms":{"invite":{"!i:x":{"invite_state":{"events":[{"type":"m.room.member","state_key":"@bot:localhost","content":{"membership":"invite"}}]}}}}}`,
		`{"next_batch":"s2","rooms":{"invite":{"!i:x":{"invite_state":{"events":[null]}},"!j:x":null}}}`,
		`{"next_batch":"s2","rooms":{"leave":{"!r:x":{"state":{"events":[{"type":"m.room.member","state_key":"@bot:localhost","content":{"membership":"ban"}}]}}}}}`,
		`{"next_batch":"s2","to_device":{"events":[7,{"type":"m.room_key"}]},"device_lists":{"changed":[3]},"device_one_time_keys_count":[]}`,
		`{"next_batch":"s2","rooms":{"join":{"!r:x":{"timeline":{"events":[{"type":"m.room.encrypted","event_id":"$e","content":{"session_id":9}}]}}}}}`,
		`{"next_batch":"s2","rooms":{"join":{"!r:x":{"timeline":{"events":[{"type":"m.a","event_id":"$first"},{"type":"m.a","event_id":"$c"},{"type":"m.a","event_id":"$c"}]}}}}}`,
		`{"next_batch":"s2","x":` + strings.Repeat(`[`, 2000) + strings.Repeat(`]`, 2000) + `}`,
		`{"next_batch":"s2","rooms":{"join":{"!r:x":{"timeline":{"events":[{"type":"m.deep","event_id":"$d","content":` + strings.Repeat(`{"a":`, 3000) + `1` + strings.Repeat(`}`, 3000) + `}]}}}}}`,
		`{"next_batch":"s2","x":` + strings.Repeat(`[`, 20000) + strings.Repeat(`]`, 20000) + `}`,
		`{"next_batch":"` + strings.Repeat("s", 100_000) + `"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		synctest.Test(t, func(t *testing.T) {
			server := &hostile{body: body}
			service, err := matrixsync.MatrixSyncService(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, server), MaxBackoff: 10 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer service.Stop()
			had := map[string]int{}
			for last := false; !last; {
				select {
				case e := <-service.Events:
					if e.Type == "" && e.Kind == matrix.MatrixKindEvent {
						t.Errorf("an event without a type: %+v", e)
					}
					if e.EventID != "" {
						had[string(e.EventID)]++
					}
					last = e.EventID == lastEvent
				case <-time.After(time.Hour): // of virtual time
					t.Fatalf("stands still after %.300q: %+v", body, service.Health())
				}
			}
			for event, times := range had {
				if times > 1 {
					t.Errorf("%s came %d times", event, times)
				}
			}
			server.mu.Lock()
			after := server.since[2]
			server.mu.Unlock()
			checkPlace(t, body, after, had)
		})
	})
}

// checkPlace checks the token from which the service continued after a hostile
// response, and what it had delivered.
func checkPlace(t *testing.T, body []byte, after string, had map[string]int) {
	t.Helper()
	if after == "s1" && !json.Valid(body) {
		return
	}
	var answer struct {
		NextBatch string `json:"next_batch"`
	}
	err := json.Unmarshal(body, &answer)
	if after != "s1" && (err != nil || after != answer.NextBatch) {
		t.Fatalf("went on from %.100q after %.300q", after, body)
	}
	if after == "s1" || !plainKeys(body) {
		return
	}
	var rooms struct {
		Rooms struct {
			Join map[string]*struct{ Timeline struct{ Events []any } }
		}
	}
	if err := json.Unmarshal(body, &rooms); err != nil {
		t.Fatalf("went on from %.100q after %v", after, err)
	}
	for _, room := range rooms.Rooms.Join {
		if room == nil {
			continue
		}
		for _, e := range room.Timeline.Events {
			object, _ := e.(map[string]any)
			kind, _ := object["type"].(string)
			event, _ := object["event_id"].(string)
			if kind != "" && event != "" && had[event] == 0 {
				t.Errorf("%q was not delivered of %.300q", event, body)
			}
		}
	}
}

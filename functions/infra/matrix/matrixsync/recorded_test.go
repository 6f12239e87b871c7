package matrixsync_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// recorded is a transport that answers each sync with the next of some
// responses, and never answers after the last.
type recorded struct {
	responses [][]byte

	mu    sync.Mutex
	since string // of the last request
	polls int
}

func (r *recorded) RoundTrip(request *http.Request) (*http.Response, error) {
	if strings.HasSuffix(request.URL.Path, "/filter") { // mautrix's
		return answerJSON(request, 200, []byte(`{"filter_id":"1"}`)), nil
	}
	since := request.URL.Query().Get("since")
	r.mu.Lock()
	r.since, r.polls = since, r.polls+1
	r.mu.Unlock()
	at := 0
	if since != "" {
		at, _ = strconv.Atoi(strings.TrimPrefix(since, "s"))
	}
	if at >= len(r.responses) {
		<-request.Context().Done()
		return nil, request.Context().Err()
	}
	return answerJSON(request, 200, r.responses[at]), nil
}

func answerJSON(request *http.Request, status int, body []byte) *http.Response {
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)), Request: request,
	}
}

// recordedClient returns a client whose server is the transport.
func recordedClient(t testing.TB, transport http.RoundTripper) *mautrix.Client {
	t.Helper()
	client, err := mautrix.NewClient("http://recorded.invalid", "@bot:localhost", "token")
	if err != nil {
		t.Fatal(err)
	}
	client.Client = &http.Client{Transport: transport}
	return client
}

// recordRoom requests a room's timeline and its members once.
func recordRoom(t testing.TB, client *mautrix.Client, room id.RoomID, timeout int) (timeline, state []json.RawMessage) {
	t.Helper()
	var answer struct {
		Rooms struct {
			Join map[id.RoomID]struct {
				State, Timeline struct{ Events []json.RawMessage }
			}
		}
	}
	url := client.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "sync"}, map[string]string{
		"timeout": strconv.Itoa(timeout), "filter": `{"room":{"timeline":{"limit":50}}}`,
	})
	if _, err := client.MakeRequest(t.Context(), http.MethodGet, url, nil, &answer); err != nil {
		t.Fatal(err)
	}
	joined := answer.Rooms.Join[room]
	for _, raw := range append(joined.State.Events, joined.Timeline.Events...) {
		var e struct {
			Type     string
			StateKey *string `json:"state_key"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		switch {
		case e.StateKey == nil:
			timeline = append(timeline, raw)
		case e.Type == "m.room.member":
			state = append(state, raw)
		}
	}
	return timeline, state
}

// recordEvents returns the server's bytes of a room's timeline: texts, a reply,
// an edit, a reaction, a thread, a member.
func recordEvents(t testing.TB) (timeline []json.RawMessage, state []json.RawMessage) {
	t.Helper()
	w := newWorld(t)
	first, err := w.alice.SendText(t.Context(), w.room, "Where do we meet?")
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []any{
		map[string]any{"msgtype": "m.text", "body": "At the station, at eight, as last time", "format": "org.matrix.custom.html", "formatted_body": "At the <b>station</b>, at eight, as last time",
			"m.relates_to": map[string]any{"m.in_reply_to": map[string]any{"event_id": first.EventID}}},
		map[string]any{"msgtype": "m.text", "body": "* at nine", "m.new_content": map[string]any{"msgtype": "m.text", "body": "at nine"},
			"m.relates_to": map[string]any{"rel_type": "m.replace", "event_id": first.EventID}},
		map[string]any{"msgtype": "m.notice", "body": "in a thread", "m.relates_to": map[string]any{"rel_type": "m.thread", "event_id": first.EventID, "is_falling_back": true,
			"m.in_reply_to": map[string]any{"event_id": first.EventID}}},
		map[string]any{"msgtype": "m.text", "body": strings.Repeat("A longer message of some hundred bytes. ", 12)},
	} {
		if _, err := w.alice.SendMessageEvent(t.Context(), w.room, event.EventMessage, content); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.alice.SendReaction(t.Context(), w.room, first.EventID, "👍"); err != nil {
		t.Fatal(err)
	}
	send(t, w.alice, w.room, "ok", "see you there", "bye")
	asked := 0
	until(t, "whole room in a sync", func() bool {
		asked++ // as the timeout, which keeps Synapse from giving its last answer again
		timeline, state = recordRoom(t, w.bot, w.room, asked)
		return slices.ContainsFunc(timeline, func(raw json.RawMessage) bool { return bytes.Contains(raw, []byte(`"bye"`)) })
	})
	if len(timeline) < 8 || len(state) < 2 {
		t.Fatalf("recorded %d events and %d members", len(timeline), len(state))
	}
	return append(timeline, state...), state
}

// numbered writes a list of recorded events with IDs of their own.
func numbered(out *bytes.Buffer, events []json.RawMessage, n int, count *int) {
	for i := range n {
		if i > 0 {
			out.WriteByte(',')
		}
		raw := events[i%len(events)]
		const key = `"event_id":"$`
		// The last: m.relates_to has one, too. (Both servers write it at the
		// top level after the content.)
		at := bytes.LastIndex(raw, []byte(key)) + len(key)
		*count++
		out.Write(raw[:at])
		fmt.Fprintf(out, "%08d", *count)
		out.Write(raw[at+8:])
	}
}

// record creates sync responses of rooms with this many events each.
func record(events, state []json.RawMessage, responses, rooms, eventsEach, stateEach int) [][]byte {
	var all [][]byte
	count := 0
	for r := range responses {
		var out bytes.Buffer
		fmt.Fprintf(&out, `{"next_batch":"s%d","rooms":{"join":{`, r+1)
		for room := range rooms {
			if room > 0 {
				out.WriteByte(',')
			}
			fmt.Fprintf(&out, `"!room%d:localhost":{"state":{"events":[`, room)
			numbered(&out, state, stateEach, &count)
			out.WriteString(`]},"timeline":{"limited":false,"prev_batch":"p","events":[`)
			numbered(&out, events, eventsEach, &count)
			out.WriteString(`]},"ephemeral":{"events":[]},"account_data":{"events":[]},"unread_notifications":{}}`)
		}
		out.WriteString(`}}}`)
		all = append(all, out.Bytes())
	}
	return all
}

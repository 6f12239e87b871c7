package matrixsync_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// lostEvent is omitted by a server that shuts down.
const lostEvent = "$lost"

// roomEvents is a room's part of a sync, in JSON.
func roomEvents(room, timeline string, ids ...string) string {
	var events []string
	for _, id := range ids {
		events = append(events, fmt.Sprintf(`{"type":"m.room.message","event_id":%q,"sender":"@a:x","content":{"body":"x"}}`, id))
	}
	return fmt.Sprintf(`%q:{"timeline":{%s"events":[%s]}}`, room, timeline, strings.Join(events, ","))
}

// lastWords is a server in virtual time that omits an event from its last
// responses before it shuts down, and comes back complete.
type lastWords struct {
	began time.Time
	back  time.Duration // from when on it answers again, and completely
	gap   bool          // a room's history is to be fetched when it goes
}

func (s *lastWords) RoundTrip(r *http.Request) (*http.Response, error) {
	age := time.Since(s.began)
	if strings.HasSuffix(r.URL.Path, "/messages") {
		if age < s.back {
			return nil, io.ErrUnexpectedEOF
		}
		return answerJSON(r, http.StatusOK, []byte(`{"chunk":[{"type":"m.room.message","event_id":"$a","sender":"@a:x","content":{"body":"x"}}],"end":"q"}`)), nil
	}
	joined := func(next string, rooms ...string) (*http.Response, error) {
		return answerJSON(r, http.StatusOK, fmt.Appendf(nil, `{"next_batch":%q,"rooms":{"join":{%s}}}`, next, strings.Join(rooms, ","))), nil
	}
	wait := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
	since := r.URL.Query().Get("since")
	switch {
	case since == "":
		return joined("s1", roomEvents("!gap:x", "", "$a"))
	case age >= s.back && (since == "s1" || since == "s2"): // a look back
		return joined("s9", roomEvents("!lost:x", "", lostEvent))
	case since == "s1":
		if err := wait(20 * time.Second); err != nil {
			return nil, err
		}
		return joined("s2")
	case since == "s2":
		return joined("s3") // lostEvent came between the two
	case since == "s3" && s.gap:
		return joined("s4", roomEvents("!gap:x", `"limited":true,"prev_batch":"p",`, "$c"))
	case age < s.back:
		<-r.Context().Done() // the client gives it up
		return nil, r.Context().Err()
	}
	if err := wait(20 * time.Second); err != nil {
		return nil, err
	}
	return joined(since)
}

// A token is trusted because of the server's later responses, not because of
// time that passed while the server was silent, or while a room's history was
// unavailable.
func TestSync_LastWords(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]*lastWords{
		"then silence":                  {back: 40 * time.Second},
		"then a gap that it can't fill": {back: 40 * time.Second, gap: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server.began = time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				service, err := matrixsync.MatrixSyncService(ctx, matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, server)})
				if err != nil {
					t.Fatal(err)
				}
				defer service.Stop()
				for e := range service.Events {
					if e.EventID == lostEvent {
						return
					}
				}
				t.Errorf("%s did not come", lostEvent)
			})
		})
	}
}

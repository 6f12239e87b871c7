package matrixsync_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// hour runs a sync with a server for an hour and returns how many events came.
func (h *scripted) hour(t *testing.T) (events int) {
	t.Helper()
	h.asked = map[string]int{}
	service, err := matrixsync.MatrixSyncService(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, h)})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(time.Hour)
		service.Stop()
	}()
	for range service.Events {
		events++
	}
	return events
}

func (h *scripted) polls() (n int) {
	for _, asked := range h.asked {
		n += asked
	}
	return n
}

// A server whose token stands still is asked more and more rarely, whatever it
// answers.
func TestSync_TokenStandsStill(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(n int) string{
		"nothing":           func(int) string { return `{"next_batch":"s1"}` },
		"the same event":    func(int) string { return told("s1", "!r: $1") },
		"another each time": func(n int) string { return told("s1", fmt.Sprintf("!r: $%d", n)) },
		"a to-device message": func(int) string {
			return `{"next_batch":"s1","to_device":{"events":[{"type":"m.x","sender":"@a:x","content":{}}]}}`
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := &scripted{sync: func(_ string, n int) (int, string) { return 200, answer(n) }}
				server.hour(t)
				if polls := server.polls(); polls > 150 || polls < 50 {
					t.Errorf("%d polls in an hour", polls)
				}
			})
		})
	}
}

// An invitation that a server shows in each answer is delivered once, and no
// reason to hurry.
func TestSync_InvitationShownAgain(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{"with an ID": `"event_id":"$invite",`, "without": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := &scripted{sync: func(since string, n int) (int, string) {
					var at int
					_, _ = fmt.Sscanf(since, "s%d", &at)
					return 200, fmt.Sprintf(`{"next_batch":"s%d","rooms":{"invite":{"!r:x":{"invite_state":{"events":[`+
						`{"type":"m.room.member","state_key":"@bot:localhost","sender":"@a:x",%s"unsigned":{"age":%d},"content":{"membership":"invite"}}]}}}}}`, at+1, id, at)
				}}
				if events := server.hour(t); events != 1 {
					t.Errorf("it came %d times", events)
				}
				if polls := server.polls(); polls > 3602 {
					t.Errorf("%d polls in an hour", polls)
				}
			})
		})
	}
}

// Two invitations of one inviter are two, though the taking back of the first
// was not shown.
func TestSync_InvitationsOfOneInviter(t *testing.T) {
	t.Parallel()
	server := &recorded{}
	for i, id := range []string{"$1", "$2", "$2", "$3"} {
		server.responses = append(server.responses, fmt.Appendf(nil, `{"next_batch":"s%d","rooms":{"invite":{"!r:x":{"invite_state":{"events":[`+
			`{"type":"m.room.member","state_key":"@bot:localhost","sender":"@a:x","event_id":%q,"content":{"membership":"invite"}}]}}}}}`, i+1, id))
	}
	server.responses = append(server.responses, []byte(told("s5", "!end:x: $end")))
	service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, server), MinInterval: time.Millisecond})
	n := 0
	for e := next(t, service); e.EventID != "$end"; e = next(t, service) {
		n++
	}
	if n != 3 {
		t.Errorf("%d of 3 invitations came", n)
	}
}

// A server that refuses each token that it has given out: there are few initial
// syncs, also where it accepts one now and then.
func TestSync_EveryTokenRefused(t *testing.T) {
	t.Parallel()
	for name, accepts := range map[string]int{"none is accepted": 1 << 30, "every second": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := &scripted{}
				tokens := 0
				server.sync = func(since string, n int) (int, string) {
					if since != "" && (n > 1 || tokens%accepts != 1) {
						return 400, `{"errcode":"M_INVALID_PARAM","error":"unknown since token"}`
					}
					tokens++
					return 200, told(fmt.Sprint("t", tokens), fmt.Sprintf("!r: $%d", tokens))
				}
				events := server.hour(t)
				if initial := server.asked[""]; initial > 15 || initial < 5 || events < initial {
					t.Errorf("%d initial syncs in an hour brought %d events", initial, events)
				}
				if polls := server.polls(); polls > 300 {
					t.Errorf("%d polls in an hour", polls)
				}
			})
		})
	}
}

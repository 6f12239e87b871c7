package matrixsync_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// letIn makes a client a member of a room.
func letIn(t *testing.T, owner, who *mautrix.Client, room id.RoomID) {
	t.Helper()
	if _, err := owner.InviteUser(t.Context(), room, &mautrix.ReqInviteUser{UserID: who.UserID}); err != nil {
		t.Fatal(err)
	}
	if _, err := who.JoinRoomByID(t.Context(), room); err != nil {
		t.Fatal(err)
	}
}

func putOut(t *testing.T, owner, who *mautrix.Client, room id.RoomID) {
	t.Helper()
	if _, err := owner.KickUser(t.Context(), room, &mautrix.ReqKickUser{UserID: who.UserID}); err != nil {
		t.Fatal(err)
	}
}

// texts returns texts that begin alike.
func texts(text string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(text, " ", i)
	}
	return all
}

// wantJoin reads the room's messages up to the one with a text, and checks
// on which side of the own joining those are that begin with some words. Words
// that no message begins with must not be named.
func wantJoin(t *testing.T, service *matrixsync.MatrixSyncServiceHandle, last string, sides map[string]matrix.MatrixMoment) matrix.MatrixSyncEvent {
	t.Helper()
	seen := map[string]int{}
	for {
		e := nextMessage(t, service)
		word, _, _ := strings.Cut(e.Body, " ")
		side, ok := sides[word]
		if !ok {
			t.Errorf("unexpected: %q", e.Body)
			continue
		}
		seen[word]++
		forBot := side == matrix.MatrixMomentAfter
		if e.Join != side || matrix.MatrixMessageFor("@bot:x", e) != forBot {
			t.Errorf("%q: join %v, start %v, want %v", e.Body, e.Join, e.Start, side)
		}
		if e.Body == last {
			for word := range sides {
				if seen[word] == 0 {
					t.Errorf("no message %q", word)
				}
			}
			return e
		}
	}
}

// A bot that joins a room, is put out and joins again, while it runs and while
// it does not: what was sent while it was out is on the side before its
// joining, in a timeline as in history that is read in pages.
func TestSync_HistoryBeforeJoin(t *testing.T) {
	t.Parallel()
	const before, after = matrix.MatrixMomentBefore, matrix.MatrixMomentAfter
	bot, alice := newClient(t, "bot"), newClient(t, "alice")
	cfg := matrixsync.MatrixSyncServiceConfig{Client: bot, Store: newStore(t), InitialBackoff: time.Millisecond}
	service := startSync(t, cfg)
	waitHealth(t, service, matrixsync.MatrixSyncHealthy)
	room := newRoom(t, alice)
	send(t, alice, room, texts("old", 30)...)
	letIn(t, alice, bot, room)
	send(t, alice, room, "new")
	wantJoin(t, service, "new", map[string]matrix.MatrixMoment{"old": before, "new": after})
	// A change of the profile is no joining.
	send(t, alice, room, "unseen")
	if err := bot.SetDisplayName(t.Context(), "Bot"); err != nil {
		t.Fatal(err)
	}
	send(t, alice, room, "renamed")
	wantJoin(t, service, "renamed", map[string]matrix.MatrixMoment{"unseen": after, "renamed": after})

	send(t, alice, room, "bye")
	putOut(t, alice, bot, room)
	send(t, alice, room, texts("away", 30)...)
	letIn(t, alice, bot, room)
	send(t, alice, room, "back")
	wantJoin(t, service, "back", map[string]matrix.MatrixMoment{"bye": after, "away": before, "back": after})

	// Not acknowledged, it comes again at the next start, on the same side.
	send(t, alice, room, "again")
	for next(t, service).Body != "again" {
	}
	service.Stop()
	send(t, alice, room, "bye")
	putOut(t, alice, bot, room)
	send(t, alice, room, texts("gone", 120)...)
	inSync(t, alice, room, "gone 119")
	letIn(t, alice, bot, room)
	send(t, alice, room, texts("here", 80)...)
	inSync(t, bot, room, "here 79")
	service = startSync(t, cfg)
	wantJoin(t, service, "here 79", map[string]matrix.MatrixMoment{"again": after, "bye": after, "gone": before, "here": after})

	// Of a room that is left.
	service.Stop()
	send(t, alice, room, texts("last", 60)...)
	putOut(t, alice, bot, room)
	service = startSync(t, cfg)
	left := nextThat(t, service, func(e matrix.MatrixSyncEvent) bool {
		if e.Type == "m.room.message" && (e.Join != after || !strings.HasPrefix(e.Body, "last ")) {
			t.Errorf("%q: %v", e.Body, e.Join)
		}
		return e.Type == "m.room.member" && *e.StateKey == string(bot.UserID)
	})
	if left.Join != after {
		t.Errorf("the leaving itself: %v", left.Join)
	}
}

// The first sync of all brings what was there before the program, on either
// side of the joining.
func TestSync_FirstSync(t *testing.T) {
	t.Parallel()
	bot, alice := newClient(t, "bot"), newClient(t, "alice")
	room := newRoom(t, alice)
	send(t, alice, room, texts("old", 10)...)
	letIn(t, alice, bot, room)
	send(t, alice, room, texts("joined", 10)...)
	inSync(t, bot, room, "joined 9")
	service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: bot})
	joins := map[string]matrix.MatrixMoment{"old": matrix.MatrixMomentBefore, "joined": matrix.MatrixMomentAfter}
	for body := ""; body != "joined 9"; {
		e := nextMessage(t, service)
		body = e.Body
		word, _, _ := strings.Cut(body, " ")
		if e.Join != joins[word] || e.Start != matrix.MatrixMomentBefore || matrix.MatrixMessageFor(bot.UserID, e) {
			t.Errorf("%q: join %v, start %v", body, e.Join, e.Start)
		}
	}
	send(t, alice, room, "new")
	if e := nextMessage(t, service); !matrix.MatrixMessageFor(bot.UserID, e) || matrix.MatrixMessageFor(alice.UserID, e) {
		t.Errorf("the new one: %+v", e)
	}
}

// momentEvents writes events: "text", or an own member event as
// "join", "join<leave" with the membership before it.
func momentEvents(list string) string {
	var all []string
	for i, word := range strings.Fields(list) {
		now, before, _ := strings.Cut(word, "<")
		switch now {
		case "join", "leave", "ban", "invite":
			unsigned := ""
			if before != "" {
				unsigned = fmt.Sprintf(`,"unsigned":{"prev_content":{"membership":%q}}`, before)
			}
			all = append(all, fmt.Sprintf(`{"type":"m.room.member","state_key":"@bot:localhost","sender":"@a:x","event_id":"$%s%d","content":{"membership":%q}%s}`, now, i, now, unsigned))
		default:
			all = append(all, fmt.Sprintf(`{"type":"m.room.message","sender":"@a:x","event_id":"$%s","content":{"msgtype":"m.text","body":"x"}}`, word))
		}
	}
	return strings.Join(all, ",")
}

// What servers may answer, and those of testenv don't, or not when asked to.
func TestSync_Moments(t *testing.T) {
	t.Parallel()
	onlyMessages := &mautrix.Filter{Room: &mautrix.RoomFilter{Timeline: &mautrix.FilterPart{Types: []event.Type{event.EventMessage}}}}
	noOwn := &mautrix.Filter{Room: &mautrix.RoomFilter{Timeline: &mautrix.FilterPart{NotSenders: []id.UserID{"@bot:localhost"}}}}
	typed := &mautrix.Filter{Room: &mautrix.RoomFilter{Timeline: &mautrix.FilterPart{Types: []event.Type{{Type: "m.room.*"}}}}}
	const in, out = "join", "leave"
	for name, c := range map[string]struct {
		filter   *mautrix.Filter
		first    string // the room in the initial sync; "": it is not in there
		member   string // what the room is then
		timeline string // ">" in front: limited
		history  string // behind it, newest first
		pages    int
		want     string // IDs without $, and ?, - or + for Join
	}{
		"in the room":                    {first: "join z", member: in, timeline: "a b", want: "a+ b+"},
		"joined":                         {member: in, timeline: "a invite b join<invite c", want: "a- b- c+"},
		"joined, nothing said of before": {member: in, timeline: "a join c", want: "a- c+"},
		"joined long ago":                {member: in, timeline: ">a b", history: "y join<invite x", want: "y+ a+ b+"},
		"joined and left":                {member: out, timeline: "a join<invite c leave<join", want: "a- c+"},
		"joined and left, nothing said":  {member: out, timeline: "a join c leave", want: "a- c+"},
		"left":                           {first: "join z", member: out, timeline: "a b leave<join", want: "a+ b+"},
		"left, nothing said of before":   {first: "join z", member: out, timeline: "a b leave", want: "a+ b+"},
		"left without its own event":     {first: "join z", member: out, timeline: "a b", want: "a+ b+"},
		"turned down":                    {member: out, timeline: "a leave<invite", want: "a-"},
		"banned, nothing said of before": {member: out, timeline: "a ban", want: "a?"},
		"profile":                        {first: "join z", member: in, timeline: "a join<join b", want: "a+ b+"},
		"profile, nothing said":          {first: "join z", member: in, timeline: "a join b", want: "a+ b+"},
		"rejoined":                       {first: "join z", member: in, timeline: "a leave<join b join<leave c", want: "a+ b- c+"},
		"rejoined twice":                 {first: "join z", member: in, timeline: "leave<join a join<leave b leave<join c join<leave d", want: "a- b+ c- d+"},
		"rejoined, cut off":              {first: "join z", member: in, timeline: ">b join<leave c", history: "a leave<join y z", want: "y+ a- b- c+"},
		"rejoined behind a gap":          {first: "join z", member: in, timeline: ">c d", history: "b join<leave a leave<join y z", want: "y+ a- b+ c+ d+"},
		"a gap that stays":               {first: "join z", member: in, timeline: ">b join<leave c", history: "a y", pages: -1, want: "b- c+"},
		"a filter of types":              {filter: onlyMessages, member: in, timeline: "a b", want: "a? b?"},
		"a filter of types, in the room": {filter: onlyMessages, first: "z", member: in, timeline: "a b", want: "a+ b+"},
		"a filter without own events":    {filter: noOwn, member: in, timeline: "a b", want: "a? b?"},
		"a filter that lets it through":  {filter: typed, member: in, timeline: "a join<invite b", want: "a- b+"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rooms := func(member, timeline string) string {
				list, limited := strings.CutPrefix(timeline, ">")
				return fmt.Sprintf(`"rooms":{%q:{"!r:x":{"timeline":{"limited":%t,"prev_batch":"p","events":[%s]}}}}`, member, limited, momentEvents(list))
			}
			first := `{"next_batch":"s1"}`
			if c.first != "" {
				first = `{"next_batch":"s1",` + rooms(in, c.first) + `}`
			}
			server := &scripted{
				asked: map[string]int{},
				sync: func(since string, n int) (int, string) {
					switch since {
					case "":
						return 200, first
					case "s1":
						return 200, `{"next_batch":"s2",` + rooms(c.member, c.timeline) + `}`
					}
					return 200, `{"next_batch":"s3","rooms":{"join":{"!end:x":{"timeline":{"events":[` + momentEvents("end") + `]}}}}}`
				},
				messages: func(string, int) (int, string) { return 200, `{"chunk":[` + momentEvents(c.history) + `]}` },
			}
			service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, server), Filter: c.filter, GapPages: c.pages, MinInterval: time.Millisecond})
			var got []string
			for e := next(t, service); e.EventID != "$end"; e = next(t, service) {
				if e.Type == "m.room.message" && e.EventID != "$z" {
					got = append(got, string(e.EventID[1:])+string("?-+"[e.Join]))
				}
			}
			if got := strings.Join(got, " "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// The clock of the server may be hours off; its Date tells.
func TestSync_FirstSyncByTheServersClock(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{0, 2 * time.Hour, -2 * time.Hour} {
		for _, dated := range []bool{true, false} {
			if off != 0 && !dated {
				continue // nothing tells
			}
			t.Run(fmt.Sprint(off, dated), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					began := time.Now().Add(off)
					at := func(name string, after time.Duration) string {
						return fmt.Sprintf(`{"type":"m.room.message","sender":"@a:x","event_id":"$%s","origin_server_ts":%d,"content":{"msgtype":"m.text","body":"x"}}`, name, began.Add(after).UnixMilli())
					}
					server := &counting{answer: func(request *http.Request, n int) (*http.Response, error) {
						switch n {
						case 1:
							time.Sleep(time.Minute) // the first sync of a large account
							answer := answerJSON(request, 200, []byte(`{"next_batch":"s1","rooms":{"join":{"!r:x":{"timeline":{"events":[`+
								at("old", -time.Minute)+","+at("new", 30*time.Second)+","+at("future", time.Hour)+`]}}}}}`))
							if dated {
								answer.Header.Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
							}
							return answer, nil
						default:
							<-request.Context().Done()
							return nil, request.Context().Err()
						}
					}}
					service, err := matrixsync.MatrixSyncService(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, server)})
					if err != nil {
						t.Fatal(err)
					}
					defer service.Stop()
					for _, want := range []string{"old before", "new after", "future before"} {
						e := <-service.Events
						if got := fmt.Sprint(string(e.EventID[1:]), " ", e.Start); got != want {
							t.Errorf("got %s, want %s", got, want)
						}
					}
				})
			})
		}
	}
}

// After a token that the server has forgotten, what the store has forgotten,
// too, comes again. What lies before the last event that the store knows is
// old; where the server knows no such event any more, nothing tells what is.
func TestSync_ReplayOfForgottenEvents(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		timeline, history string
		want              []string
	}{
		"in the timeline": {"!r: $1 $2 $3 $4", "", []string{"$1 before", "$2 before", "$3 before", "$4 after"}},
		"in the history":  {"!r: ... $6 $7", events("$5", "$4", "$3", "$2"), []string{"$4 after", "$5 after", "$6 after", "$7 after"}},
		"nowhere":         {"!r: $0 $x", "", []string{"$0 unknown", "$x unknown"}},
		"lost history":    {"!r: ... $6 $7", events("$5", "$4"), []string{" unknown", "$4 unknown", "$5 unknown", "$6 unknown", "$7 unknown"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := &scripted{asked: map[string]int{}, hang: 10 * time.Hour, sync: func(since string, n int) (int, string) {
					switch {
					case since == "" && n == 1:
						return 200, told("s1", "!r: $1 $2 $3")
					case since == "":
						return 200, told("s2", c.timeline)
					case since == "s1" && n == 1:
						return 200, `{"next_batch":"s1"}` // with which the store forgets
					case since == "s1":
						return 400, `{"errcode":"M_UNKNOWN_POS"}`
					}
					return 200, ""
				}, messages: func(string, int) (int, string) { return 200, `{"chunk":[` + c.history + `]}` }}
				service, err := matrixsync.MatrixSyncService(t.Context(), matrixsync.MatrixSyncServiceConfig{
					Client: recordedClient(t, server), Store: matrixsync.NewSyncMemory(time.Nanosecond, 100),
				})
				if err != nil {
					t.Fatal(err)
				}
				defer service.Stop()
				for range 3 {
					<-service.Events
				}
				var got []string
				for range c.want {
					e := <-service.Events
					got = append(got, fmt.Sprint(e.EventID, " ", e.Start))
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		})
	}
}

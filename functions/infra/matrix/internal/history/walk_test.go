package history_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/internal/history"
)

// room is a server's history of a room: its events, their order, and how the
// server returns them.
type room struct {
	events []id.EventID // oldest first
	depth  []int        // of each; with those of one depth some are left out
	known  map[id.EventID]bool
	first  id.EventID // that let the user in; "" if none is in the history
	page   int        // most events of a page; 0: as many as are asked for
	faulty bool       // as Dendrite: a token stands for a depth, and skips the rest of it
	asked  []history.Request
}

// answer returns a page. A token is the number of events below it; a faulty
// server's token skips events of the same depth.
func (r *room) answer(request history.Request) history.Page[id.EventID] {
	r.asked = append(r.asked, request)
	at := len(r.events)
	if request.From != "" {
		at, _ = strconv.Atoi(request.From)
	}
	limit := request.Limit
	if r.page > 0 {
		limit = min(limit, r.page)
	}
	var page history.Page[id.EventID]
	if request.Direction == mautrix.DirectionForward {
		for r.faulty && at > 0 && at < len(r.events) && r.depth[at-1] == r.depth[at] {
			at-- // it begins above the depth of what is left out
		}
		for _, e := range r.events[at:min(at+limit, len(r.events))] {
			page.Events = append(page.Events, r.event(e))
		}
		return page
	}
	for r.faulty && request.From != "" && at > 0 && at < len(r.events) && r.depth[at-1] == r.depth[at] {
		at--
	}
	bottom := max(0, at-limit)
	for _, e := range slices.Backward(r.events[bottom:at]) {
		page.Events = append(page.Events, r.event(e))
	}
	if bottom > 0 {
		page.End = strconv.Itoa(bottom)
	}
	return page
}

func (r *room) event(e id.EventID) history.Event[id.EventID] {
	return history.Event[id.EventID]{Value: e, ID: e, Known: r.known[e], First: e != "" && e == r.first}
}

// newRoom has n events, each with a depth of its own, of which the first known
// ones are known.
func newRoom(n, known int) *room {
	r := &room{known: map[id.EventID]bool{}}
	for i := range n {
		e := id.EventID(fmt.Sprint("$", i))
		r.events, r.depth = append(r.events, e), append(r.depth, i)
		r.known[e] = i < known
	}
	return r
}

// walk walks from a timeline with the last few events.
func (r *room) walk(t *testing.T, timeline int, cfg history.Config) *history.Walk[id.EventID] {
	t.Helper()
	from := len(r.events) - timeline
	cfg.From = strconv.Itoa(from)
	cfg.Timeline = r.events[from:]
	return r.run(t, cfg)
}

func (r *room) run(t *testing.T, cfg history.Config) *history.Walk[id.EventID] {
	t.Helper()
	w := history.NewWalk[id.EventID](cfg)
	for w.State() == history.More {
		if len(r.asked) > 10_000 {
			t.Fatal("the walk does not end")
		}
		if state := w.Add(r.answer(w.Next())); state != w.State() {
			t.Fatalf("Add returned %v, the state is %v", state, w.State())
		}
	}
	return w
}

func wantWalk(t *testing.T, w *history.Walk[id.EventID], state history.State, want []id.EventID) {
	t.Helper()
	if got := w.Events(); w.State() != state || !slices.Equal(got, want) {
		t.Errorf("%v with %d events\n%q\nwant %v with %d\n%q", w.State(), len(got), got, state, len(want), want)
	}
}

func TestWalk_States(t *testing.T) {
	t.Parallel()
	joined := history.Config{Pages: 50, Joined: true}
	for name, c := range map[string]struct {
		room     *room
		timeline int
		cfg      history.Config
		state    history.State
		want     func(r *room) []id.EventID
		requests int
	}{
		"one page":               {newRoom(100, 50), 10, joined, history.Complete, func(r *room) []id.EventID { return r.events[50:90] }, 2},
		"three pages":            {newRoom(400, 150), 10, joined, history.Complete, func(r *room) []id.EventID { return r.events[150:390] }, 6},
		"nothing is missing":     {newRoom(100, 90), 10, joined, history.Complete, func(r *room) []id.EventID { return nil }, 2},
		"too many pages":         {newRoom(1000, 5), 10, history.Config{Pages: 2, Joined: true}, history.Stopped, func(r *room) []id.EventID { return r.events[790:990] }, 4},
		"no pages":               {newRoom(100, 5), 10, history.Config{Pages: -1, Joined: true}, history.Stopped, func(r *room) []id.EventID { return nil }, 0},
		"beginning of the room":  {newRoom(150, 0), 10, history.Config{Pages: 50}, history.Complete, func(r *room) []id.EventID { return r.events[:140] }, 4},
		"purged":                 {newRoom(50, 0), 10, joined, history.Short, func(r *room) []id.EventID { return nil }, 2},
		"known ones end the run": {newRoom(110, 20), 10, joined, history.Complete, func(r *room) []id.EventID { return r.events[20:100] }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := c.room.walk(t, c.timeline, c.cfg)
			wantWalk(t, w, c.state, c.want(c.room))
			if len(c.room.asked) != c.requests {
				t.Errorf("%d requests, want %d: %v", len(c.room.asked), c.requests, c.room.asked)
			}
		})
	}
}

// An event that was sent at the same time as a known one, but received later,
// is below it, and so on the next page: one more page is read.
func TestWalk_Settling(t *testing.T) {
	t.Parallel()
	r := newRoom(300, 205)
	r.known[r.events[203]], r.known[r.events[199]] = false, false
	r.page = 90 // of 290 down to 200
	w := r.walk(t, 10, history.Config{Pages: 50, Joined: true})
	want := append([]id.EventID{r.events[199], r.events[203]}, r.events[205:290]...)
	wantWalk(t, w, history.Complete, want)
	if len(r.asked) != 4 {
		t.Errorf("%d requests: %v", len(r.asked), r.asked)
	}
	// Without the page nothing more is known.
	stopped := history.NewWalk[id.EventID](history.Config{Pages: 1, Joined: true, From: "290", Timeline: r.events[290:]})
	stopped.Add(r.answer(stopped.Next()))
	stopped.Add(r.answer(stopped.Next()))
	wantWalk(t, stopped, history.Complete, append([]id.EventID{r.events[203]}, r.events[205:290]...))
}

// Twenty known events in a row show that everything below is known.
func TestWalk_Settled(t *testing.T) {
	t.Parallel()
	r := newRoom(300, 230)
	r.known[r.events[225]] = false // came late, above 25 known ones of the page
	r.page = 90
	w := r.walk(t, 10, history.Config{Pages: 50, Joined: true})
	wantWalk(t, w, history.Complete, append([]id.EventID{r.events[225]}, r.events[230:290]...))
	if len(r.asked) != 2 {
		t.Errorf("%d requests: %v", len(r.asked), r.asked)
	}
}

// One page below a known event is read, not more, and events there that are not
// above a known one are older than the gap.
func TestWalk_SettlingReadsOnePage(t *testing.T) {
	t.Parallel()
	r := newRoom(300, 205)
	r.page = 90
	for _, late := range []int{203, 199, 115} { // the last one would let a third page settle
		r.known[r.events[late]] = false
	}
	w := r.walk(t, 10, history.Config{Pages: 50, Joined: true})
	wantWalk(t, w, history.Complete, append([]id.EventID{r.events[115], r.events[199], r.events[203]}, r.events[205:290]...))
	if len(r.asked) != 4 {
		t.Errorf("%d requests: %v", len(r.asked), r.asked)
	}

	r = newRoom(300, 205)
	r.page = 90
	for i := range 204 {
		r.known[r.events[i]] = false // forgotten
	}
	r.known[r.events[203]], r.known[r.events[204]] = true, true
	w = r.walk(t, 10, history.Config{Pages: 50, Joined: true})
	wantWalk(t, w, history.Complete, r.events[205:290])
}

// Many unknown events after the oldest known one are not late ones.
func TestWalk_ForgottenOnes(t *testing.T) {
	t.Parallel()
	r := newRoom(300, 250)
	r.page = 90
	for i := range 230 {
		r.known[r.events[i]] = false
	}
	w := r.walk(t, 10, history.Config{Pages: 50, Joined: true})
	wantWalk(t, w, history.Complete, r.events[250:290])
	if len(r.asked) != 2 {
		t.Errorf("%d requests: %v", len(r.asked), r.asked)
	}
}

// Events after the oldest known one are older than the gap.
func TestWalk_OneMoreBeyondTheToken(t *testing.T) {
	t.Parallel()
	r := newRoom(100, 60)
	r.known[r.events[0]] = false // forgotten, or from before the store
	w := r.walk(t, 10, history.Config{Pages: 50, Joined: true})
	wantWalk(t, w, history.Complete, r.events[60:90])
}

// For a user who was not in the room, the gap ends at the user's joining.
func TestWalk_Joining(t *testing.T) {
	t.Parallel()
	r := newRoom(300, 0)
	r.first = r.events[150]
	w := r.walk(t, 10, history.Config{Pages: 50})
	wantWalk(t, w, history.Complete, r.events[150:290])
}

// A room that was left may be read from its end; Dendrite returns its last page
// repeatedly.
func TestWalk_LeftRoom(t *testing.T) {
	t.Parallel()
	r := newRoom(150, 50)
	w := r.run(t, history.Config{Pages: 50, FromEnd: true, Joined: true})
	wantWalk(t, w, history.Complete, r.events[50:])
	if r.asked[0].Direction != mautrix.DirectionBackward {
		t.Errorf("asked %v", r.asked)
	}
	forgotten := newRoom(50, 0)
	wantWalk(t, forgotten.run(t, history.Config{Pages: 50, FromEnd: true, Joined: true}), history.Complete, forgotten.events)
	none := history.NewWalk[id.EventID](history.Config{Pages: 50})
	if none.State() != history.Stopped {
		t.Errorf("without a beginning: %v", none.State())
	}

	again := history.NewWalk[id.EventID](history.Config{Pages: 50, From: "same", FromEnd: true})
	page := history.Page[id.EventID]{Events: []history.Event[id.EventID]{{Value: "$1", ID: "$1"}}, End: "same"}
	again.Add(history.Page[id.EventID]{})
	again.Add(page)
	wantWalk(t, again, history.Stopped, []id.EventID{"$1"})
	if again.End() != "same" {
		t.Errorf("ends at %q", again.End())
	}
}

// A history that ends too early is requested again, and then given up.
func TestWalk_Short(t *testing.T) {
	t.Parallel()
	r := newRoom(60, 10)
	w := history.NewWalk[id.EventID](history.Config{Pages: 50, Joined: true, From: "50", Timeline: r.events[50:]})
	going := &room{events: r.events[40:], depth: r.depth[40:], known: r.known} // as a server that is shutting down
	for tries := 1; tries < 3; tries++ {
		if w.Tries() != tries {
			t.Errorf("%d tries, want %d", w.Tries(), tries)
		}
		w.Add(going.answer(history.Request{Direction: mautrix.DirectionForward, From: "10", Limit: 50}))
		if state := w.Add(going.answer(history.Request{Direction: mautrix.DirectionBackward, From: "10", Limit: 100})); state != history.Short {
			t.Fatalf("%v", state)
		}
		w.Again()
	}
	up := *w
	for up.State() == history.More {
		up.Add(r.answer(up.Next()))
	}
	wantWalk(t, &up, history.Complete, r.events[10:50])

	w.Add(going.answer(history.Request{Direction: mautrix.DirectionForward, From: "10", Limit: 50}))
	w.Add(going.answer(history.Request{Direction: mautrix.DirectionBackward, From: "10", Limit: 100}))
	w.Stop()
	wantWalk(t, w, history.Stopped, r.events[40:50])
	if w.End() != "50" {
		t.Errorf("ends at %q", w.End())
	}
}

// Generated histories: whatever the pages, the fault and the timeline, each
// unknown event above the known ones is returned once and in order, and nothing
// else.
func TestWalk_Generated(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		checkGenerated(t, seed)
		if t.Failed() {
			return
		}
	}
}

func FuzzWalk(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(checkGenerated)
}

func checkGenerated(t *testing.T, seed uint64) {
	dice := rand.New(rand.NewPCG(seed, 1))
	n := 30 + dice.IntN(500)
	known := dice.IntN(n - 20)
	r := newRoom(n, known)
	r.page = dice.IntN(60) // 0: as asked for
	r.faulty = dice.IntN(2) == 0
	if r.page > 0 {
		r.page += 20 // what came late is up to 15 events below
	}
	depth := 0
	for i := range r.depth {
		if dice.IntN(4) > 0 {
			depth++
		}
		if i > 0 && r.depth[i-1] == depth && i > 6 && r.depth[i-6] == depth {
			depth++ // as many are sent at once as there are senders
		}
		r.depth[i] = depth
	}
	var want []id.EventID
	for i := max(0, known-15); i < known; i++ {
		if dice.IntN(5) == 0 && i > 0 { // came late
			r.known[r.events[i]] = false
		}
	}
	timeline := dice.IntN(min(20, n-known) + 1)
	// The oldest event of a late event's run must be known: everything below it
	// is.
	for i, e := range r.events[:n-timeline] {
		if !r.known[e] && i >= known-15 {
			want = append(want, e)
		}
	}
	w := r.walk(t, timeline, history.Config{Pages: 1000, Joined: known > 0})
	got := w.Events()
	if w.State() == history.Short && !anyKnown(r) {
		return
	}
	if w.State() != history.Complete || !slices.Equal(got, want) {
		t.Errorf("seed %d: %d events, %d known, pages of %d, faulty %t, timeline of %d: %v\n got %s\nwant %s",
			seed, n, known, r.page, r.faulty, timeline, w.State(), difference(got, want), difference(want, got))
	}
}

func anyKnown(r *room) bool {
	return slices.ContainsFunc(r.events, func(e id.EventID) bool { return r.known[e] })
}

// difference returns what is in a but not in b, and where the order differs.
func difference(a, b []id.EventID) string {
	var only []string
	for _, e := range a {
		if !slices.Contains(b, e) {
			only = append(only, string(e))
		}
	}
	return fmt.Sprintf("%d, of which only here: %s", len(a), strings.Join(only, " "))
}

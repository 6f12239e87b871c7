package history

import (
	"slices"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

// PageSize is how many events a walk asks for at once. Servers give as many:
// Synapse 1000, Dendrite 100.
const PageSize = 100

// settledRun is how many known events in a row show that a gap ends above them:
// an unknown one that was sent at the same time as a known one, and came later,
// can stand below it.
const settledRun = 20

// State is where a walk is.
type State int

// The states.
const (
	More     State = iota // ask for the page that Next names
	Short                 // the history ends above what is known: call Again or Stop
	Complete              // the walk came to what is known, or to the history's beginning
	Stopped               // what is below End stays missing
)

// String names the state.
func (s State) String() string {
	return [...]string{More: "more", Short: "short", Complete: "complete", Stopped: "stopped"}[s]
}

// Config says where a walk begins and how far it goes.
type Config struct {
	Timeline []id.EventID // that the walk begins above, as far as it has IDs
	From     string       // token where the timeline begins; empty: there is none
	To       string       // token where the gap ends, if no known event is to be relied on
	Pages    int          // at most; zero or less: none
	FromEnd  bool         // without From, begin at the history's end: of a room that was left
	Joined   bool         // the user was in the room, and an event of it is known: a history without one is Short
}

// Request is a page that is wanted.
type Request struct {
	Direction mautrix.Direction
	From, To  string // To is empty for no bound
	Limit     int
}

// Event is an event of a page.
type Event[E any] struct {
	Value E
	ID    id.EventID
	Known bool // it came before the gap
	First bool // it let the user in: nothing below belongs to the gap
}

// Page is a response to a Request, in the server's order.
type Page[E any] struct {
	Events []Event[E]
	End    string // token where the next page begins; empty: there is none
}

// Walk fills the gap between a timeline and what is known of a room. It reads
// the history backwards, page by page, and where two pages meet forwards, too:
// see [Missed]. It makes no requests itself: as long as its state is More, Add
// takes the response to Next.
type Walk[E any] struct {
	cfg     Config
	state   State
	forward bool // the next page is the one read forwards
	pages   int  // read backwards
	tries   int  // to read now
	filled  []E  // latest first
	above   part[E]
	now     part[E] // is being read
}

// part is a page, and what the server leaves out between it and the one above.
type part[E any] struct {
	ids    []id.EventID // of the page
	fresh  []E          // that belong to the gap, latest first
	below  []E          // with settling: those below the known ones
	end    string
	border border
}

// border says how a part shows the gap's end.
type border int

const (
	unseen   border = iota // all of it belongs to the gap
	settling               // it has known events, and the page below may have unknown ones that were sent at the same time
	settled                // the gap ends in it
)

// NewWalk returns a walk. Its state is More, or Stopped if there is nothing to
// begin with.
func NewWalk[E any](cfg Config) *Walk[E] {
	w := &Walk[E]{cfg: cfg, above: part[E]{ids: cfg.Timeline, end: cfg.From}}
	if cfg.From == "" && !cfg.FromEnd {
		w.state = Stopped
		return w
	}
	w.begin()
	return w
}

// begin begins a part, unless there were enough.
func (w *Walk[E]) begin() {
	if w.pages >= w.cfg.Pages {
		w.Stop()
		return
	}
	w.tries = 0
	w.Again()
}

// State returns where the walk is.
func (w *Walk[E]) State() State { return w.state }

// Events returns the gap's events so far, in the order of the room. One that a
// server gives on two pages, as Dendrite may, is there twice.
func (w *Walk[E]) Events() []E {
	events := slices.Clone(w.filled)
	slices.Reverse(events)
	return events
}

// End returns the token above which the walk came: of a gap that stays, the
// later end.
func (w *Walk[E]) End() string { return w.above.end }

// Next returns the page to ask for.
func (w *Walk[E]) Next() Request {
	if w.forward {
		return Request{Direction: mautrix.DirectionForward, From: w.above.end, Limit: BoundarySize}
	}
	return Request{Direction: mautrix.DirectionBackward, From: w.above.end, To: w.cfg.To, Limit: PageSize}
}

// Again asks for the part that was Short once more: a server that is shutting
// down may answer without an error that there are no more events.
func (w *Walk[E]) Again() {
	w.now = part[E]{fresh: slices.Clone(w.above.below)}
	w.forward = w.above.end != ""
	w.state = More
	w.tries++
}

// Tries returns how often the part was asked for that is being read.
func (w *Walk[E]) Tries() int { return w.tries }

// Stop ends the walk where it is: the next page is not to be had.
func (w *Walk[E]) Stop() {
	if w.above.border == unseen {
		w.filled = append(w.filled, w.now.fresh...)
	}
	w.finish()
}

func (w *Walk[E]) finish() {
	w.now = part[E]{}
	w.state = Stopped
	if w.above.border == settling { // the page below would only have had details
		w.state = Complete
	}
}

// Add takes the response to Next and returns the new state.
func (w *Walk[E]) Add(page Page[E]) State {
	if w.forward {
		w.forward = false
		for _, e := range Missed(page.Events, func(e Event[E]) id.EventID { return e.ID }, w.above.ids) {
			if !e.Known {
				w.now.fresh = append(w.now.fresh, e.Value)
			}
		}
		return w.state
	}
	w.now.read(page)
	if w.now.end == "" && w.now.border == unseen && w.above.border == unseen && w.cfg.Joined && !w.cfg.FromEnd {
		w.state = Short
		return w.state
	}
	w.advance()
	return w.state
}

// advance decides what a whole part means.
func (w *Walk[E]) advance() {
	w.pages++
	if w.now.border != unseen || w.above.border == unseen {
		w.filled = append(w.filled, w.now.fresh...)
	}
	w.now.fresh = nil
	switch {
	case w.now.end == "" || w.above.border != unseen || w.now.border == settled:
		w.state = Complete
	case w.now.end == w.above.end: // Dendrite, of a room that the user has left: it gives the last page again and again
		w.finish()
	default:
		w.above = w.now
		w.begin()
	}
}

// read takes the page of a part down to the oldest known event: what comes
// behind that is older than the gap (Dendrite gives one such event a page
// beyond the token), while an unknown one between known ones came late.
func (p *part[E]) read(page Page[E]) {
	p.end = page.End
	for _, e := range page.Events {
		p.ids = append(p.ids, e.ID)
	}
	gap := page.Events
	if oldest := lastKnown(gap); oldest >= 0 {
		p.border = settled
		below := gap[oldest+1:]
		last := gap[max(0, len(gap)-settledRun):]
		if len(below) < settledRun && slices.ContainsFunc(last, func(e Event[E]) bool { return !e.Known }) {
			p.border = settling
			for _, e := range below {
				p.below = append(p.below, e.Value)
			}
		}
		gap = gap[:oldest]
	}
	for _, e := range gap {
		if e.Known {
			continue
		}
		p.fresh = append(p.fresh, e.Value)
		if e.First {
			p.border = settled
			return
		}
	}
}

func lastKnown[E any](events []Event[E]) int {
	for i, e := range slices.Backward(events) {
		if e.Known {
			return i
		}
	}
	return -1
}

package page

import (
	"cmp"
	"strconv"
)

// PageLiveConfig is a region that a server changes after the page has loaded.
type PageLiveConfig struct {
	ID       string // names the region within the page
	Name     string // what it is, for screen readers
	Stream   string // URL of the server-sent events; regions with the same URL share a connection
	Event    string // the type of the events for this region; empty: message
	Append   bool   // an event's data is appended to the content; default: replaces it
	MaxItems int    // elements that an appending region keeps, the newest ones; zero: 1000
}

// PageLive is a region that follows a stream of server-sent events. The data of
// each event is HTML that the server has rendered, see [PageFragment]. An event
// of type gap, which sse_handler sends to a client that has missed events,
// loads the region again from the page's own address.
//
// initial is what the region shows at first; nil: nothing.
//
// More in page_live.md:
//   - Without JavaScript the region keeps its initial content.
//   - An event of type gap makes the script fetch the page again and copy the
//     region from it: the page's URL must render it up to date.
func PageLive(cfg PageLiveConfig, initial PageComponent) PageComponent {
	return PageHTML(func(w *PageWriter) {
		w.liveState(cfg.Stream)
		w.Open("div", append(cfg.attributes(), "role", "region", "aria-label", cfg.Name, "aria-live", "polite")...)
		w.Add(initial)
		w.Close("div")
	})
}

func (c PageLiveConfig) attributes() []string {
	how, most := "replace", 0
	if c.Append {
		how, most = "append", cmp.Or(c.MaxItems, 1000)
	}
	return []string{
		"id", c.ID, "data-live", c.Stream, "data-event", cmp.Or(c.Event, "message"), "data-how", how, "data-most", on(most > 0, strconv.Itoa(most)),
	}
}

// liveState is the text that shows whether the stream is connected.
func (w *PageWriter) liveState(stream string) {
	w.Element("span", "connecting", "class", "script quiet state", "data-live-state", "new", "data-stream", stream)
}

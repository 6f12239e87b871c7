package page

import (
	"cmp"
	"strconv"
)

// PageLogConfig is a pane of log lines.
type PageLogConfig struct {
	ID       string   // names the pane within the page; empty: log
	Name     string   // what it is, for all readers; empty: Log
	Lines    []string // the lines so far, with ANSI colours
	Stream   string   // URL of server-sent events whose data is PageLogLines; empty: no further lines
	Event    string   // their type; empty: message
	MaxLines int      // lines that a pane with a stream keeps, the newest ones; zero: 1000
}

// PageLog is a pane of log lines with their ANSI colours, a search among them,
// and a box to stay at the end while lines come. Scrolling up clears the box.
//
// More in page_log.md:
//   - All lines are in the page: pass the last few thousand, and offer the
//     whole log as a file.
//   - Colours end with their line, because the lines of a stream arrive one by
//     one.
func PageLog(cfg PageLogConfig) PageComponent {
	cfg.ID = cmp.Or(cfg.ID, "log")
	cfg.Name = cmp.Or(cfg.Name, "Log")
	return PageHTML(func(w *PageWriter) {
		w.Open("div", "class", "log")
		w.Open("div", "class", "bar script")
		w.Open("input", "type", "search", "aria-label", "Search in "+cfg.Name, "placeholder", "Search")
		w.Open("label")
		w.Open("input", "type", "checkbox", "checked?", "yes", "autocomplete", "off")
		w.Text(" stay at the end")
		w.Close("label")
		w.Element("output", "")
		if cfg.Stream != "" {
			w.liveState(cfg.Stream)
		}
		w.Close("div")
		attributes := []string{"id", cfg.ID}
		if cfg.Stream != "" {
			live := PageLiveConfig{ID: cfg.ID, Stream: cfg.Stream, Event: cfg.Event, Append: true, MaxItems: cfg.MaxLines}
			attributes = live.attributes()
		}
		w.Open("pre", append(attributes, "tabindex", "0", "role", "log", "aria-label", cfg.Name)...)
		w.logLines(cfg.Lines)
		w.Close("pre", "div")
	})
}

// ansi is the text style set by the escape sequences so far.
type ansi struct {
	colour                         int // from 1; 0: the page's own
	bold, faint, italic, underline bool
}

// class returns the style sheet's class, "" for plain text.
func (a ansi) class() string {
	class := ""
	add := func(yes bool, name string) {
		if yes {
			class += on(class != "", " ") + name
		}
	}
	add(a.colour > 0, "a"+strconv.Itoa(a.colour-1))
	add(a.bold, "b")
	add(a.faint, "f")
	add(a.italic, "i")
	add(a.underline, "u")
	return class
}

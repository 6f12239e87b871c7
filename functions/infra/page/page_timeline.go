package page

import (
	"slices"
	"strconv"
	"time"
)

// PageTimelineConfig is what ran when, as the steps of a job.
type PageTimelineConfig struct {
	Name  string // what the timeline shows, for all readers
	Spans []PageTimelineSpan
	Now   time.Time // end of spans that are still running; zero: the latest time of any span
}

// PageTimelineSpan is one bar.
type PageTimelineSpan struct {
	Row    string // spans with the same Row are drawn on one line, in the order of their first span
	Name   string // of the span; empty: Row
	Start  time.Time
	End    time.Time // zero: still running
	Status string    // ok, failed, running or waiting, each with its own colour; empty: ok
	URL    string    // of its link; may be empty
}

// PageTimeline draws spans of time as bars, a line for each row, with a table
// of the same behind it: a Gantt chart. Without spans it is a notice that says
// so.
//
// More in page_timeline.md:
//   - Overlapping spans of one row hide each other: give each its own row.
//   - A span is at least two pixels wide, however short it was: the table has
//     the figures.
func PageTimeline(cfg PageTimelineConfig) PageComponent {
	return PageHTML(func(w *PageWriter) {
		if len(cfg.Spans) == 0 {
			w.notice(PageNoticeConfig{Kind: "empty", Title: cfg.Name, Text: "Nothing has run yet."})
			return
		}
		w.timeline(cfg.filled())
	})
}

// timelineRow is the height of a row.
const timelineRow = 26

// filled returns the spans with every end and status set.
func (c PageTimelineConfig) filled() PageTimelineConfig {
	latest := c.Now
	for _, s := range c.Spans {
		if c.Now.IsZero() {
			latest = later(latest, later(s.Start, s.End))
		}
	}
	spans := slices.Clone(c.Spans)
	for i := range spans {
		s := &spans[i]
		if s.Status == "" {
			s.Status = "ok"
		}
		if s.Name == "" {
			s.Name = s.Row
		}
		if s.End.IsZero() {
			s.End = later(latest, s.Start)
		}
		s.End = later(s.End, s.Start)
	}
	c.Spans = spans
	return c
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (w *PageWriter) timeline(cfg PageTimelineConfig) {
	start, end := cfg.Spans[0].Start, cfg.Spans[0].End
	var rows []string
	left := 0.0
	for _, s := range cfg.Spans {
		if s.Start.Before(start) {
			start = s.Start
		}
		end = later(end, s.End)
		if !slices.Contains(rows, s.Row) {
			rows = append(rows, s.Row)
			left = max(left, textWidth(shorten(s.Row, 24))*1.3+8)
		}
	}
	total := max(end.Sub(start), time.Millisecond).Seconds()
	height := float64(len(rows))*timelineRow + 24
	x := scale{0, total, left, left + 560}
	w.figure(cfg.Name, true)
	w.Open("svg", "viewBox", "0 0 "+px(left+610)+" "+px(height), "width", px(left+610), "height", px(height), "role", "group", "aria-label", cfg.Name)
	for i := range 5 {
		at := total * float64(i) / 4
		w.line("grid", x.at(at), 18, x.at(at), height)
		w.Element("text", duration(at), "x", px(x.at(at)), "y", "12", "text-anchor", "middle")
	}
	for i, name := range rows {
		w.Element("text", shorten(name, 24), "x", px(left-8), "y", px(20+float64(i)*timelineRow+16), "text-anchor", "end")
	}
	for _, s := range cfg.Spans {
		y := 20 + float64(slices.Index(rows, s.Row))*timelineRow
		w.span(s, x.at(s.Start.Sub(start).Seconds()), x.at(s.End.Sub(start).Seconds()), y)
	}
	w.Close("svg", "div")
	w.Open("div", "class", "legend")
	for _, status := range []string{"ok", "failed", "running", "waiting"} {
		if slices.ContainsFunc(cfg.Spans, func(s PageTimelineSpan) bool { return s.Status == status }) {
			w.swatch(status, status)
		}
	}
	w.Close("div")
	w.timelineTable(cfg.Spans)
	w.Close("figure")
}

func (w *PageWriter) span(s PageTimelineSpan, from, to, y float64) {
	class := "other"
	if slices.Contains([]string{"ok", "failed", "running", "waiting"}, s.Status) {
		class = s.Status
	}
	text := s.Name + ": " + s.Status + ", " + duration(s.End.Sub(s.Start).Seconds())
	if s.URL != "" {
		w.Open("a", "href", s.URL, "aria-label", text)
	}
	w.Open("rect", "class", class, "x", px(from), "y", px(y+3), "width", px(max(2, to-from)), "height", px(timelineRow-6), "rx", "3")
	w.Element("title", text)
	w.Close("rect")
	if s.URL != "" {
		w.Close("a")
	}
}

// duration formats seconds for people.
func duration(seconds float64) string {
	switch {
	case seconds < 1:
		return strconv.Itoa(int(seconds*1000+.5)) + " ms"
	case seconds < 60:
		return number(float64(int(seconds*10+.5))/10) + " s"
	case seconds < 3600:
		return strconv.Itoa(int(seconds)/60) + " min " + strconv.Itoa(int(seconds)%60) + " s"
	}
	return strconv.Itoa(int(seconds)/3600) + " h " + strconv.Itoa(int(seconds)%3600/60) + " min"
}

func (w *PageWriter) timelineTable(spans []PageTimelineSpan) {
	table := PageTableConfig{Name: "Spans, as a table", Columns: []PageTableColumn{{Name: "Row"}, {Name: "What"}, {Name: "Status"}, {Name: "Start"}, {Name: "Took", Number: true}}}
	for _, s := range spans {
		table.Rows = append(table.Rows, []any{s.Row, PageLink{Text: s.Name, URL: s.URL}, s.Status, s.Start, duration(s.End.Sub(s.Start).Seconds())})
	}
	w.behind(table)
}

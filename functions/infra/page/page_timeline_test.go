package page

import (
	"strings"
	"testing"
	"time"
)

func TestPageTimeline(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	spans := []PageTimelineSpan{
		{Row: "fetch", Start: at(0), End: at(10), URL: "/7"},
		{Row: "build <x>", Name: "go build", Start: at(10), Status: "running"},
		{Row: "fetch", Name: "again", Start: at(60), End: at(50), Status: "failed"},
		{Row: "odd", Start: at(0), End: at(1), Status: "unheard of"},
	}
	got := render(t, PageTimeline(PageTimelineConfig{Name: "Run", Spans: spans, Now: at(100)}))
	has(t, got, "<title>fetch: ok, 10 s</title>", "<title>go build: running, 1 min 30 s</title>", "<title>again: failed, 0 ms</title>", `<a href="/7" aria-label="fetch: ok, 10 s">`,
		"build &lt;x&gt;", `class="other"`, `<td class="number">1 min 30 s</td>`)
	if n := strings.Count(got, `text-anchor="end"`); n != 3 {
		t.Errorf("%d rows", n)
	}
	has(t, render(t, PageTimeline(PageTimelineConfig{Spans: spans})), "<title>go build: running, 50 s</title>")
	if spans[1].End != (time.Time{}) {
		t.Error("the caller's spans have changed")
	}
}

func TestPageTimeline_Empty(t *testing.T) {
	t.Parallel()
	has(t, render(t, PageTimeline(PageTimelineConfig{Name: "Run"})), "Nothing has run yet.")
	hasNot(t, render(t, PageTimeline(PageTimelineConfig{Spans: []PageTimelineSpan{{Row: "r"}}})), "NaN", "Inf")
}

func TestPageTimeline_Durations(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{0: "0 ms", .0123: "12 ms", 1: "1 s", 9.96: "10 s", 59.4: "59.4 s", 61: "1 min 1 s", 7260: "2 h 1 min"} {
		if got := duration(seconds); got != want {
			t.Errorf("%v: %s, want %s", seconds, got, want)
		}
	}
}

package page

import "testing"

func TestPageLive(t *testing.T) {
	t.Parallel()
	got := render(t, PageLive(PageLiveConfig{ID: "jobs", Name: "Jobs", Stream: "/events"}, other("<b>first</b>")))
	has(t, got, `<div id="jobs" data-live="/events" data-event="message" data-how="replace" role="region" aria-label="Jobs" aria-live="polite"><b>first</b></div>`,
		`data-live-state="new" data-stream="/events"`)
	got = render(t, PageLive(PageLiveConfig{ID: "l", Name: "List", Stream: "/e?<", Event: "new", Append: true}, nil))
	has(t, got, `data-live="/e?&lt;" data-event="new" data-how="append" data-most="1000"`)
	has(t, render(t, PageLive(PageLiveConfig{Append: true, MaxItems: 7}, nil)), `data-most="7"`)
}

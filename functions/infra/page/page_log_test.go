package page

import "testing"

func TestPageLog(t *testing.T) {
	t.Parallel()
	got := render(t, PageLog(PageLogConfig{Lines: []string{"a <b>", ""}}))
	has(t, got, `<pre id="log" tabindex="0" role="log" aria-label="Log"><span class="row">a &lt;b&gt;</span><span class="row"></span></pre>`, `aria-label="Search in Log"`)
	hasNot(t, got, "data-live")
	got = render(t, PageLog(PageLogConfig{ID: "run", Name: "Run", Stream: "/s", Event: "line", MaxLines: 50}))
	has(t, got, `<pre id="run" data-live="/s" data-event="line" data-how="append" data-most="50"`, "data-live-state")
}

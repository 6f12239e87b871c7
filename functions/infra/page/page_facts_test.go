package page

import (
	"errors"
	"testing"
	"time"
)

func TestPageFacts_Values(t *testing.T) {
	t.Parallel()
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	got := render(t, PageFacts([]PageFact{
		{"text", "<b>"}, {"int", 7}, {"float", 0.25}, {"large", 1234567.0}, {"time", when}, {"nil", nil}, {"error", errors.New("bad & worse")},
		{"link", PageLink{Text: "a", URL: "/a", Hint: "h"}}, {"links", []PageLink{{Text: "b", URL: "/b"}}}, {"component", other("<i>c</i>")},
	}))
	has(t, got, "<dt>text</dt><dd>&lt;b&gt;</dd>", "<dd>7</dd>", "<dd>0.25</dd>", "<dd>1.23457e+06</dd>", `<time datetime="2026-01-02T03:04:05Z">2026-01-02 03:04:05</time>`,
		"<dt>nil</dt><dd></dd>", "bad &amp; worse", `<a href="/a" title="h">a</a>`, `<li><a class="tag" href="/b">b</a></li>`, "<i>c</i>")
}

func TestPageFacts_Empty(t *testing.T) {
	t.Parallel()
	if got := render(t, PageFacts(nil)); got != "" {
		t.Error(got)
	}
}

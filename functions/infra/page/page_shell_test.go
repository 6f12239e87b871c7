package page

import (
	"strings"
	"testing"
	"time"
)

func TestPageShell_Parts(t *testing.T) {
	t.Parallel()
	got := render(t, PageShell(PageShellConfig{
		Title: "Jobs", Brand: "scheduler", Path: "/jobs", Lang: "he", Refresh: 1500 * time.Millisecond, Footer: other("foot"),
		Tabs: []PageLink{{Text: "Start", URL: "/"}, {Text: "Jobs", URL: "/jobs"}},
	}, other("body")))
	has(t, got, "<!DOCTYPE html><html lang=\"he\">", "<title>Jobs · scheduler</title>", `<a href="/jobs" aria-current="page">Jobs</a>`, `<a href="/">Start</a>`,
		`content="1"`, ">body</main>", "<footer>foot</footer>")
	if n := strings.Count(got, "aria-current"); n != 1 {
		t.Errorf("%d tabs are marked", n)
	}
}

func TestPageShell_Least(t *testing.T) {
	t.Parallel()
	got := render(t, PageShell(PageShellConfig{Title: "t", Brand: "b"}, other("")))
	has(t, got, `<html lang="en">`)
	hasNot(t, got, "<footer", "refresh", `id="commands"`, "<dialog", " style=", "<script>")
}

func TestPageShell_HostileTitles(t *testing.T) {
	t.Parallel()
	for _, name := range hostile {
		got := render(t, PageShell(PageShellConfig{Title: name, Brand: name, Lang: name, Tabs: []PageLink{{Text: name, URL: name}}}, other("")))
		hasNot(t, got, "<script>", "<img", "</title></", `href="javascript`)
	}
}

package page

import "testing"

func TestPageTags(t *testing.T) {
	t.Parallel()
	got := render(t, PageTags("Kinds", []PageLink{{Text: "all", URL: "/", Current: true}, {Text: "<b>", URL: "/b", Hint: "h"}}))
	has(t, got, `role="group" aria-label="Kinds"`, `<a class="tag" href="/" aria-current="true">all</a>`, `<a class="tag" href="/b" title="h">&lt;b&gt;</a>`)
}

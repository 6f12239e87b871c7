package page

import "testing"

func TestPageNotice(t *testing.T) {
	t.Parallel()
	got := render(t, PageNotice(PageNoticeConfig{Kind: "error", Title: "<t>", Text: "text", Hint: "hint", Links: []PageLink{{Text: "there", URL: "/there"}}}))
	has(t, got, `class="notice error" role="alert"`, "<strong>&lt;t&gt;</strong>", "<p>text</p>", "hint", `<a href="/there">there</a>`)
	got = render(t, PageNotice(PageNoticeConfig{Text: "only"}))
	if want := `<div class="notice "><p>only</p></div>`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

package page

import "testing"

func TestPagePalette(t *testing.T) {
	t.Parallel()
	got := render(t, PagePalette(PagePaletteConfig{Commands: []PageLink{{Text: "New <job>", URL: "/new"}, {Text: "x", URL: "javascript:x"}}, Search: "/find?q="}))
	has(t, got, `<dialog class="palette"`, `data-search="/find?q="`, `<a href="/new">New &lt;job&gt;</a>`, `<a href="about:invalid">`, `role="combobox"`, `role="listbox"`)
}

package page

import (
	"encoding/json"
	"testing"
)

func TestPageLink_JSON(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal([]PageLink{{Text: "a", URL: "/a", Current: true}, {Text: "b", URL: "/b", Hint: "more"}})
	if want := `[{"text":"a","url":"/a"},{"text":"b","url":"/b","hint":"more"}]`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}

func TestPageLink_WithoutAddress(t *testing.T) {
	t.Parallel()
	got := render(t, PageHTML(func(w *PageWriter) { w.link(PageLink{Text: "<a>"}) }))
	if got != "&lt;a&gt;" {
		t.Error(got)
	}
}

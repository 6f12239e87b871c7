package page

import "testing"

func TestPageForm_Fields(t *testing.T) {
	t.Parallel()
	got := render(t, PageForm(PageFormConfig{ID: "job", Action: "/jobs", Post: true, Error: "no", Fields: []PageFormField{
		{Name: "name", Label: "Name", Value: `"x"`, Hint: "short", Error: "taken", Required: true, Focus: true},
		{Name: "kind", Label: "Kind", Type: "select", Value: "", Options: []PageFormOption{{Label: "any"}, {Value: "a", Label: "A"}}},
		{Name: "on", Label: "On", Type: "checkbox", Value: "yes", Checked: true},
		{Name: "text", Label: "Text", Type: "textarea", Value: "\n</textarea>"},
		{Name: "n", Type: "hidden", Value: "7"},
		{Name: "q", Label: "Find", Type: "search"},
	}}))
	has(t, got, `<form id="job" class="form" action="/jobs" method="post">`, `role="alert"`, `<label for="job-name">Name</label>`,
		`aria-describedby="job-name-hint job-name-wrong" aria-invalid="true" required autofocus type="text" value="&#34;x&#34;"`,
		`<p class="hint" id="job-name-hint">short</p>`, `<p class="wrong" id="job-name-wrong">taken</p>`,
		`<option value="" selected>any</option><option value="a">A</option>`, `type="checkbox" value="yes" checked>`,
		"\n\n&lt;/textarea&gt;</textarea>", `<input type="hidden" name="n" value="7">`, `data-main type="search"`, "<button>Send</button>")
}

func TestPageForm_Compact(t *testing.T) {
	t.Parallel()
	got := render(t, PageForm(PageFormConfig{Action: "javascript:x", Compact: true, Results: "rows", Submit: "Go", Fields: []PageFormField{{Name: "a", Label: "A"}}}))
	has(t, got, `id="form" class="form compact" action="about:invalid" role="search" aria-label="Go" data-results="rows"`, `<label for="form-a" class="hidden">A</label>`, "<button>Go</button>")
	hasNot(t, got, "method", "aria-describedby", "aria-invalid")
}

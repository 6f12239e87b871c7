package page

import "testing"

func TestPageWriter_Escapes(t *testing.T) {
	t.Parallel()
	got := render(t, PageHTML(func(w *PageWriter) {
		for _, name := range hostile {
			w.Element("p", name, "title", name)
		}
		w.Raw("<hr></hr>")
		w.Add(nil)
	}))
	has(t, got, `<p title="&lt;script&gt;alert(1)&lt;/script&gt;">&lt;script&gt;alert(1)&lt;/script&gt;</p>`, `title="&#39; onclick=&#39;alert(1)"`, "<hr>", "<p></p>")
	hasNot(t, got, "<script", "<img", "<b>")
}

func TestPageWriter_Attributes(t *testing.T) {
	t.Parallel()
	got := render(t, PageHTML(func(w *PageWriter) {
		w.Open("a", "class", "", "checked?", "yes", "disabled?", "", "id", "x")
		w.Close("a")
	}))
	if got != `<a checked id="x"></a>` {
		t.Error(got)
	}
}

func TestPageWriter_Addresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"/units/a:b":              "/units/a:b",
		"?q=a:b":                  "?q=a:b",
		"#L1:2":                   "#L1:2",
		"HTTPS://example.org":     "HTTPS://example.org",
		"mailto:a@example.org":    "mailto:a@example.org",
		"javascript:alert(1)":     "about:invalid",
		" javascript:alert(1)":    "about:invalid",
		"java\tscript:alert(1)":   "about:invalid",
		"JaVaScRiPt:alert(1)":     "about:invalid",
		"\x01javascript:alert(1)": "about:invalid",
		"data:text/html,<b>":      "about:invalid",
		"vbscript:x":              "about:invalid",
	} {
		if got := safeURL(address); got != want {
			t.Errorf("%q becomes %q", address, got)
		}
		for _, name := range []string{"href", "action"} {
			hasNot(t, render(t, PageHTML(func(w *PageWriter) { w.Element("a", "", name, address) })), "script:alert", "data:", "vbscript")
		}
	}
}

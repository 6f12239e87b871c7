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

func TestPageWriter_ListsOfAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value, want string }{
		{"srcset", "/a.png 1x, https://example.org/b.png 2x", "/a.png 1x, https://example.org/b.png 2x"},
		{"srcset", "/a.png 1x,javascript:alert(1) 2x", "about:invalid"},
		{"imagesrcset", "data:text/html,x 1x", "about:invalid"},
		{"ping", "/a /b", "/a /b"},
		{"ping", "/a javascript:alert(1)", "about:invalid"},
		{"src", "/a,b c.png", "/a,b c.png"},
		{"title", "javascript:alert(1)", "javascript:alert(1)"},
	} {
		got := render(t, PageHTML(func(w *PageWriter) { w.Open("img", c.name, c.value) }))
		if want := `<img ` + c.name + `="` + c.want + `">`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
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
		for _, name := range []string{
			"href", "HREF", "xlink:href", "action", "formaction", "FormAction", "src", "poster", "data", "cite", "background", "manifest", "longdesc",
			"ping", "srcset", "imagesrcset",
		} {
			hasNot(t, render(t, PageHTML(func(w *PageWriter) { w.Element("a", "", name, address) })), "script:alert", "data:", "vbscript")
		}
	}
}

package page

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// render renders a component and checks that its elements are closed in order.
func render(t testing.TB, c PageComponent) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, b.String())
	return b.String()
}

func wellFormed(t testing.TB, text string) {
	t.Helper()
	text = strings.ReplaceAll(text, "\x00", "") // HTML drops it, XML refuses it
	d := xml.NewDecoder(strings.NewReader("<all>" + text + "</all>"))
	d.Strict = false
	d.AutoClose = []string{"input", "meta", "link"}
	d.Entity = xml.HTMLEntity
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v within %v, in\n%s", err, open, text)
		}
		switch token := token.(type) {
		case xml.StartElement:
			open = append(open, token.Name.Local)
		case xml.EndElement:
			if last := open[len(open)-1]; last != token.Name.Local {
				t.Fatalf("</%s> ends <%s>, in\n%s", token.Name.Local, last, text)
			}
			open = open[:len(open)-1]
		}
	}
}

// has checks that a rendering contains all of the texts.
func has(t testing.TB, got string, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(got, text) {
			t.Errorf("no %s in\n%s", text, got)
		}
	}
}

// hasNot checks that a rendering contains none of the texts.
func hasNot(t testing.TB, got string, unwanted ...string) {
	t.Helper()
	for _, text := range unwanted {
		if strings.Contains(got, text) {
			t.Errorf("%s is in\n%s", text, got)
		}
	}
}

// hostile are names that an attacker might choose.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onclick='alert(1)`, "&lt;b&gt;", "</title></textarea></svg><b>",
	"\u202egnp.exe", "שלום", "a\x00b\nc", strings.Repeat("W", 300), "javascript:alert(1)", "",
}

package http_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	fnhttp "fnregistry.dev/functions/infra/http"
)

func TestHTTPAccept(t *testing.T) {
	t.Parallel()
	const html, json, text = "text/html", "application/json", "text/markdown"
	for accept, want := range map[string]string{
		"":    html,
		"*/*": html,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": html, // a browser
		"application/json":                       json,
		"application/json, text/plain, */*":      json, // axios
		"*/*, Application/JSON":                  json,
		"text/html;q=0.5, application/json":      json,
		"text/html;q=0.5, application/json;q=.4": html,
		"text/*":                                 html,
		"text/*;q=0.9, text/markdown":            text,
		"text/*, text/html;q=0":                  text, // html is refused, whatever the range says
		"application/json;version=1;q=0.9":       json,
		"image/png":                              html,
		"application/json;q=NaN":                 html,
		"application/json;q=7":                   html,
		";;,=,q=":                                html,
		"application/json;q=0":                   html,
		`application/json;profile="a, b\"";q=0.9, text/html;q=.8`: json,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		if got := fnhttp.HTTPAccept(r, html, json, text); got != want {
			t.Errorf("%q: %s, want %s", accept, got, want)
		}
	}
}

func TestHTTPAccept_Offers(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Add("Accept", "text/plain;q=0.3") // two headers are one list
	r.Header.Add("Accept", "application/json;q=0.4")
	if got := fnhttp.HTTPAccept(r, "text/plain", "application/json"); got != "application/json" {
		t.Error(got)
	}
	if got := fnhttp.HTTPAccept(r); got != "" {
		t.Errorf("without offers: %q", got)
	}
}

// Any header gives one of the offers, two headers are one list, and a type that
// is asked for alone at the end wins over what is less wanted.
func FuzzHTTPAccept(f *testing.F) {
	offers := []string{"application/json", "application/x-ndjson", "text/csv"}
	for _, accept := range []string{
		"", "*/*", "text/csv;q=0.5, application/*;q=0.1", "application/json;profile=\"a,b\";q=0", "text/*, text/html;q=0", ";;,=,q=", "a/b;x=\"", "text/csv;q=0;\\",
	} {
		f.Add(accept, uint8(1), uint8(90))
	}
	f.Fuzz(func(t *testing.T, accept string, at, weight uint8) {
		ask := func(headers ...string) string {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header["Accept"] = headers
			return fnhttp.HTTPAccept(r, offers...)
		}
		got := ask(accept)
		if !slices.Contains(offers, got) {
			t.Fatalf("%q: %q was not offered", accept, got)
		}
		offer := offers[int(at)%len(offers)]
		q := float64(weight%101) / 100
		// In front of the header nothing is open, such as quotes.
		asked := fmt.Sprintf("%s;q=%.2f", offer, q)
		if joined, apart := ask(asked+","+accept), ask(asked, accept); joined != apart {
			t.Fatalf("%q: %q as one header, %q as two", accept, joined, apart)
		}
		if q == 1 && !strings.ContainsAny(accept, "ac*") && ask(asked, accept) != offer { // nothing else is named
			t.Fatalf("%q in front of %q: %q", asked, accept, ask(asked, accept))
		}
		// Parameters of other names, also with commas in them, change nothing.
		with := fmt.Sprintf("%s;profile=\"a, b\\\"\";q=%.2f", offer, q)
		if plain, odd := ask(asked), ask(with); plain != odd {
			t.Fatalf("%q: %q, and without the parameter %q", with, odd, plain)
		}
	})
}

package http_test

import (
	"net/http/httptest"
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

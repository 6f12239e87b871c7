package page

import (
	"context"
	"html"
	"strings"
)

// PageWriter collects the HTML of a component, see [PageHTML]. All that it
// writes is escaped, but for what is given to Raw.
//
// More in page_writer.md:
//   - An attribute with an empty value is left out: write "checked?" with any
//     value for one that has none in HTML.
//   - href and action lead nowhere (about:invalid) unless they are relative or
//     of http, https or mailto.
type PageWriter struct {
	ctx  context.Context
	text strings.Builder
	err  error // the first one of a component within
}

// Open begins an element. Attributes are pairs of a name and a value. One with
// an empty value is left out; one whose name ends with ? has no value in HTML,
// and is there if the value given is not empty. An address (href, action) that
// is not relative or of http, https or mailto leads nowhere instead.
func (w *PageWriter) Open(tag string, attributes ...string) {
	w.text.WriteString("<" + tag)
	for i := 0; i+1 < len(attributes); i += 2 {
		name, value := attributes[i], attributes[i+1]
		if value == "" {
			continue
		}
		if flag, ok := strings.CutSuffix(name, "?"); ok {
			w.text.WriteString(" " + flag)
			continue
		}
		if name == "href" || name == "action" {
			value = safeURL(value)
		}
		w.text.WriteString(" " + name + `="` + html.EscapeString(value) + `"`)
	}
	w.text.WriteString(">")
}

// Close ends the elements, in the order given.
func (w *PageWriter) Close(tags ...string) {
	for _, tag := range tags {
		w.text.WriteString("</" + tag + ">")
	}
}

// Text adds text.
func (w *PageWriter) Text(text string) { w.text.WriteString(html.EscapeString(text)) }

// Element adds an element that holds nothing but text.
func (w *PageWriter) Element(tag, text string, attributes ...string) {
	w.Open(tag, attributes...)
	w.Text(text)
	w.Close(tag)
}

// Add adds a component; nil adds nothing. Its error becomes that of the
// component that is being written.
func (w *PageWriter) Add(c PageComponent) {
	if c == nil {
		return
	}
	if err := c.Render(w.ctx, &w.text); err != nil && w.err == nil {
		w.err = err
	}
}

// Raw adds HTML as it is: what a renderer made that is trusted to escape.
func (w *PageWriter) Raw(trusted string) { w.text.WriteString(trusted) }

// safeURL is the address, or one that leads nowhere in place of one that a
// browser would run.
func safeURL(address string) string {
	scheme, _, ok := strings.Cut(address, ":")
	if !ok || strings.ContainsAny(scheme, "/?#") {
		return address // relative
	}
	switch strings.ToLower(scheme) {
	case "http", "https", "mailto":
		return address
	}
	return "about:invalid"
}

// on is a value for an attribute that is there or not.
func on(yes bool, value string) string {
	if yes {
		return value
	}
	return ""
}

package page

import (
	"context"
	"html"
	"strings"
	"unicode"
)

// PageWriter collects the HTML of a component, see [PageHTML]. All that it
// writes is escaped, but for what is given to Raw.
//
// More in page_writer.md:
//   - An attribute with an empty value is left out: write "checked?" with any
//     value for one that has none in HTML.
//   - Addresses (href, action, formaction, src and the like) lead nowhere
//     (about:invalid) unless they are relative or of http, https or mailto.
type PageWriter struct {
	ctx  context.Context
	text strings.Builder
	err  error // the first one of a component within
}

// Open begins an element. Attributes are pairs of a name and a value. One with
// an empty value is left out; one whose name ends with ? has no value in HTML,
// and is there if the value given is not empty. An address (href, src, ...)
// that is not relative or of http, https or mailto leads nowhere instead, and
// so does a srcset with one among its images.
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
		value = safeAttribute(name, value)
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

// safeAttribute is the value of an attribute, where it is an address a safe
// one.
func safeAttribute(name, value string) string {
	switch strings.ToLower(name) {
	case "href", "xlink:href", "action", "formaction", "src", "poster", "data", "cite", "background", "manifest", "longdesc":
		return safeURL(value)
	case "ping":
		return allSafe(value, strings.Fields(value))
	case "srcset", "imagesrcset":
		return allSafe(value, strings.FieldsFunc(value, func(c rune) bool { return c == ',' || unicode.IsSpace(c) }))
	}
	return value
}

// allSafe is the value, or an address that leads nowhere where one of its words
// would be replaced by one.
func allSafe(value string, words []string) string {
	for _, word := range words {
		if safeURL(word) != word {
			return "about:invalid"
		}
	}
	return value
}

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

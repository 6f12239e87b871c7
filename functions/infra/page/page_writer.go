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
//   - An attribute with an empty value is omitted: for a boolean attribute
//     write "checked?" with any value.
//   - URLs (href, action, formaction, src and the like) are replaced by
//     about:invalid unless they are relative or use http, https or mailto.
type PageWriter struct {
	ctx  context.Context
	text strings.Builder
	err  error // of the first component that failed
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

// safeAttribute returns the value of an attribute, made safe if the attribute
// is a URL.
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

// allSafe returns the value, or a URL that leads nowhere if any of its words is
// unsafe.
func allSafe(value string, words []string) string {
	for _, word := range words {
		if safeURL(word) != word {
			return "about:invalid"
		}
	}
	return value
}

// safeURL returns the URL, or one that leads nowhere if a browser would run it.
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

// on returns a value for a boolean attribute.
func on(yes bool, value string) string {
	if yes {
		return value
	}
	return ""
}

// Package markdown renders the bodies of specs for web pages: CommonMark, with
// tables, strikethrough and bare links of GitHub's flavour. Nothing that a
// browser would execute gets into the page: tags are shown as text, comments
// are dropped, and links are limited to known schemes.
package markdown

import (
	"strings"
	"unicode/utf8"
)

// maxRendered is the longest text that is rendered, in bytes: about 50 times a
// usual spec's body.
const maxRendered = 256 << 10

// HTML renders Markdown. A text beyond 256 KiB is shown as it is written.
func HTML(text string) string {
	if len(text) > maxRendered {
		return "<pre>" + escapeText(text) + "</pre>\n"
	}
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	text = strings.ReplaceAll(text, "\x00", "\uFFFD")
	p := parse(text)
	w := &writer{refs: p.refs}
	w.children(p.doc, false)
	return w.String()
}

// Package markdown renders the bodies of specs for web pages.
package markdown

import (
	"bytes"
	"html"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// maxRendered is the longest text that is rendered, in bytes: some 50 times the
// body of a usual spec.
const maxRendered = 256 << 10

// renderer leaves raw HTML out and drops the target of links that a browser
// would run (javascript:, vbscript:, file:, data:), as goldmark does unless
// told otherwise.
var renderer = goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.Linkify))

// HTML renders Markdown, without raw HTML and dangerous links. A text beyond
// 256 KiB is shown as it is written.
func HTML(text string) string {
	var out bytes.Buffer
	if len(text) <= maxRendered && renderer.Convert([]byte(text), &out) == nil {
		return out.String()
	}
	return "<pre>" + html.EscapeString(text) + "</pre>\n"
}

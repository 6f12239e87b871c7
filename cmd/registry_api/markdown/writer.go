package markdown

import (
	"strconv"
	"strings"
)

// writer writes blocks as HTML.
type writer struct {
	strings.Builder
	refs *references
}

func (w *writer) write(parts ...string) {
	for _, s := range parts {
		w.WriteString(s)
	}
}

// newline begins a line, unless one has just begun.
func (w *writer) newline() {
	if s := w.String(); s != "" && !strings.HasSuffix(s, "\n") {
		w.WriteByte('\n')
	}
}

// children writes a block's contents. Paragraphs of a tight list are bare text.
func (w *writer) children(b *block, tight bool) {
	for _, c := range b.children {
		w.block(c, tight)
	}
}

func (w *writer) block(b *block, tight bool) {
	switch b.kind {
	case quote:
		w.newline()
		w.write("<blockquote>\n")
		w.children(b, false)
		w.newline()
		w.write("</blockquote>\n")
	case list:
		w.list(b)
	case paragraph:
		text := inline(b.text.String(), w.refs)
		if tight {
			w.write(text)
			if b.parent.last() != b {
				w.newline()
			}
			return
		}
		w.newline()
		w.write("<p>", text, "</p>\n")
	case heading:
		level := strconv.Itoa(b.level)
		w.newline()
		w.write("<h", level, ">", inline(b.text.String(), w.refs), "</h", level, ">\n")
	case code:
		w.newline()
		w.write("<pre><code")
		if language, _, _ := strings.Cut(strings.ReplaceAll(b.info, "\t", " "), " "); language != "" {
			w.write(` class="language-`, escapeText(language), `"`)
		}
		w.write(">", escapeText(b.text.String()), "</code></pre>\n")
	case rule:
		w.newline()
		w.write("<hr>\n")
	case table:
		w.newline()
		w.table(b)
	}
}

func (w *writer) list(l *block) {
	tag := "ul"
	w.newline()
	if l.marker == '.' || l.marker == ')' {
		tag = "ol"
		w.write("<ol")
		if l.start != 1 {
			w.write(` start="`, strconv.Itoa(l.start), `"`)
		}
		w.write(">\n")
	} else {
		w.write("<ul>\n")
	}
	for _, i := range l.children {
		w.write("<li>")
		if first := i.children; len(first) > 0 && (!l.tight || first[0].kind != paragraph) {
			w.newline()
		}
		w.children(i, l.tight)
		w.write("</li>\n")
	}
	w.write("</", tag, ">\n")
}

func (w *writer) table(t *block) {
	w.write("<table>\n<thead>\n")
	w.row(t, t.rows[0], "th")
	w.write("</thead>\n")
	if len(t.rows) > 1 {
		w.write("<tbody>\n")
		for _, row := range t.rows[1:] {
			w.row(t, row, "td")
		}
		w.write("</tbody>\n")
	}
	w.write("</table>\n")
}

func (w *writer) row(t *block, cells []string, tag string) {
	w.write("<tr>\n")
	for i, cell := range cells {
		w.write("<", tag)
		if t.aligns[i] != "" {
			w.write(` align="`, t.aligns[i], `"`)
		}
		w.write(">", inline(cell, w.refs), "</", tag, ">\n")
	}
	w.write("</tr>\n")
}

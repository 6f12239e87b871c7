package page

import (
	"html"
	"strconv"
	"strings"
)

// PageCodeConfig is a text of code and how it is shown.
type PageCodeConfig struct {
	Text     string
	Language string // go, json, yaml, sql, sh, python or javascript; any other is not coloured
	Name     string // what it is, for screen readers; empty: Code
	Numbers  bool   // number the lines; line 12 has the anchor #L12
	// Link returns where an identifier leads, "" for nowhere. It is asked for
	// each one outside of strings and comments, qualified as it is written:
	// core.Error, or Error. nil: no links.
	Link func(identifier string) string
}

// PageCode is code with colours, line numbers to link to, links from
// identifiers, and a button that copies the text. Characters that turn the
// direction of text are shown by their numbers, so that no code looks other
// than it is.
//
// More in page_code.md:
//   - The colours come from words and quotes, not from a parser: a regular
//     expression in JavaScript, or a multi-line string in Python, may be
//     coloured wrongly.
//   - A page can have only one code block with Numbers: the lines' anchors
//     would clash.
func PageCode(cfg PageCodeConfig) PageComponent {
	return PageHTML(cfg.write)
}

func (c PageCodeConfig) write(w *PageWriter) {
	name := c.Name
	if name == "" {
		name = "Code"
	}
	w.Open("div", "class", "code")
	w.Open("pre", "tabindex", "0", "role", "region", "aria-label", name)
	w.Open("code")
	line := 1
	c.begin(w, line)
	for _, t := range tokens(c.Text, languages[c.Language]) {
		for rest, more := t.text, true; more; {
			var part string
			part, rest, more = strings.Cut(rest, "\n")
			c.token(w, token{t.class, part})
			if more {
				line++
				w.Raw("\n</span>")
				c.begin(w, line)
			}
		}
	}
	w.Raw(`</span></code></pre><button class="copy" type="button">Copy</button></div>`)
}

// begin opens a line.
func (c PageCodeConfig) begin(w *PageWriter, line int) {
	if !c.Numbers {
		w.Raw(`<span class="row">`)
		return
	}
	n := strconv.Itoa(line)
	w.Raw(`<span class="row" id="L` + n + `"><a class="n" href="#L` + n + `" data-n="` + n + `" aria-label="Line ` + n + `"></a>`)
}

func (c PageCodeConfig) token(w *PageWriter, t token) {
	if t.text == "" {
		return
	}
	text := visible(t.text)
	if (t.class == identifier || t.class == 't') && c.Link != nil {
		if to := c.Link(t.text); to != "" {
			w.Raw(`<a href="` + html.EscapeString(safeURL(to)) + `">` + text + `</a>`)
			return
		}
	}
	if t.class == plain || t.class == identifier {
		w.Raw(text)
		return
	}
	w.Raw(`<span class="` + string(t.class) + `">` + text + `</span>`)
}

// visible escapes a text, and marks characters that are invisible or change its
// direction.
func visible(text string) string {
	text = html.EscapeString(text)
	if strings.IndexFunc(text, turns) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if turns(r) {
			b.WriteString(`<mark>U+` + strings.ToUpper(strconv.FormatInt(int64(r), 16)) + `</mark>`)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// turns reports whether r is one of Unicode's invisible characters that change
// the direction of text.
func turns(r rune) bool {
	return r == 0x61c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

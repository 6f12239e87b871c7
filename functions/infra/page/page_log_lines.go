package page

import (
	"strconv"
	"strings"
)

// PageLogLines is lines of a log as [PageLog] shows them: what a server sends
// to a pane whose stream it is. Colours end with the line that sets them.
//
// More in page_log_lines.md:
//   - Each line is an element: send several in one event if many arrive at
//     once.
//   - Of 256 colours only the first 16 are shown, and no true colours.
func PageLogLines(lines []string) PageComponent {
	return PageHTML(func(w *PageWriter) { w.logLines(lines) })
}

func (w *PageWriter) logLines(lines []string) {
	for _, line := range lines {
		w.Open("span", "class", "row")
		w.logLine(line)
		w.Close("span")
	}
}

// logLine writes a line with its colours. Other escape sequences and control
// characters are removed.
func (w *PageWriter) logLine(line string) {
	var style ansi
	for line != "" {
		text, rest, escaped := strings.Cut(line, "\x1b")
		if text = strings.Map(printable, text); text != "" {
			if class := style.class(); class != "" {
				w.Element("span", text, "class", class)
			} else {
				w.Text(text)
			}
		}
		if !escaped {
			return
		}
		line = style.take(rest)
	}
}

// printable drops control characters and those that change the text direction.
func printable(r rune) rune {
	if r < ' ' && r != '\t' || r == 0x7f || turns(r) {
		return -1
	}
	return r
}

// take parses the escape sequence after an ESC, and returns the rest.
func (a *ansi) take(s string) string {
	switch {
	case strings.HasPrefix(s, "["): // CSI: parameters, then a letter
		end := strings.IndexFunc(s[1:], func(r rune) bool { return r >= '@' && r <= '~' }) + 1
		if end == 0 {
			return ""
		}
		if s[end] == 'm' {
			a.set(strings.Split(s[1:end], ";"))
		}
		return s[end+1:]
	case strings.HasPrefix(s, "]"): // OSC, such as a title or a link: up to BEL or ESC \
		end := strings.IndexAny(s, "\a\x1b")
		if end < 0 {
			return ""
		}
		return strings.TrimPrefix(strings.TrimPrefix(s[end:], "\a"), "\x1b\\")
	case s == "":
		return ""
	}
	return s[1:]
}

// set applies the numbers of an SGR sequence. Of 256 colours the page has the
// first 16; the others are ignored.
func (a *ansi) set(codes []string) {
	for i := 0; i < len(codes); i++ {
		n, err := strconv.Atoi(codes[i])
		if err != nil && codes[i] != "" {
			continue
		}
		switch {
		case n == 0:
			*a = ansi{}
		case n == 1:
			a.bold = true
		case n == 2:
			a.faint = true
		case n == 3:
			a.italic = true
		case n == 4:
			a.underline = true
		case n == 22:
			a.bold, a.faint = false, false
		case n == 23:
			a.italic = false
		case n == 24:
			a.underline = false
		case n >= 30 && n <= 37:
			a.colour = n - 29
		case n >= 90 && n <= 97:
			a.colour = n - 89
		case n == 39:
			a.colour = 0
		case n == 38 || n == 48: // 38;5;N or 38;2;R;G;B, and the same for the background
			skip := 2
			if i+1 < len(codes) && codes[i+1] == "2" {
				skip = 4
			} else if c, err := strconv.Atoi(codes[min(i+2, len(codes)-1)]); err == nil && n == 38 {
				a.colour = 0
				if c < 16 {
					a.colour = c%8 + 1
				}
			}
			i += skip
		}
	}
}

package web

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/spec"
)

func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[size:]
	if strings.HasSuffix(s, "?") { // did you mean ...?
		return s
	}
	return s + "."
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}

// weight reports what a unit adds to a program, or what a program weighs.
func weight(kind string, bytes int64) string {
	text := strconv.FormatFloat(float64(bytes)/1e6, 'f', 2, 64) + " MB"
	if kind == spec.KindApp {
		return text
	}
	return text + " more in a small server"
}

func place(file string, line int) string {
	if line == 0 {
		return file
	}
	return file + ":" + strconv.Itoa(line)
}

// unitID matches possible unit IDs.
var unitID = regexp.MustCompile(`[a-z][a-z0-9_]*_go_[a-z][a-z0-9]*`)

// linkIDs links the unit IDs in the text of a rendered body, except those in
// links and in blocks of code.
func linkIDs(html string, exists func(string) bool) string {
	var b strings.Builder
	for outside := 0; html != ""; {
		tag := strings.IndexByte(html, '<')
		if tag < 0 {
			tag = len(html)
		}
		text := html[:tag]
		if outside == 0 {
			text = unitID.ReplaceAllStringFunc(text, func(id string) string {
				if !exists(id) {
					return id
				}
				return `<a href="/units/` + id + `">` + id + `</a>`
			})
		}
		b.WriteString(text)
		html = html[tag:]
		end := strings.IndexByte(html, '>') + 1
		if end == 0 {
			end = len(html)
		}
		switch name := html[:end]; {
		case strings.HasPrefix(name, "<a ") || strings.HasPrefix(name, "<pre"):
			outside++
		case name == "</a>" || name == "</pre>":
			outside--
		}
		b.WriteString(html[:end])
		html = html[end:]
	}
	return b.String()
}

// title returns a section's heading in the page's own words, whatever the
// spec's heading is.
func title(s registry.Section) string {
	switch s.Kind {
	case spec.SectionExample:
		return "Example"
	case spec.SectionWhenToUse:
		return "When to use"
	case spec.SectionGotchas:
		return "Gotchas"
	}
	return s.Heading
}

// shown omits what the page shows elsewhere, such as a first heading without
// text.
func shown(sections []registry.Section) []registry.Section {
	var all []registry.Section
	for _, s := range sections {
		if strings.TrimSpace(s.Markdown) != "" {
			all = append(all, s)
		}
	}
	return all
}

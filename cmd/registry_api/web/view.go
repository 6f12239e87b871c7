package web

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/spec"
)

// piece is a part of a text that is marked as found, or is not.
type piece struct {
	text   string
	marked bool
}

// marked splits a text at what the query found in it.
func (v resultsView) marked(text string) []piece {
	var pieces []piece
	last := 0
	for _, s := range v.page.Spans(text) {
		if s.Start > last {
			pieces = append(pieces, piece{text[last:s.Start], false})
		}
		pieces = append(pieces, piece{text[s.Start:s.End], true})
		last = s.End
	}
	if last < len(text) {
		pieces = append(pieces, piece{text[last:], false})
	}
	return pieces
}

func cloneForm(form url.Values) url.Values {
	clone := url.Values{}
	for name, values := range form {
		if name != "cursor" {
			clone[name] = append([]string(nil), values...)
		}
	}
	return clone
}

// facet is one choice of a filter.
type facet struct {
	name     string
	count    int
	selected bool
}

// facets lists the choices of a filter with how many units each has.
func (v resultsView) facets(param string, counts []registry.Count, most int) []facet {
	chosen := v.request.form[param]
	var all []facet
	for i, c := range counts {
		selected := false
		for _, name := range chosen {
			selected = selected || name == c.Name
		}
		if i < most || selected {
			all = append(all, facet{c.Name, c.Count, selected})
		}
	}
	return all
}

// toggled is the address of the same search with a tag put in or taken out.
func (v resultsView) toggled(param, value string, selected bool) string {
	form := cloneForm(v.request.form)
	if selected {
		var rest []string
		for _, s := range form[param] {
			if s != value {
				rest = append(rest, s)
			}
		}
		form[param] = rest
	} else {
		form.Add(param, value)
	}
	return "/?" + form.Encode()
}

func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:] + "."
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}

func itoa(n int) string { return strconv.Itoa(n) }

// weight says what a unit adds to a program, or what a program weighs.
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
	return file + ":" + itoa(line)
}

// unitID matches what may be a unit's ID.
var unitID = regexp.MustCompile(`[a-z][a-z0-9_]*_go_[a-z][a-z0-9]*`)

// linkIDs makes links of the IDs that the text of a rendered body names, but for those in links and in blocks of code.
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

// title is a section's heading in the page's own words, whatever the spec calls it.
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

// shown leaves out what the page tells elsewhere: a first heading with nothing behind it.
func shown(sections []registry.Section) []registry.Section {
	var all []registry.Section
	for _, s := range sections {
		if strings.TrimSpace(s.Markdown) != "" {
			all = append(all, s)
		}
	}
	return all
}

package page

// PageTags is a group of links as small words, as for filters above a list.
// Name says what they choose, for screen readers; those whose Current is set
// are marked. On a narrow screen they stay on one line, which scrolls.
//
// More in page_tags.md:
//   - On a narrow screen they stay on one line, which scrolls: put the most
//     important first.
func PageTags(name string, links []PageLink) PageComponent {
	return PageHTML(func(w *PageWriter) {
		w.Open("div", "class", "tags one", "role", "group", "aria-label", name)
		for _, l := range links {
			w.tag(l)
		}
		w.Close("div")
	})
}

func (w *PageWriter) tag(l PageLink) {
	w.Element("a", l.Text, "class", "tag", "href", l.URL, "title", l.Hint, "aria-current", on(l.Current, "true"))
}

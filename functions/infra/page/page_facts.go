package page

// PageFact is one line of [PageFacts].
type PageFact struct {
	Name  string
	Value any // a text, a number, a time.Time, a PageLink, a []PageLink, or a PageComponent
}

// PageFacts is a list of names with their values. It renders nothing for an
// empty list.
//
// More in page_facts.md:
//   - A time is shown in its own location: convert it first.
//   - A value of another type is formatted by fmt.Sprint.
func PageFacts(facts []PageFact) PageComponent {
	return PageHTML(func(w *PageWriter) {
		if len(facts) == 0 {
			return
		}
		w.Open("dl", "class", "facts")
		for _, f := range facts {
			w.Element("dt", f.Name)
			w.Open("dd")
			w.value(f.Value)
			w.Close("dd")
		}
		w.Close("dl")
	})
}

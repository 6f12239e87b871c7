package page

// PageHit is one entry of a list of results.
type PageHit struct {
	Name   any      // the link to it: a PageLink, or a component that begins with an a element
	Badges []string // short words next to the name
	End    string   // at the end of the line, such as how often it is used; may be empty
	Text   any      // its description: a text or a PageComponent
	Code   string   // one line, cut at the edge of the screen; may be empty
	Note   string   // a muted line below, such as why it was found; may be empty
	Tags   []PageLink
}

// PageHits is a list of results. Arrow keys walk through the names.
//
// More in page_hits.md:
//   - Code is cut with an ellipsis at the end of the line; its tooltip shows
//     all of it.
func PageHits(hits []PageHit) PageComponent {
	return PageHTML(func(w *PageWriter) {
		w.Open("ol", "class", "hits")
		for _, hit := range hits {
			w.hit(hit)
		}
		w.Close("ol")
	})
}

func (w *PageWriter) hit(hit PageHit) {
	w.Open("li", "class", "hit")
	w.Open("div", "class", "line")
	w.value(hit.Name)
	for _, badge := range hit.Badges {
		w.Element("span", badge, "class", "badge")
	}
	if hit.End != "" {
		w.Element("span", hit.End, "class", "end")
	}
	w.Close("div")
	w.Open("p")
	w.value(hit.Text)
	w.Close("p")
	if hit.Code != "" {
		w.Element("code", hit.Code, "class", "signature", "title", hit.Code)
	}
	if hit.Note != "" {
		w.Element("span", hit.Note, "class", "note")
	}
	if len(hit.Tags) > 0 {
		w.value(hit.Tags)
	}
	w.Close("li")
}

package page

// PageNoticeConfig says what there is to notice.
type PageNoticeConfig struct {
	Kind  string     // "warning", "error", "good", or "empty" in place of a list without entries; default: "warning"
	Title string     // in bold; empty: none
	Text  string     // what happened
	Hint  string     // what to do about it; may be empty
	Links []PageLink // where to go from here
}

// PageNotice is a block that a reader should notice: a warning, an error, or
// what stands in place of a list without entries. An error is announced by
// screen readers at once.
//
// More in page_notice.md:
//   - An error has the role alert: screen readers announce it at once.
func PageNotice(cfg PageNoticeConfig) PageComponent {
	return PageHTML(func(w *PageWriter) { w.notice(cfg) })
}

func (w *PageWriter) notice(cfg PageNoticeConfig) {
	w.Open("div", "class", "notice "+cfg.Kind, "role", on(cfg.Kind == "error", "alert"))
	if cfg.Title != "" {
		w.Open("p")
		w.Element("strong", cfg.Title)
		w.Close("p")
	}
	if cfg.Text != "" {
		w.Element("p", cfg.Text)
	}
	if cfg.Hint != "" {
		w.Element("p", cfg.Hint, "class", "quiet")
	}
	if len(cfg.Links) > 0 {
		w.Open("ul")
		for _, l := range cfg.Links {
			w.Open("li")
			w.link(l)
			w.Close("li")
		}
		w.Close("ul")
	}
	w.Close("div")
}

package page

// PageTableRows is a [PageTable] without its filter: what changes while
// somebody types.
func PageTableRows(cfg PageTableConfig) PageComponent {
	cfg = cfg.filled()
	return PageHTML(func(w *PageWriter) { w.rows(cfg) })
}

package page

// PageTableRows is a [PageTable] without its filter: what changes while
// somebody types.
//
// More in page_table_rows.md:
//   - Give it the same config as the whole table, or the links in it differ.
func PageTableRows(cfg PageTableConfig) PageComponent {
	cfg = cfg.filled()
	return PageHTML(func(w *PageWriter) { w.rows(cfg) })
}

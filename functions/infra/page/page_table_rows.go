package page

// PageTableRows is a [PageTable] without its filter: what changes while
// somebody types.
//
// More in page_table_rows.md:
//   - Pass the same config as for the whole table, or its links differ.
func PageTableRows(cfg PageTableConfig) PageComponent {
	cfg = cfg.filled()
	return PageHTML(func(w *PageWriter) { w.rows(cfg) })
}

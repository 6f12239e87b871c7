package rowquery

// RowSelect is one column that is asked for.
//
// More in row_select.md:
//   - All may stand next to columns that were already in it: names then come
//     twice.
type RowSelect struct {
	All    bool // *, every column; the rest is zero
	Column RowColumn
	Alias  string // "": the column's own name, or the last key of its path
}

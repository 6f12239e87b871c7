package rowquery

// RowNulls says where NULL comes in an order.
type RowNulls string

// The places of NULL.
const (
	RowNullsDefault RowNulls = ""           // the database's own: SQLite first, PostgreSQL last, for desc the other way round
	RowNullsFirst   RowNulls = "nullsfirst" // before all values
	RowNullsLast    RowNulls = "nullslast"  // after all values
)

// RowOrder is one column to sort by.
//
// More in row_order.md:
//   - RowNullsDefault differs between databases: SQLite sorts NULL before all
//     values, PostgreSQL after them.
type RowOrder struct {
	Column RowColumn
	Desc   bool
	Nulls  RowNulls
}

// String writes the order as [RowOrderParse] reads it.
func (o RowOrder) String() string {
	text := o.Column.String()
	if o.Desc {
		text += ".desc"
	}
	if o.Nulls != RowNullsDefault {
		text += "." + string(o.Nulls)
	}
	return text
}

package rowquery

import (
	"slices"
	"strings"
)

// RowLogic says what a [RowFilter] is.
type RowLogic string

// The kinds of filter.
const (
	RowCompare RowLogic = ""    // one column with a value
	RowAnd     RowLogic = "and" // all of Terms
	RowOr      RowLogic = "or"  // one of Terms
)

// RowOperator compares a column with a value.
type RowOperator string

// The operators. Values are texts: what type they have is for the database to
// say, by the column.
const (
	RowEqual        RowOperator = "eq"
	RowNotEqual     RowOperator = "neq"
	RowGreater      RowOperator = "gt"
	RowGreaterEqual RowOperator = "gte"
	RowLess         RowOperator = "lt"
	RowLessEqual    RowOperator = "lte"
	RowLike         RowOperator = "like"  // * and % are any text, _ is one character, \ makes the next one literal
	RowILike        RowOperator = "ilike" // the same, whatever the case of letters
	RowIn           RowOperator = "in"    // one of Values
	RowIs           RowOperator = "is"    // null, not_null, true or false
	RowMatch        RowOperator = "fts"   // full-text search: each word of the value
)

// RowFilter is a condition on a row: a comparison, or several filters joined by
// and or or.
//
// More in row_filter.md:
//   - A comparison with NULL is never true, as in SQL, also under Not: is.null
//     finds it.
//   - Values are texts: the unit that makes SQL decides their type by the
//     column.
type RowFilter struct {
	Logic    RowLogic
	Not      bool
	Terms    []RowFilter // of and, or
	Column   RowColumn   // of a comparison, as the next ones
	Operator RowOperator
	Value    string
	Values   []string // of in
}

// Columns are the columns that the filter looks at, each name once, in their
// order.
func (f RowFilter) Columns() []string {
	if f.Logic == RowCompare {
		return []string{f.Column.Name}
	}
	var names []string
	for _, term := range f.Terms {
		for _, name := range term.Columns() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// Param writes the filter as a parameter's name and value, as [RowFilterParse]
// reads them.
func (f RowFilter) Param() (name, value string) {
	not := ""
	if f.Not {
		not = "not."
	}
	if f.Logic != RowCompare {
		return not + string(f.Logic), "(" + f.list() + ")"
	}
	if f.Operator == RowIn {
		return f.Column.param(), not + "in." + valueList(f.Values)
	}
	return f.Column.param(), not + string(f.Operator) + "." + f.Value
}

// list writes the terms as they stand between a list's brackets.
func (f RowFilter) list() string {
	terms := make([]string, len(f.Terms))
	for i, term := range f.Terms {
		name, value := term.Param()
		switch {
		case term.Logic != RowCompare:
			terms[i] = name + value
		case term.Operator == RowIn:
			terms[i] = term.Column.String() + "." + value
		default:
			not := ""
			if term.Not {
				not = "not."
			}
			terms[i] = term.Column.String() + "." + not + string(term.Operator) + "." + quoteValue(term.Value)
		}
	}
	return strings.Join(terms, ",")
}

func valueList(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quoteValue(v)
	}
	return "(" + strings.Join(quoted, ",") + ")"
}

// quoteValue puts a value of a list into quotes where it would end early.
func quoteValue(v string) string {
	if v == "" || strings.ContainsAny(v, `,()"\`) || strings.TrimSpace(v) != v {
		return quote(v)
	}
	return v
}

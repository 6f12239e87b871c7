package data

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"time"

	"fnregistry.dev/functions/infra/rowquery"
	"fnregistry.dev/functions/infra/sqlite"
)

// Link is where a foreign key of a row leads.
type Link struct {
	Columns []string // of the row
	Table   string
	Key     string               // of the row that it points to; empty: Filters find it
	Filters []rowquery.RowFilter // on Table
}

// Reference is the rows of a table that point to a row.
type Reference struct {
	Table   string
	Columns []string             // of Table
	Filters []rowquery.RowFilter // on Table
	Rows    sqlite.SQLiteRowCountResult
}

// referenceTime bounds how long the rows that point to one row are counted, all
// together and for each foreign key.
const (
	referenceTimeAll = 200 * time.Millisecond
	referenceTimeOne = 50 * time.Millisecond
)

// Links are where the foreign keys of a row lead. columns are the row's.
func (v *View) Links(ctx context.Context, t sqlite.SQLiteSchemaTable, columns []Column, row Row) ([]Link, error) {
	var links []Link
	for _, k := range t.ForeignKeys {
		values := valuesOf(columns, row, k.Columns)
		if values == nil {
			continue
		}
		tables, err := v.Tables(ctx)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(tables, func(to sqlite.SQLiteSchemaTable) bool { return equalName(to.Name, k.ToTable) })
		if i < 0 {
			continue // it need not exist
		}
		links = append(links, linkTo(tables[i], k, values))
	}
	return links, nil
}

func linkTo(to sqlite.SQLiteSchemaTable, k sqlite.SQLiteSchemaForeignKey, values []any) Link {
	link := Link{Columns: k.Columns, Table: to.Name, Filters: equalTo(k.To, values)}
	if len(to.Key) != len(k.To) || len(to.Key) == 0 {
		return link
	}
	key, texts := make([]any, len(to.Key)), make([]bool, len(to.Key))
	for i, name := range to.Key {
		at := slices.IndexFunc(k.To, func(column string) bool { return equalName(column, name) })
		if at < 0 {
			return link
		}
		key[i], texts[i] = values[at], HoldsTexts(to, name)
	}
	link.Key = rowquery.RowKey(key, texts)
	return link
}

// References are the rows that point to a row, with their number where it is
// soon known.
func (v *View) References(ctx context.Context, t sqlite.SQLiteSchemaTable, columns []Column, row Row) ([]Reference, error) {
	var references []Reference
	until := time.Now().Add(referenceTimeAll)
	for _, k := range t.ReferencedBy {
		values := valuesOf(columns, row, k.To)
		if values == nil {
			continue
		}
		found := Reference{Table: k.Table, Columns: k.Columns, Filters: equalTo(k.Columns, values)}
		if within := min(referenceTimeOne, time.Until(until)); within > 0 {
			var err error
			if found.Rows, err = v.Count(ctx, k.Table, RowsRequest{Filters: found.Filters}, within, false); err != nil {
				return nil, err
			}
		}
		references = append(references, found)
	}
	return references, nil
}

// PointsTo are filters for the row that a foreign key of a row points to; nil:
// it points nowhere, or to what is not known.
func PointsTo(k sqlite.SQLiteSchemaForeignKey, columns []Column, row Row) []rowquery.RowFilter {
	values := valuesOf(columns, row, k.Columns)
	if values == nil || len(k.To) != len(values) {
		return nil
	}
	return equalTo(k.To, values)
}

// Bounds of labels: how long reading them may take, the longest one, and the
// longest value of a foreign key that has one.
const (
	labelTime  = 200 * time.Millisecond
	labelBytes = 200
	labelOf    = 100
)

// Labels say what the foreign keys of some rows point to: the first text of
// that row, by the foreign key's column and its value's [FilterText]. Keys of
// several columns have none. It reads each table that is pointed to once, and
// leaves out what takes too long, or what the caller may not read.
func (v *View) Labels(ctx context.Context, t sqlite.SQLiteSchemaTable, columns []Column, rows []Row) map[string]map[string]string {
	ctx, cancel := context.WithTimeout(ctx, labelTime)
	defer cancel()
	labels := map[string]map[string]string{}
	for _, k := range t.ForeignKeys {
		if len(k.Columns) != 1 || len(k.To) != 1 || labels[k.Columns[0]] != nil {
			continue
		}
		values := map[string]bool{}
		for _, row := range rows {
			if value := valuesOf(columns, row, k.Columns); value != nil {
				if text := FilterText(value[0]); len(text) <= labelOf {
					values[text] = true
				}
			}
		}
		if found := v.labels(ctx, k, slices.Sorted(maps.Keys(values))); found != nil {
			labels[k.Columns[0]] = found
		}
	}
	return labels
}

// labels are those of a foreign key's values; nil: there are none.
func (v *View) labels(ctx context.Context, k sqlite.SQLiteSchemaForeignKey, values []string) map[string]string {
	tables, err := v.Tables(ctx)
	if err != nil || len(values) == 0 {
		return nil
	}
	at := slices.IndexFunc(tables, func(t sqlite.SQLiteSchemaTable) bool { return equalName(t.Name, k.ToTable) })
	if at < 0 {
		return nil // it need not exist
	}
	text := slices.IndexFunc(tables[at].Columns, func(c sqlite.SQLiteSchemaColumn) bool { return c.Affinity == "TEXT" && !equalName(c.Name, k.To[0]) })
	if text < 0 {
		return nil
	}
	to := rowquery.RowColumn{Name: k.To[0]}
	page, err := v.Page(ctx, tables[at].Name, RowsRequest{
		Select:  []rowquery.RowSelect{{Column: to}, {Column: rowquery.RowColumn{Name: tables[at].Columns[text].Name}}},
		Filters: []rowquery.RowFilter{{Column: to, Operator: rowquery.RowIn, Values: values}}, Limit: len(values), Clip: labelBytes,
	})
	if err != nil {
		return nil
	}
	labels := map[string]string{}
	for _, row := range page.Rows {
		if label, ok := row.Values[1].(string); ok {
			labels[FilterText(row.Values[0])] = label
		}
	}
	return labels
}

// valuesOf are a row's values in some columns; nil where one is NULL, or not
// there.
func valuesOf(columns []Column, row Row, names []string) []any {
	values := make([]any, len(names))
	for i, name := range names {
		at := slices.IndexFunc(columns, func(c Column) bool { return equalName(c.Source, name) })
		if at < 0 || row.Values[at] == nil {
			return nil
		}
		if _, clipped := row.Values[at].(Clipped); clipped {
			return nil
		}
		values[i] = row.Values[at]
	}
	return values
}

// equalTo are filters for rows with these values.
func equalTo(columns []string, values []any) []rowquery.RowFilter {
	filters := make([]rowquery.RowFilter, len(columns))
	for i, name := range columns {
		filters[i] = rowquery.RowFilter{
			Column: rowquery.RowColumn{Name: name}, Operator: rowquery.RowEqual, Value: FilterText(values[i]),
		}
	}
	return filters
}

// FilterText is a value as a filter has it.
func FilterText(value any) string {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []byte:
		return `\x` + hex.EncodeToString(v)
	case string:
		return v
	}
	return ""
}

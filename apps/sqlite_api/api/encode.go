package api

import (
	"net/url"
	"slices"
	"strconv"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/infra/rowjson"
	"fnregistry.dev/functions/infra/rowquery"
	"fnregistry.dev/functions/infra/sqlite"
)

// encoder writes a table's rows as JSON.
type encoder struct {
	database string
	base     string // URL of the table's rows; empty: rows have neither keys nor links
	json     rowjson.RowJSON
}

func newEncoder(database, table string) *encoder {
	return &encoder{database: database, base: rowsURL(database, table)}
}

// rowsURL is where the rows of a table are.
func rowsURL(database, table string) string {
	return "/api/v1/" + url.PathEscape(database) + "/tables/" + url.PathEscape(table) + "/rows"
}

// filteredURL is where the rows are that filters keep.
func filteredURL(database, table string, filters []rowquery.RowFilter) string {
	query := url.Values{}
	for _, f := range filters {
		query.Add(f.Param())
	}
	return rowsURL(database, table) + "?" + query.Encode()
}

func (e *encoder) page(page *data.Page, count *sqlite.SQLiteRowCountResult) []byte {
	b := e.columns(append(make([]byte, 0, 4096), `{"columns":`...), page.Columns)
	b = append(b, `,"rows":[`...)
	names := e.names(page.Columns)
	before := len(b)
	for i, row := range page.Rows {
		switch i {
		case 0:
		case 1: // the others are about as long
			b = slices.Grow(b, (len(b)-before)*len(page.Rows)*5/4)
			fallthrough
		default:
			b = append(b, ',', '\n')
		}
		b = e.object(b, names, page.Columns, row)
	}
	b = e.orNull(append(b, `],"next":`...), page.Next)
	b = e.orNull(append(b, `,"prev":`...), page.Prev)
	b = append(b, `,"next_offset":`...)
	if page.NextOffset == 0 {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, int64(page.NextOffset), 10)
	}
	b = append(b, `,"count":`...)
	if count == nil {
		b = append(b, "null"...)
	} else {
		b = appendCount(b, *count)
	}
	return append(b, '}', '\n')
}

func (e *encoder) row(page *data.RowPage, links []data.Link, references []data.Reference) []byte {
	b := e.columns([]byte(`{"columns":`), page.Columns)
	b = e.object(append(b, `,"row":`...), e.names(page.Columns), page.Columns, page.Row)
	b = append(b, `,"links":[`...)
	for i, link := range links {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.texts(append(b, `{"columns":`...), link.Columns)
		b = e.json.AppendString(append(b, `,"table":`...), link.Table)
		href := filteredURL(e.database, link.Table, link.Filters)
		if link.Key != "" {
			href = rowsURL(e.database, link.Table) + "/" + link.Key
		}
		b = append(e.json.AppendString(append(b, `,"href":`...), href), '}')
	}
	b = append(b, `],"referenced_by":[`...)
	for i, from := range references {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.json.AppendString(append(b, `{"table":`...), from.Table)
		b = e.texts(append(b, `,"columns":`...), from.Columns)
		b = e.json.AppendString(append(b, `,"href":`...), filteredURL(e.database, from.Table, from.Filters))
		b = append(appendCount(append(b, `,"rows":`...), from.Rows), '}')
	}
	return append(b, "]}\n"...)
}

func appendCount(b []byte, count sqlite.SQLiteRowCountResult) []byte {
	b = strconv.AppendInt(append(b, `{"rows":`...), count.Rows, 10)
	b = strconv.AppendBool(append(b, `,"exact":`...), count.Exact)
	return append(strconv.AppendBool(append(b, `,"known":`...), count.Known), '}')
}

func (e *encoder) columns(b []byte, columns []data.Column) []byte {
	b = append(b, '[')
	for i, c := range columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.json.AppendString(append(b, `{"name":`...), c.Name)
		b = append(e.json.AppendString(append(b, `,"type":`...), c.Type), '}')
	}
	return append(b, ']')
}

func (e *encoder) texts(b []byte, texts []string) []byte {
	b = append(b, '[')
	for i, text := range texts {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.json.AppendString(b, text)
	}
	return append(b, ']')
}

func (e *encoder) orNull(b []byte, text string) []byte {
	if text == "" {
		return append(b, "null"...)
	}
	return e.json.AppendString(b, text)
}

// names are the columns' names as they stand in front of a value.
func (e *encoder) names(columns []data.Column) [][]byte {
	names := make([][]byte, len(columns))
	for i, c := range columns {
		names[i] = append(e.json.AppendString(nil, c.Name), ':')
	}
	return names
}

// keyName is the member of a row's object with its key in URLs. A column of
// that name wins.
const keyName = "_key"

// object is a row: an object with _key, where it has a key, and its columns.
func (e *encoder) object(b []byte, names [][]byte, columns []data.Column, row data.Row) []byte {
	b = append(b, '{')
	separate := false
	if row.Key != "" && e.base != "" && !has(columns, keyName) {
		b = e.json.AppendString(append(b, `"`+keyName+`":`...), row.Key)
		separate = true
	}
	for i, name := range names {
		if separate {
			b = append(b, ',')
		}
		separate = true
		b = append(b, name...)
		b = appendValue(b, row.Values[i], e.href(columns[i], i, row))
	}
	return append(b, '}')
}

// href is where the bytes of a value are that is not in the JSON itself; empty:
// nowhere, or it is.
func (e *encoder) href(c data.Column, i int, row data.Row) string {
	switch row.Values[i].(type) {
	case []byte, data.Clipped:
		if row.Key != "" && e.base != "" && c.Source != "" {
			return e.base + "/" + row.Key + "/columns/" + url.PathEscape(c.Source)
		}
	}
	return ""
}

func has(columns []data.Column, name string) bool {
	for _, c := range columns {
		if c.Name == name {
			return true
		}
	}
	return false
}

// appendValue appends a value as JSON. href is where its bytes are; empty: they
// are in the JSON, in base64.
func appendValue(b []byte, value any, href string) []byte {
	var j rowjson.RowJSON
	switch v := value.(type) {
	case nil:
		return append(b, "null"...)
	case int64:
		return j.AppendInt(b, v)
	case float64:
		return j.AppendFloat(b, v, 64)
	case string:
		return j.AppendString(b, v)
	case []byte:
		b = strconv.AppendInt(append(b, `{"bytes":`...), int64(len(v)), 10)
		if href != "" {
			return append(j.AppendString(append(b, `,"href":`...), href), '}')
		}
		return append(j.AppendBytes(append(b, `,"base64":`...), v), '}')
	case data.Clipped:
		b = strconv.AppendInt(append(b, `{"bytes":`...), v.Bytes, 10)
		return append(j.AppendString(append(b, `,"href":`...), href), '}')
	}
	panic("a value is no nil, int64, float64, string or []byte")
}

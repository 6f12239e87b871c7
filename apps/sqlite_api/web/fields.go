package web

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/infra/sqlite"
)

// The kinds of values that a field of a row's form can have.
const (
	asDefault = "default" // none: a new row gets the column's default
	asNull    = "null"
	asText    = "text" // stored as the column's affinity says
	asNumber  = "number"
)

// editBytes is the longest text that a form has.
const editBytes = 64 << 10

// entry is what a field has: a kind of value and its text.
type entry struct{ kind, text string }

// isEmpty reports whether there is no value, so that the text doesn't count.
func (e entry) isEmpty() bool { return e.kind == asNull || e.kind == asDefault }

// field is a column in the form of a row.
type field struct {
	column      sqlite.SQLiteSchemaColumn
	fixed       bool // the form can't change it, and shows value
	value       any
	before, now entry
	wrong       string // what is wrong with what somebody entered
}

// newFields are those of a new row.
func newFields(t sqlite.SQLiteSchemaTable) []field {
	var fields []field
	for _, c := range t.Columns {
		if c.Computed != "" || c.Hidden {
			continue
		}
		f := field{column: c, before: entry{kind: asNull}}
		if c.Default != "" || c.NotNull || c.Name == t.RowIDColumn {
			f.before.kind = asDefault
		}
		f.now = f.before
		fields = append(fields, f)
	}
	return fields
}

// rowFields are those of a row. Blobs, computed columns and texts that a
// browser would not send back as they are can't be changed.
func rowFields(t sqlite.SQLiteSchemaTable, found *data.RowPage) []field {
	var fields []field
	for i, shown := range found.Columns {
		for _, c := range t.Columns {
			if c.Name != shown.Source {
				continue
			}
			f := field{column: c, value: found.Row.Values[i]}
			f.before, f.fixed = entryOf(c, f.value)
			f.now = f.before
			fields = append(fields, f)
		}
	}
	return fields
}

// entryOf is a value in a form. fixed is true for one that a form can't change.
func entryOf(c sqlite.SQLiteSchemaColumn, value any) (e entry, fixed bool) {
	e = entry{asText, data.FilterText(value)}
	switch v := value.(type) {
	case nil:
		e.kind = asNull
	case []byte:
		return entry{}, true
	case string:
		fixed = len(v) > editBytes || !utf8.ValidString(v) || strings.ContainsRune(v, 0)
	default:
		if c.Affinity == "BLOB" {
			e.kind = asNumber
		}
	}
	return e, fixed || c.Computed != ""
}

// The names of a column's fields in a form.
func (f *field) kindName() string { return "kind." + f.column.Name }
func (f *field) textName() string { return "text." + f.column.Name }

// read takes what a form has for the field.
func (f *field) read(form url.Values) {
	if !f.fixed && form.Has(f.kindName()) {
		f.now = entry{form.Get(f.kindName()), lines(form.Get(f.textName()))}
	}
}

// lines are a text with the ends of lines that forms are compared by: a browser
// sends CR LF for each of them.
func lines(text string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
}

// change is what the column shall get, and whether it shall get anything: what
// is as it was before is not written. Somebody who writes a text and leaves the
// kind at NULL means the text.
func (f *field) change() (value any, changed bool) {
	kind, typed := f.now.kind, f.now.text != lines(f.before.text)
	if typed && f.now.isEmpty() && kind == f.before.kind {
		kind = asText
	}
	if kind == f.before.kind && !typed {
		return nil, false
	}
	text := f.now.text
	if strings.Contains(f.before.text, "\r\n") {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	switch kind {
	case asText:
		return text, true
	case asNumber:
		text = strings.TrimSpace(text)
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, true
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			f.wrong = "This is no number."
		}
		return n, true
	case asNull, asDefault:
		if typed && text != "" {
			f.wrong = "It has a text, but is to have none: clear the one or choose the other."
		}
		return nil, kind == asNull
	}
	f.wrong = "It has no such kind of value."
	return nil, false
}

// changed are the values that fields give to their columns. ok is false where
// something is wrong with one.
func changed(fields []field) (values map[string]any, ok bool) {
	values, ok = map[string]any{}, true
	for i := range fields {
		f := &fields[i]
		if value, changed := f.change(); changed {
			values[f.column.Name] = value
		}
		ok = ok && f.wrong == ""
	}
	return values, ok
}

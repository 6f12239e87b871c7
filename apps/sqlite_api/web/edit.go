package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/page"
	"fnregistry.dev/functions/infra/sqlite"
)

// canEdit reports whether the caller may change rows of a table in forms.
func canEdit(v *data.View, t sqlite.SQLiteSchemaTable) bool {
	return v.CanWrite(t.Name) && (t.Kind == "table" || t.Kind == "virtual")
}

// editable says why the caller may not.
func editable(v *data.View, t sqlite.SQLiteSchemaTable) error {
	switch {
	case canEdit(v, t):
		return nil
	case v.CanWrite(t.Name):
		return &core.Error{Code: core.CodeInvalid, Message: "a " + t.Kind + " has no rows of its own"}
	}
	return v.ReadOnly()
}

// rowForm is the page of the form of a row.
type rowForm struct {
	v       *data.View
	t       sqlite.SQLiteSchemaTable
	key     string // of the row; empty: a new one
	version string // of the row as the form shows it
	fields  []field
}

// openForm is the form of a row as it is now.
func openForm(r *http.Request, v *data.View, t sqlite.SQLiteSchemaTable) (form *rowForm, err error) {
	err = v.Row(r.Context(), t.Name, r.PathValue("key"), func(found *data.RowPage) error {
		form = &rowForm{v: v, t: t, key: found.Row.Key, version: found.Version, fields: rowFields(t, found)}
		return nil
	})
	return form, err
}

// posted is the change that a form asks for, without its values.
func posted(r *http.Request, t sqlite.SQLiteSchemaTable, verb sqlite.SQLiteRowsWriteVerb) (data.Change, error) {
	c := data.Change{Table: t.Name, Verb: verb}
	if err := readForm(r); err != nil {
		return c, err
	}
	c.Match = r.PostForm.Get("version")
	if !r.PostForm.Has("version") || (c.Match == "") != (verb == sqlite.SQLiteRowsInsert) {
		return c, &core.Error{Code: core.CodeInvalid, Message: "the form lacks the version of its row", Hint: "programs use the API"}
	}
	var err error
	if verb != sqlite.SQLiteRowsInsert {
		c.Key, err = data.ParseKey(t, r.PathValue("key"))
	}
	return c, err
}

// newRow shows the form of a new row.
func newRow(w http.ResponseWriter, r *http.Request, v *data.View, t sqlite.SQLiteSchemaTable) error {
	if err := editable(v, t); err != nil {
		return err
	}
	form := rowForm{v: v, t: t, fields: newFields(t)}
	form.show(w, r, http.StatusOK)
	return nil
}

// insertRow writes a new row.
func insertRow(w http.ResponseWriter, r *http.Request, v *data.View, t sqlite.SQLiteSchemaTable) error {
	c, err := posted(r, t, sqlite.SQLiteRowsInsert)
	if err != nil {
		return err
	}
	form := &rowForm{v: v, t: t, fields: newFields(t)}
	return form.write(w, r, c)
}

// editRow shows the form of a row.
func editRow(w http.ResponseWriter, r *http.Request, v *data.View, t sqlite.SQLiteSchemaTable) error {
	if err := editable(v, t); err != nil {
		return err
	}
	form, err := openForm(r, v, t)
	if err != nil {
		return err
	}
	form.show(w, r, http.StatusOK)
	return nil
}

// updateRow writes what somebody has changed of a row.
func updateRow(w http.ResponseWriter, r *http.Request, v *data.View, t sqlite.SQLiteSchemaTable) error {
	c, err := posted(r, t, sqlite.SQLiteRowsUpdate)
	if err != nil {
		return err
	}
	form, err := openForm(r, v, t)
	if err != nil {
		return err
	}
	return form.write(w, r, c)
}

// deleteRow deletes a row.
func deleteRow(w http.ResponseWriter, r *http.Request, v *data.View, t sqlite.SQLiteSchemaTable) error {
	c, err := posted(r, t, sqlite.SQLiteRowsDelete)
	if err != nil {
		return err
	}
	if _, err := v.Write(r.Context(), []data.Change{c}, false); err != nil {
		form, openErr := openForm(r, v, t)
		if openErr != nil || core.ErrorCode(err) == core.CodeForbidden {
			return err
		}
		return form.refuse(w, r, err)
	}
	http.Redirect(w, r, tableURL(v.Name(), t.Name), http.StatusSeeOther)
	return nil
}

// write writes what somebody has entered, and leads to the row.
func (f *rowForm) write(w http.ResponseWriter, r *http.Request, c data.Change) error {
	for i := range f.fields {
		f.fields[i].read(r.PostForm)
	}
	if c.Match != f.version {
		f.showBoth(w, r)
		return nil
	}
	var ok bool
	if c.Values, ok = changed(f.fields); !ok {
		f.show(w, r, http.StatusBadRequest, page.PageNotice(page.PageNoticeConfig{Kind: "error", Text: "Nothing was written: see the fields that are marked."}))
		return nil
	}
	to := rowURL(f.v.Name(), f.t.Name, f.key)
	if len(c.Values) > 0 || f.key == "" {
		results, err := f.v.Write(r.Context(), []data.Change{c}, false)
		if err != nil {
			return f.refused(w, r, err)
		}
		if to = rowURL(f.v.Name(), f.t.Name, results[0].Key); results[0].Key == "" {
			to = tableURL(f.v.Name(), f.t.Name)
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// refused shows the form with what was entered, and why that was not written.
func (f *rowForm) refused(w http.ResponseWriter, r *http.Request, err error) error {
	failed, _ := errors.AsType[*data.WriteError](err)
	if failed == nil || !failed.Changed {
		return f.refuse(w, r, err)
	}
	now, err := openForm(r, f.v, f.t) // somebody was quicker by a moment
	if err != nil {
		return err
	}
	for i := range now.fields {
		now.fields[i].read(r.PostForm)
	}
	now.showBoth(w, r)
	return nil
}

// refuse shows the form with an error, also beside the fields that it names.
func (f *rowForm) refuse(w http.ResponseWriter, r *http.Request, err error) error {
	status := core.ErrorHTTPStatus(err)
	if failed, ok := errors.AsType[*data.WriteError](err); ok && failed.Changed {
		status = http.StatusPreconditionFailed
	} else if code := core.ErrorCode(err); code == core.CodeForbidden || code == core.CodeInternal {
		return err
	}
	for i := range f.fields {
		if names(data.Message(err), f.t.Name+"."+f.fields[i].column.Name) {
			f.fields[i].wrong = errorText(err)
		}
	}
	f.show(w, r, status, problem(err))
	return nil
}

// names reports whether the text of an error names a column, as in: UNIQUE
// constraint failed: album.id, album.title.
func names(text, column string) bool {
	for {
		_, rest, found := strings.Cut(text, column)
		if !found || rest == "" || strings.ContainsRune(", ():", rune(rest[0])) {
			return found
		}
		text = rest
	}
}

// showBoth shows a row that has changed since the form was opened, next to what
// somebody entered.
func (f *rowForm) showBoth(w http.ResponseWriter, r *http.Request) {
	table := page.PageTableConfig{
		ID: "both", Name: "what differs", Columns: []page.PageTableColumn{{Name: "column"}, {Name: "now"}, {Name: "yours"}},
		Empty: page.PageNoticeConfig{Title: "It has what you entered."},
	}
	for i := range f.fields {
		one := &f.fields[i]
		if now := lines(one.before.text); !one.fixed && (one.before.kind != one.now.kind || now != one.now.text) {
			table.Rows = append(table.Rows, []any{visible(one.column.Name), one.before.shown(), one.now.shown()})
		}
	}
	f.show(w, r, http.StatusPreconditionFailed, page.PageNotice(page.PageNoticeConfig{
		Kind: "error", Title: "The row has changed since you opened it", Text: "Nothing was written. Save again to write your values over what it is now.",
		Links: []page.PageLink{{Text: "Edit it as it is now", URL: rowURL(f.v.Name(), f.t.Name, f.key) + "/edit"}},
	}), page.PageTable(table))
}

// shown is an entry as a person reads it.
func (e entry) shown() any {
	if e.isEmpty() {
		return shown(nil, "")
	}
	return whole(e.text, "")
}

// show answers with the page; parts are above the form.
func (f *rowForm) show(w http.ResponseWriter, r *http.Request, status int, parts ...page.PageComponent) {
	rows, title := tableURL(f.v.Name(), f.t.Name), "New row of "+visible(f.t.Name)
	parts = append(parts, page.PageHTML(f.html))
	back := page.PageLink{Text: "all rows of " + visible(f.t.Name), URL: rows}
	if f.key != "" {
		title = "Edit " + visible(f.t.Name) + " " + visible(f.key)
		back = page.PageLink{Text: "back to the row", URL: rowURL(f.v.Name(), f.t.Name, f.key)}
		parts = append(parts, behind("Delete this row", page.PageForm(page.PageFormConfig{
			ID: "delete", Action: back.URL + "/delete", Post: true, Submit: "Delete it", Fields: []page.PageFormField{{Name: "version", Type: "hidden", Value: f.version}},
		})))
	}
	show(w, r, status, f.v, title, append(parts, quietLinks(back))...)
}

func (f *rowForm) html(w *page.PageWriter) {
	action := tableURL(f.v.Name(), f.t.Name) + "/new"
	if f.key != "" {
		action = rowURL(f.v.Name(), f.t.Name, f.key) + "/edit"
	}
	w.Open("form", "id", "row", "class", "form values", "method", "post", "action", action)
	w.Open("input", "type", "hidden", "name", "version", "value", f.version)
	for i := range f.fields {
		f.fields[i].html(w, "row-"+strconv.Itoa(i), f)
	}
	w.Element("button", "Save")
	w.Close("form")
}

func (f *field) html(w *page.PageWriter, id string, form *rowForm) {
	about := strings.TrimSpace(visible(f.column.Type) + " " + traits(f.column))
	name := visible(f.column.Name)
	w.Open("div", "class", "field")
	if f.fixed {
		why := " stays as it is"
		if f.column.Computed != "" {
			why = " computed"
		}
		w.Element("div", name, "class", "label")
		addValueTo(w, shown(f.value, apiURL(form.v.Name(), form.t.Name)+"/"+form.key+"/columns/"+url.PathEscape(f.column.Name)), "")
		w.Element("span", why, "class", "quiet")
		w.Close("div")
		return
	}
	w.Open("label", "for", id)
	w.Text(name + " ")
	w.Element("small", about, "class", "quiet")
	w.Close("label")
	wrong, invalid := "", ""
	if f.wrong != "" {
		wrong, invalid = id+"-wrong", "true"
	}
	w.Open("div", "class", "line")
	if f.column.Affinity == "TEXT" || f.column.Affinity == "BLOB" || strings.Contains(f.now.text, "\n") {
		w.Open("textarea", "id", id, "name", f.textName(), "rows", "1", "aria-describedby", wrong, "aria-invalid", invalid)
		w.Text("\n" + f.now.text) // HTML drops a line break right after the tag
		w.Close("textarea")
	} else {
		w.Open("input", "id", id, "name", f.textName(), "value", f.now.text, "aria-describedby", wrong, "aria-invalid", invalid)
	}
	w.Open("select", "name", f.kindName(), "aria-label", "kind of "+name)
	for _, kind := range f.kinds() {
		option(w, kind.Value, kind.Label, kind.Value == f.now.kind)
	}
	w.Close("select", "div")
	if wrong != "" {
		w.Element("p", f.wrong, "class", "wrong", "id", wrong)
	}
	w.Close("div")
}

// kinds are those that somebody can choose.
func (f *field) kinds() []page.PageFormOption {
	var kinds []page.PageFormOption
	if f.before.kind == asDefault {
		kinds = append(kinds, page.PageFormOption{Value: asDefault, Label: "default"})
	}
	if f.column.Affinity == "BLOB" {
		kinds = append(kinds, page.PageFormOption{Value: asText, Label: "text"}, page.PageFormOption{Value: asNumber, Label: "number"})
	} else {
		kinds = append(kinds, page.PageFormOption{Value: asText, Label: "value"})
	}
	if !f.column.NotNull || f.before.kind == asNull {
		kinds = append(kinds, page.PageFormOption{Value: asNull, Label: "NULL"})
	}
	return kinds
}

package web

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/infra/page"
	"fnregistry.dev/functions/infra/sqlite"
)

// databases lists the databases.
func (p *Pages) databases(w http.ResponseWriter, r *http.Request) {
	table := page.PageTableConfig{Name: "databases", Path: "/", Columns: []page.PageTableColumn{{Name: "name"}, {Name: "size", Number: true}, {Name: "writing"}}}
	access := data.AccessFrom(r.Context())
	for _, v := range p.set.Views(access) {
		size, writing := "missing", page.PageLink{Text: "no"}
		if info, err := os.Stat(v.Path()); err == nil {
			size = fmt.Sprintf("%.1f MB", float64(info.Size())/1e6)
		}
		switch {
		case v.Writable() && !access.ReadOnly:
			writing.Text = "yes"
		case v.Writable() && p.login:
			writing = page.PageLink{Text: "after logging in", URL: "/login"}
		}
		table.Rows = append(table.Rows, []any{page.PageLink{Text: v.Name(), URL: databaseURL(v.Name())}, size, writing})
	}
	var leave page.PageComponent
	if p.login && !access.ReadOnly {
		leave = page.PageForm(page.PageFormConfig{ID: "logout", Action: "/logout", Post: true, Submit: "Log out"})
	}
	show(w, r, http.StatusOK, nil, "Databases", page.PageTable(table), leave, quietLinks(page.PageLink{Text: "The API's description", URL: "/openapi.json"}))
}

// How long the tables of a list are counted, all together and each.
const (
	countTimeAll = 200 * time.Millisecond
	countTimeOne = 50 * time.Millisecond
)

// database lists the tables of a database.
func database(w http.ResponseWriter, r *http.Request, v *data.View) error {
	tables, err := v.Tables(r.Context())
	if err != nil {
		return err
	}
	list := page.PageTableConfig{
		ID: "tables", Name: "tables and views", Path: r.URL.Path,
		Columns: []page.PageTableColumn{{Name: "name"}, {Name: "kind"}, {Name: "rows", Number: true}, {Name: "columns"}},
		Empty:   page.PageNoticeConfig{Title: "The database has no tables"},
	}
	own := page.PageTableConfig{ID: "shadow", Name: "tables that virtual tables store their rows in", Path: r.URL.Path, Columns: list.Columns}
	until := time.Now().Add(countTimeAll)
	for _, t := range tables {
		row := []any{page.PageLink{Text: visible(t.Name), URL: tableURL(v.Name(), t.Name)}, kindText(t), rowsText(r.Context(), v, t, until), columnsText(t)}
		if t.Kind == "shadow" {
			own.Rows = append(own.Rows, row)
			continue
		}
		list.Rows = append(list.Rows, row)
	}
	parts := []page.PageComponent{page.PageTable(list)}
	if own.Rows != nil {
		parts = append(parts, behind("Tables of virtual tables", page.PageTable(own)))
	}
	show(w, r, http.StatusOK, v, v.Name(), append(parts, quietLinks(page.PageLink{Text: "as JSON", URL: "/api/v1" + databaseURL(v.Name()) + "tables"}))...)
	return nil
}

// rowsText is how many rows a table has, if that is soon known.
func rowsText(ctx context.Context, v *data.View, t sqlite.SQLiteSchemaTable, until time.Time) any {
	if t.Problem != "" {
		return quiet("can't be read")
	}
	within := min(countTimeOne, time.Until(until))
	count, err := v.Count(ctx, t.Name, data.RowsRequest{}, within, within <= 0)
	switch {
	case err != nil || !count.Known:
		return quiet("unknown")
	case !count.Exact:
		return fmt.Sprintf("about %d", count.Rows)
	}
	return fmt.Sprint(count.Rows)
}

func kindText(t sqlite.SQLiteSchemaTable) string {
	switch {
	case t.Module != "":
		return t.Module
	case t.Strict:
		return t.Kind + ", strict"
	}
	return t.Kind
}

// columnsText names some of a table's columns.
func columnsText(t sqlite.SQLiteSchemaTable) string {
	if t.Problem != "" {
		return t.Problem
	}
	var names []string
	for _, c := range t.Columns {
		if len(names) == 12 {
			names = append(names, fmt.Sprintf("and %d more", len(t.Columns)-12))
			break
		}
		names = append(names, visible(c.Name))
	}
	return strings.Join(names, ", ")
}

// behind is a part that opens by a click.
func behind(title string, parts ...page.PageComponent) page.PageComponent {
	return page.PageHTML(func(w *page.PageWriter) {
		w.Open("details")
		w.Element("summary", title)
		for _, part := range parts {
			w.Add(part)
		}
		w.Close("details")
	})
}

// quietLinks is a line of links at the end of a page.
func quietLinks(links ...page.PageLink) page.PageComponent {
	return page.PageHTML(func(w *page.PageWriter) {
		w.Open("p", "class", "quiet")
		for i, link := range links {
			if i > 0 {
				w.Text(", ")
			}
			w.Element("a", link.Text, "href", link.URL)
		}
		w.Close("p")
	})
}

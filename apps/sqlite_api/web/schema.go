package web

import (
	"net/http"
	"slices"
	"strings"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/infra/page"
	"fnregistry.dev/functions/infra/sqlite"
)

// schema shows the tables with their foreign keys as a picture, and what each
// was made with.
func schema(w http.ResponseWriter, r *http.Request, v *data.View) error {
	tables, err := v.Tables(r.Context())
	if err != nil {
		return err
	}
	picture := page.PagePictureConfig{Name: "Tables and where their foreign keys point, from left to right", Hub: -1}
	var parts []page.PageComponent
	for _, t := range tables {
		if t.Kind == "shadow" {
			continue
		}
		picture.Nodes = append(picture.Nodes, page.PagePictureNode{
			Lines: boxLines(t, len(tables)),
			ID:    strings.ToLower(t.Name), Label: visible(t.Name), Kind: t.Kind, URL: tableURL(v.Name(), t.Name), Hint: columnsText(t),
		})
		for _, k := range t.ForeignKeys {
			picture.Edges = append(picture.Edges, page.PagePictureEdge{From: strings.ToLower(k.Table), To: strings.ToLower(k.ToTable)})
		}
		parts = append(parts, describe(v.Name(), t))
	}
	show(w, r, http.StatusOK, v, "Schema", append([]page.PageComponent{page.PagePicture(picture)}, parts...)...)
	return nil
}

// boxLines are a table's columns in its box of the picture: the first ones, and
// none where there are too many tables to read them.
func boxLines(t sqlite.SQLiteSchemaTable, tables int) []string {
	const most = 12
	if tables > 40 {
		return nil
	}
	var lines []string
	for i, c := range t.Columns {
		if i == most-1 && len(t.Columns) > most {
			return append(lines, "…")
		}
		line := strings.TrimSpace(visible(c.Name) + " " + visible(c.Type))
		if c.Key > 0 {
			line += ", key"
		}
		for _, k := range t.ForeignKeys {
			if slices.Contains(k.Columns, c.Name) {
				line += " →"
				break
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// describe is a table's columns, keys and indexes.
func describe(database string, t sqlite.SQLiteSchemaTable) page.PageComponent {
	return page.PageHTML(func(w *page.PageWriter) {
		w.Open("h2", "id", t.Name)
		w.Element("a", visible(t.Name), "href", tableURL(database, t.Name))
		w.Close("h2")
		table := page.PageTableConfig{
			ID: "columns", Name: "columns of " + visible(t.Name),
			Columns: []page.PageTableColumn{{Name: "column"}, {Name: "type"}, {Name: "traits"}, {Name: "points to"}},
		}
		for _, c := range t.Columns {
			table.Rows = append(table.Rows, []any{visible(c.Name), visible(c.Type), traits(c), pointsTo(database, t, c.Name)})
		}
		w.Add(page.PageTable(table))
		for _, i := range t.Indexes {
			unique := ""
			if i.Unique {
				unique = "unique "
			}
			w.Element("p", unique+"index "+visible(i.Name)+" ("+visible(strings.Join(i.Columns, ", "))+")", "class", "quiet")
		}
		if t.SQL != "" {
			w.Add(behind("SQL", page.PageCode(page.PageCodeConfig{Text: t.SQL, Language: "sql", Name: "SQL of " + visible(t.Name)})))
		}
	})
}

func traits(c sqlite.SQLiteSchemaColumn) string {
	var all []string
	if c.Key > 0 {
		all = append(all, "key")
	}
	if c.NotNull {
		all = append(all, "not null")
	}
	if c.Default != "" {
		all = append(all, "default "+visible(c.Default))
	}
	if c.Computed != "" {
		all = append(all, "computed")
	}
	if c.Hidden {
		all = append(all, "hidden")
	}
	return strings.Join(all, ", ")
}

func pointsTo(database string, t sqlite.SQLiteSchemaTable, column string) any {
	var links []page.PageLink
	for _, k := range t.ForeignKeys {
		for i, name := range k.Columns {
			if strings.EqualFold(name, column) {
				links = append(links, page.PageLink{Text: visible(k.ToTable + "." + k.To[i]), URL: tableURL(database, k.ToTable)})
			}
		}
	}
	if links == nil {
		return nil
	}
	return links
}

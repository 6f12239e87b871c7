package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/page"
	"fnregistry.dev/functions/infra/sqlite"
)

const (
	unfoldedTables = 40 // beyond, boxes have no columns
	boxColumns     = 12
)

// schema is the page with the tables and their foreign keys as a picture, and
// as a table for tables without any and for those who can't see it.
func (p *Pages) schema(w http.ResponseWriter, r *http.Request) {
	v, ok := p.view(w, r)
	if !ok {
		return
	}
	tables, err := v.Tables(r.Context())
	if err != nil {
		fnhttp.HTTPProblem(w, r, err)
		return
	}
	tables = slices.DeleteFunc(slices.Clone(tables), func(t sqlite.SQLiteSchemaTable) bool { return t.Kind == "shadow" })
	picture := page.PagePictureConfig{Name: "Tables and their foreign keys"}
	list := page.PageTableConfig{ID: "tables", Name: "Tables", Columns: []page.PageTableColumn{{Name: "Table"}, {Name: "Kind"}, {Name: "Columns"}, {Name: "Points to"}}}
	for _, t := range tables {
		node := page.PagePictureNode{ID: t.Name, Kind: t.Kind, URL: base(v) + "/tables/" + url.PathEscape(t.Name), Hint: t.Name}
		var columns, to []string
		for _, c := range t.Columns {
			columns = append(columns, columnText(t, c))
		}
		for _, k := range t.ForeignKeys {
			picture.Edges = append(picture.Edges, page.PagePictureEdge{From: t.Name, To: k.ToTable})
			to = append(to, strings.Join(k.Columns, ", ")+" → "+k.ToTable)
		}
		if node.Lines = columns; len(columns) > boxColumns {
			node.Lines = append(slices.Clone(columns[:boxColumns-1]), "…")
		}
		if len(tables) > unfoldedTables {
			node.Lines = nil
		}
		picture.Nodes = append(picture.Nodes, node)
		list.Rows = append(list.Rows, []any{
			page.PageLink{Text: t.Name, URL: node.URL}, t.Kind, strings.Join(columns, "; "), strings.Join(to, "; "),
		})
	}
	showPart(w, r, http.StatusOK, v, "Schema", page.PageHTML(func(w *page.PageWriter) {
		w.Add(page.PagePicture(picture))
		w.Element("h2", "All tables")
		w.Add(page.PageTable(list))
	}))
}

// columnText is a column with the marks of its keys.
func columnText(t sqlite.SQLiteSchemaTable, c sqlite.SQLiteSchemaColumn) string {
	text := strings.TrimSpace(c.Name + " " + c.Type)
	if c.Key > 0 {
		text += ", key"
	}
	for _, k := range t.ForeignKeys {
		if slices.Contains(k.Columns, c.Name) {
			return text + " →"
		}
	}
	return text
}

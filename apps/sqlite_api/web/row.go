package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/infra/page"
	"fnregistry.dev/functions/infra/rowquery"
	"fnregistry.dev/functions/infra/sqlite"
)

// row shows all of a row, and where its foreign keys lead in both directions.
func row(w http.ResponseWriter, r *http.Request, v *data.View, t sqlite.SQLiteSchemaTable) error {
	ctx, key := r.Context(), r.PathValue("key")
	found, err := v.ShownRow(ctx, t.Name, key)
	if err != nil {
		fail(w, r, v, err, quietLinks(page.PageLink{Text: "all rows of " + visible(t.Name), URL: tableURL(v.Name(), t.Name)}))
		return nil
	}
	links, err := v.Links(ctx, t, found.Columns, found.Row)
	if err != nil {
		return err
	}
	references, err := v.References(ctx, t, found.Columns, found.Row)
	if err != nil {
		return err
	}
	at := apiURL(v.Name(), t.Name) + "/" + found.Row.Key
	facts := make([]page.PageFact, len(found.Columns))
	for i, c := range found.Columns {
		facts[i] = page.PageFact{Name: visible(c.Name), Value: whole(found.Row.Values[i], at+"/columns/"+url.PathEscape(c.Name))}
	}
	parts := []page.PageComponent{page.PageFacts(facts)}
	if len(links) > 0 {
		parts = append(parts, heading("Points to"), page.PageFacts(linkFacts(v.Name(), links, v.Labels(ctx, t, found.Columns, []data.Row{found.Row}))))
	}
	if len(references) > 0 {
		parts = append(parts, heading("Is pointed to by"), page.PageFacts(referenceFacts(v.Name(), references)))
	}
	if canEdit(v, t) {
		parts = append(parts, quietLinks(page.PageLink{Text: "edit or delete this row", URL: rowURL(v.Name(), t.Name, found.Row.Key) + "/edit"}))
	}
	parts = append(parts, quietLinks(
		page.PageLink{Text: "all rows of " + visible(t.Name), URL: tableURL(v.Name(), t.Name)}, page.PageLink{Text: "as JSON", URL: at},
	), behind("Copy as curl", curl(r, at)))
	show(w, r, http.StatusOK, v, visible(t.Name)+" "+visible(found.Row.Key), parts...)
	return nil
}

func heading(text string) page.PageComponent {
	return page.PageHTML(func(w *page.PageWriter) { w.Element("h2", text) })
}

// whole is a value with all its text, JSON in lines.
func whole(value any, href string) any {
	text, ok := value.(string)
	if !ok || strings.TrimSpace(text) == "" {
		return shown(value, href)
	}
	if text[0] == '{' || text[0] == '[' {
		var lines bytes.Buffer
		if json.Indent(&lines, []byte(text), "", "  ") == nil {
			return page.PageCode(page.PageCodeConfig{Text: visible(lines.String()), Language: "json", Name: "JSON"})
		}
	}
	if strings.ContainsRune(text, '\n') {
		return page.PageHTML(func(w *page.PageWriter) { w.Element("pre", visible(text)) })
	}
	return visible(text)
}

// filtered is the page of the rows that filters keep.
func filtered(database, table string, filters []rowquery.RowFilter) string {
	query := url.Values{}
	for _, f := range filters {
		query.Add(f.Param())
	}
	return tableURL(database, table) + "?" + query.Encode()
}

func linkFacts(database string, links []data.Link, labels map[string]map[string]string) []page.PageFact {
	facts := make([]page.PageFact, len(links))
	for i, link := range links {
		address := filtered(database, link.Table, link.Filters)
		text := visible(link.Table)
		if link.Key != "" {
			address = rowURL(database, link.Table, link.Key)
			text += " " + visible(link.Key)
		}
		if label := labels[link.Columns[0]][link.Filters[0].Value]; len(link.Columns) == 1 && label != "" {
			text += ": " + cut(visible(label))
		}
		facts[i] = page.PageFact{Name: visible(strings.Join(link.Columns, ", ")), Value: page.PageLink{Text: text, URL: address}}
	}
	return facts
}

func referenceFacts(database string, references []data.Reference) []page.PageFact {
	facts := make([]page.PageFact, len(references))
	for i, from := range references {
		facts[i] = page.PageFact{Name: visible(from.Table + "." + strings.Join(from.Columns, ", ")), Value: page.PageLink{
			Text: countText(from.Rows), URL: filtered(database, from.Table, from.Filters),
		}}
	}
	return facts
}

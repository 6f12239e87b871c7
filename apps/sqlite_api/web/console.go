package web

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/page"
	"fnregistry.dev/functions/infra/sqlite"
)

// consoleRows is how many rows of a query are shown.
const consoleRows = 200

// result is what a query returned.
type result struct {
	columns   []string
	rows      [][]any
	truncated bool
	took      time.Duration
	plan      []sqlite.SQLiteQueryPlanStep
}

// console runs SQL and shows its rows, its plan, and a chart if that is asked
// for.
func console(w http.ResponseWriter, r *http.Request, v *data.View) error {
	query := r.URL.Query()
	text := query.Get("sql")
	names := sqlite.SQLiteQueryParameters(text)
	form := consoleForm(v, text, names, query)
	if strings.TrimSpace(text) == "" {
		show(w, r, http.StatusOK, v, "SQL", form, beside(), inResult(tableNames(r.Context(), v)))
		return nil
	}
	found, err := run(r.Context(), v, text, names, query)
	if err != nil {
		show(w, r, core.ErrorHTTPStatus(err), v, "SQL", form, beside(), inResult(problem(err)))
		return nil
	}
	show(w, r, http.StatusOK, v, "SQL", form, beside(), inResult(
		summary(found), chart(found, query), resultTable(found), plan(found), exports("/api/v1"+databaseURL(v.Name())+"query", query),
	))
	return nil
}

// beside is what the script adds to the form: Stop, and the time that passes.
func beside() page.PageComponent {
	return page.PageHTML(func(w *page.PageWriter) {
		w.Raw(`<p class="script console"><button class="stop" type="button" disabled>Stop</button> <output class="quiet"></output></p>`)
	})
}

// inResult puts what a query returned where the script looks for it.
func inResult(parts ...page.PageComponent) page.PageComponent {
	return page.PageHTML(func(w *page.PageWriter) {
		w.Open("div", "id", "result")
		for _, part := range parts {
			w.Add(part)
		}
		w.Close("div")
	})
}

func consoleForm(v *data.View, text string, names []string, query url.Values) page.PageComponent {
	fields := []page.PageFormField{{Name: "sql", Label: "SQL", Type: "textarea", Value: text, Required: true, Focus: text == "", Hint: "One SELECT, VALUES or WITH. It only reads, for 10 seconds at most."}}
	for _, name := range names {
		fields = append(fields, page.PageFormField{Name: "p_" + name, Label: ":" + name, Value: query.Get("p_" + name)})
	}
	return page.PageForm(page.PageFormConfig{ID: "console", Action: databaseURL(v.Name()) + "sql", Submit: "Run", Fields: fields})
}

// tableNames helps who begins.
func tableNames(ctx context.Context, v *data.View) page.PageComponent {
	tables, err := v.Tables(ctx)
	if err != nil {
		return problem(err)
	}
	var links []page.PageLink
	for _, t := range tables {
		if t.Kind != "shadow" {
			links = append(links, page.PageLink{Text: visible(t.Name), Hint: columnsText(t), URL: databaseURL(v.Name()) + "sql?" + url.Values{
				"sql": {"SELECT * FROM \"" + strings.ReplaceAll(t.Name, `"`, `""`) + "\" LIMIT 50"},
			}.Encode()})
		}
	}
	return page.PageTags("Tables", links)
}

func run(ctx context.Context, v *data.View, text string, names []string, query url.Values) (*result, error) {
	cfg := sqlite.SQLiteQueryRowsConfig{Query: text, Named: map[string]any{}, ReadOnly: true, Stored: true}
	for _, name := range names {
		cfg.Named[name] = query.Get("p_" + name)
	}
	return runConfig(ctx, v, cfg)
}

func runConfig(ctx context.Context, v *data.View, cfg sqlite.SQLiteQueryRowsConfig) (*result, error) {
	found := &result{}
	began := time.Now()
	err := v.Guest(ctx, func(ctx context.Context, db *sql.DB) error {
		err := sqlite.SQLiteQueryRows(ctx, db, cfg, found.read)
		found.took = time.Since(began)
		if err != nil {
			return err
		}
		found.plan, _ = sqlite.SQLiteQueryPlan(ctx, db, cfg) // of an EXPLAIN there is none
		return nil
	})
	return found, err
}

func (f *result) read(rows *sql.Rows) (err error) {
	if f.columns, err = rows.Columns(); err != nil {
		return err
	}
	for rows.Next() {
		if f.truncated = len(f.rows) == consoleRows; f.truncated {
			return nil
		}
		values, targets := make([]any, len(f.columns)), make([]any, len(f.columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		f.rows = append(f.rows, values)
	}
	return rows.Err()
}

func summary(f *result) page.PageComponent {
	text := plural(int64(len(f.rows)), "row")
	if f.truncated {
		text = fmt.Sprintf("the first %d rows, there are more", consoleRows)
	}
	return page.PageHTML(func(w *page.PageWriter) {
		w.Element("p", fmt.Sprintf("%s, %.1f ms", text, float64(f.took.Microseconds())/1000), "class", "lead")
	})
}

func resultTable(f *result) page.PageComponent {
	table := page.PageTableConfig{ID: "result", Name: "result", Empty: page.PageNoticeConfig{Title: "No rows"}}
	for i, name := range f.columns {
		table.Columns = append(table.Columns, page.PageTableColumn{Name: visible(name), Number: len(f.rows) > 0 && isNumber(f.rows[0][i])})
	}
	for _, row := range f.rows {
		cells := make([]any, len(row))
		for i, value := range row {
			cells[i] = shown(value, "")
			if text, ok := cells[i].(string); ok && len(text) > 2000 {
				cells[i] = strings.ToValidUTF8(text[:2000], "") + "…"
			}
		}
		table.Rows = append(table.Rows, cells)
	}
	return page.PageTable(table)
}

// plan shows how SQLite ran the query, open where something is slow.
func plan(f *result) page.PageComponent {
	if len(f.plan) == 0 {
		return nil
	}
	return page.PageHTML(func(w *page.PageWriter) {
		slow := slices.ContainsFunc(f.plan, func(s sqlite.SQLiteQueryPlanStep) bool { return s.Warning != "" })
		open := ""
		if slow {
			open = "open"
		}
		w.Open("details", "open?", open)
		w.Element("summary", "Plan")
		var lines strings.Builder
		for _, s := range f.plan {
			lines.WriteString(strings.Repeat("  ", s.Depth) + s.Detail)
			if s.Warning != "" {
				lines.WriteString("   -- " + s.Warning)
			}
			lines.WriteByte('\n')
		}
		w.Add(page.PageCode(page.PageCodeConfig{Text: visible(lines.String()), Language: "sql", Name: "Plan"}))
		w.Close("details")
	})
}

func exports(address string, query url.Values) page.PageComponent {
	at := func(format string) string {
		with := url.Values{"format": {format}}
		for name, values := range query {
			if name == "sql" || strings.HasPrefix(name, "p_") {
				with[name] = values
			}
		}
		return address + "?" + with.Encode()
	}
	return quietLinks(page.PageLink{Text: "CSV", URL: at("csv")}, page.PageLink{Text: "NDJSON", URL: at("ndjson")}, page.PageLink{Text: "JSON", URL: at("json")})
}

// chart draws the columns that have numbers, by the first one that is chosen as
// the axis.
func chart(f *result, query url.Values) page.PageComponent {
	numbers := []int{}
	for i := range f.columns {
		if len(f.rows) > 1 && slices.ContainsFunc(f.rows, func(row []any) bool { return isNumber(row[i]) }) {
			numbers = append(numbers, i)
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	kind := query.Get("chart")
	axis, err := strconv.Atoi(query.Get("x"))
	if err != nil || axis < 0 || axis >= len(f.columns) {
		axis = 0
	}
	return page.PageHTML(func(w *page.PageWriter) {
		w.Add(page.PageTags("Chart", chartLinks(query, kind)))
		if kind != "line" && kind != "bar" && kind != "scatter" {
			return
		}
		cfg := page.PageChartConfig{Name: "The result by " + visible(f.columns[axis]), Kind: kind}
		for _, row := range f.rows {
			label, _ := shown(row[axis], "").(string)
			cfg.Labels, cfg.X = append(cfg.Labels, label), append(cfg.X, float(row[axis]))
		}
		for _, i := range numbers {
			if i == axis || len(cfg.Series) == 6 {
				continue
			}
			series := page.PageChartSeries{Name: visible(f.columns[i])}
			for _, row := range f.rows {
				series.Values = append(series.Values, float(row[i]))
			}
			cfg.Series = append(cfg.Series, series)
		}
		w.Add(page.PageChart(cfg))
	})
}

func chartLinks(query url.Values, kind string) []page.PageLink {
	var links []page.PageLink
	for _, one := range []struct{ kind, text string }{{"", "no chart"}, {"line", "lines"}, {"bar", "bars"}, {"scatter", "scatter"}} {
		with := url.Values{}
		for name, values := range query {
			with[name] = values
		}
		with.Del("chart")
		if one.kind != "" {
			with.Set("chart", one.kind)
		}
		links = append(links, page.PageLink{Text: one.text, URL: "?" + with.Encode(), Current: kind == one.kind})
	}
	return links
}

func float(value any) float64 {
	switch v := value.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return math.NaN()
}

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

// longSQL is the longest SQL that goes into a URL; a form sends what is longer
// by POST.
const longSQL = 4 << 10

// console runs SQL and shows its rows, its plan, and a chart if that is asked
// for. GET and POST differ only in where the parameters are.
func console(w http.ResponseWriter, r *http.Request, v *data.View) error {
	query := r.URL.Query()
	if r.Method == http.MethodPost {
		if err := readForm(r); err != nil {
			return err
		}
		query = r.PostForm
	}
	text := query.Get("sql")
	names := sqlite.SQLiteQueryParameters(text)
	form, more := consoleForm(v, text, names, query), beside(v)
	if strings.TrimSpace(text) == "" {
		show(w, r, http.StatusOK, v, "SQL", form, more, inResult(tableNames(r.Context(), v)))
		return nil
	}
	found, err := run(r.Context(), v, text, names, query)
	if err != nil {
		show(w, r, core.ErrorHTTPStatus(err), v, "SQL", form, more, inResult(problem(err)))
		return nil
	}
	links := exports("/api/v1"+databaseURL(v.Name())+"query", query)
	if len(text) > longSQL {
		links = nil
	}
	show(w, r, http.StatusOK, v, "SQL", form, more, inResult(summary(found), chart(found, query, "console"), resultTable(found), plan(found), links))
	return nil
}

// beside is what goes with the form: a button for SQL that is too long for a
// URL, which the script does without; and for the script Stop, the time that
// passes, where the names are that it completes, and the history.
func beside(v *data.View) page.PageComponent {
	return page.PageHTML(func(w *page.PageWriter) {
		w.Raw(`<noscript><p><button form="console" formmethod="post">Run SQL that is too long for a URL</button></p></noscript>`)
		w.Open("p", "class", "script console", "data-names", "/api/v1"+databaseURL(v.Name())+"tables")
		w.Raw(`<button class="stop" type="button" disabled>Stop</button> <output class="quiet"></output></p>` +
			`<details class="script" id="history"><summary>History</summary><p class="quiet">The last 50 queries of this browser, which keeps them, ` +
			`without the values of parameters. Put nothing secret into SQL. <button type="button">Clear</button></p><ul></ul></details>`)
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
	return page.PageForm(page.PageFormConfig{ID: "console", Action: databaseURL(v.Name()) + "sql", Post: len(text) > longSQL, Submit: "Run", Fields: fields})
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
	err := v.Guest(ctx, cfg.Query, func(ctx context.Context, db *sql.DB) error {
		err := sqlite.SQLiteQueryRows(ctx, db, cfg, found.read)
		found.took = time.Since(began)
		return err
	})
	if err == nil {
		found.plan, _ = v.Plan(ctx, cfg) // of an EXPLAIN there is none
	}
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

// chartSeries is how many columns a chart has at most.
const chartSeries = 6

// chart offers a chart of the columns that have numbers, and draws it once its
// kind is chosen. form is the ID of the form that its fields belong to.
func chart(f *result, query url.Values, form string) page.PageComponent {
	var numbers []string
	for i, name := range f.columns {
		if len(f.rows) > 1 && !slices.Contains(numbers, name) && slices.ContainsFunc(f.rows, func(row []any) bool { return isNumber(row[i]) }) {
			numbers = append(numbers, name)
		}
	}
	if numbers == nil {
		return nil
	}
	kind, axis := query.Get("chart"), max(0, slices.Index(f.columns, query.Get("x")))
	var drawn []string
	for _, name := range numbers {
		if (len(query["y"]) == 0 || slices.Contains(query["y"], name)) && name != f.columns[axis] && len(drawn) < chartSeries {
			drawn = append(drawn, name)
		}
	}
	return page.PageHTML(func(w *page.PageWriter) {
		w.Open("fieldset", "class", "plot")
		w.Element("legend", "Chart")
		choice(w, form, "chart", "Kind", kind, []string{"", "line", "bar", "scatter"}, []string{"none", "lines", "bars", "scatter"})
		choice(w, form, "x", "Along", f.columns[axis], f.columns, f.columns)
		for i, name := range numbers {
			checked := ""
			if slices.Contains(query["y"], name) {
				checked = "yes"
			}
			w.Open("label")
			w.Open("input", "type", "checkbox", "name", "y", "value", name, "checked?", checked, "form", form, "id", "y-"+strconv.Itoa(i))
			w.Text(" " + visible(name))
			w.Close("label")
		}
		w.Element("button", "Draw", "form", form, "id", "draw")
		w.Close("fieldset")
		if kind != "line" && kind != "bar" && kind != "scatter" {
			return
		}
		cfg := page.PageChartConfig{Name: "The result by " + visible(f.columns[axis]), Kind: kind}
		for _, row := range f.rows {
			label, _ := shown(row[axis], "").(string)
			cfg.Labels, cfg.X = append(cfg.Labels, label), append(cfg.X, float(row[axis]))
		}
		for _, name := range drawn {
			series, at := page.PageChartSeries{Name: visible(name)}, slices.Index(f.columns, name)
			for _, row := range f.rows {
				series.Values = append(series.Values, float(row[at]))
			}
			cfg.Series = append(cfg.Series, series)
		}
		w.Add(page.PageChart(cfg))
	})
}

// choice is a select of a form that it needn't be in.
func choice(w *page.PageWriter, form, name, label, chosen string, values, texts []string) {
	w.Open("label")
	w.Text(label + " ")
	w.Open("select", "name", name, "form", form, "id", form+"-"+name)
	for i, value := range values {
		option(w, value, visible(texts[i]), value == chosen)
	}
	w.Close("select", "label")
}

// option is one of a select. Its value may be empty.
func option(w *page.PageWriter, value, text string, chosen bool) {
	w.Raw(`<option value="`)
	w.Text(value)
	w.Raw(`"`)
	if chosen {
		w.Raw(" selected")
	}
	w.Raw(">")
	w.Text(text)
	w.Close("option")
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

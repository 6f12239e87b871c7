package web

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/infra/page"
)

// chartRows is how many rows a chart has at most.
const chartRows = 200

// chart offers a chart of the result, and draws what was asked for.
func (q question) chart(w *page.PageWriter, v *data.View, f *result) {
	if len(f.rows) == 0 {
		return
	}
	kind, x, y := q.values.Get("chart"), q.values.Get("x"), q.values.Get("y")
	kinds := []page.PageFormOption{{Value: "", Label: "none"}, {Value: "bar", Label: "bars"}, {Value: "line", Label: "line"}, {Value: "scatter", Label: "scatter"}}
	columns := make([]page.PageFormOption, len(f.columns))
	for i, name := range f.columns {
		columns[i] = page.PageFormOption{Value: name, Label: name}
	}
	fields := []page.PageFormField{
		{Name: "chart", Label: "Chart", Type: "select", Value: kind, Options: kinds},
		{Name: "x", Label: "Across", Type: "select", Value: x, Options: columns},
		{Name: "y", Label: "Up", Type: "select", Value: y, Options: columns},
		{Name: "sql", Type: "hidden", Value: q.sql},
	}
	for _, name := range q.names {
		fields = append(fields, page.PageFormField{Name: "p_" + name, Type: "hidden", Value: q.values.Get("p_" + name)})
	}
	w.Open("details", "open?", kind)
	w.Element("summary", "Chart")
	w.Add(page.PageForm(page.PageFormConfig{ID: "chart", Action: base(v) + "/sql", Submit: "Draw", Fields: fields}))
	across, up := slices.Index(f.columns, x), slices.Index(f.columns, y)
	if slices.ContainsFunc(kinds[1:], func(o page.PageFormOption) bool { return o.Value == kind }) && across >= 0 && up >= 0 {
		f.draw(w, kind, across, up)
	}
	w.Close("details")
}

func (f *result) draw(w *page.PageWriter, kind string, across, up int) {
	rows := f.rows
	if len(rows) > chartRows {
		rows = rows[:chartRows]
		w.Element("p", fmt.Sprintf("The chart has the first %d rows alone: let the SQL group them.", chartRows), "class", "notice")
	}
	cfg := page.PageChartConfig{Name: f.columns[up] + " by " + f.columns[across], Kind: kind}
	series := page.PageChartSeries{Name: f.columns[up]}
	for _, row := range rows {
		cfg.Labels = append(cfg.Labels, cut(text(row[across])))
		cfg.X = append(cfg.X, figure(row[across]))
		series.Values = append(series.Values, figure(row[up]))
	}
	cfg.Series = []page.PageChartSeries{series}
	w.Add(page.PageChart(cfg))
}

// figure is a value as a number; NaN: it is none.
func figure(value any) float64 {
	switch value := value.(type) {
	case int64:
		return float64(value)
	case float64:
		return value
	case string:
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			return n
		}
	}
	return math.NaN()
}

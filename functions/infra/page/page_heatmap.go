package page

import (
	"math"
	"strconv"
)

// PageHeatmapConfig is figures of two kinds of places, as days and hours.
type PageHeatmapConfig struct {
	Name    string // what the heat map shows, for all readers
	Columns []string
	Rows    []PageHeatmapRow
	Unit    string // written after the figures
}

// PageHeatmapRow is the figures of one row, one for each column; NaN and
// infinities: there is none.
type PageHeatmapRow struct {
	Name   string
	Values []float64
}

const (
	cellSize = 22
	cellStep = 24
)

// PageHeatmap draws figures as squares, the greater the fuller, with a table of
// the same figures behind it. Without any value it is a notice that says so.
//
// More in page_heatmap.md:
//   - The least figure is pale, not empty: an outline without filling is a
//     missing figure.
//   - The scale is linear: one outlier makes all others pale.
func PageHeatmap(cfg PageHeatmapConfig) PageComponent {
	return PageHTML(func(w *PageWriter) {
		low, high := math.Inf(1), math.Inf(-1)
		left := 0.0
		for _, row := range cfg.Rows {
			left = max(left, textWidth(shorten(row.Name, 24))*1.3+8)
			for _, v := range row.Values {
				if finite(v) {
					low, high = min(low, v), max(high, v)
				}
			}
		}
		if low > high {
			w.notice(PageNoticeConfig{Kind: "empty", Title: cfg.Name, Text: "There are no figures yet."})
			return
		}
		w.figure(cfg.Name, true)
		width, height := left+float64(len(cfg.Columns))*cellStep+20, float64(len(cfg.Rows))*cellStep+24
		w.Open("svg", "viewBox", "0 0 "+px(width)+" "+px(height), "width", px(width), "height", px(height), "role", "img",
			"aria-label", cfg.Name+": from "+number(low)+cfg.Unit+" to "+number(high)+cfg.Unit)
		w.heatColumns(cfg.Columns, left)
		for i, row := range cfg.Rows {
			y := 20 + float64(i)*cellStep
			w.Element("text", shorten(row.Name, 24), "x", px(left-8), "y", px(y+15), "text-anchor", "end")
			for j, v := range row.Values {
				if j < len(cfg.Columns) {
					w.cell(left+float64(j)*cellStep, y, v, scale{low, high, .12, 1}, row.Name+", "+cfg.Columns[j], cfg.Unit)
				}
			}
		}
		w.Close("svg", "div")
		w.heatTable(cfg)
		w.Close("figure")
	})
}

// heatColumns writes as many names as fit.
func (w *PageWriter) heatColumns(names []string, left float64) {
	widest := 0.0
	for _, name := range names {
		widest = max(widest, textWidth(shorten(name, 10)))
	}
	every := int(widest/cellStep) + 1
	for i := 0; i < len(names); i += every {
		w.Element("text", shorten(names[i], 10), "x", px(left+float64(i)*cellStep), "y", "12")
	}
}

func (w *PageWriter) cell(x, y, v float64, full scale, where, unit string) {
	class, opacity, text := "none", "", "none"
	if finite(v) {
		class, text = "f1", number(v)+unit
		opacity = strconv.FormatFloat(1, 'f', 2, 64)
		if full.high > full.low {
			opacity = strconv.FormatFloat(full.at(v), 'f', 2, 64)
		}
	}
	w.Open("rect", "class", class, "x", px(x), "y", px(y), "width", px(cellSize), "height", px(cellSize), "rx", "4", "fill-opacity", opacity)
	w.Element("title", where+": "+text)
	w.Close("rect")
}

func (w *PageWriter) heatTable(cfg PageHeatmapConfig) {
	table := PageTableConfig{Name: cfg.Name + ", as a table", Columns: []PageTableColumn{{Name: "Row"}}}
	for _, name := range cfg.Columns {
		table.Columns = append(table.Columns, PageTableColumn{Name: name, Number: true})
	}
	for _, row := range cfg.Rows {
		cells := []any{row.Name}
		for _, v := range row.Values {
			text := ""
			if finite(v) {
				text = number(v) + cfg.Unit
			}
			cells = append(cells, text)
		}
		table.Rows = append(table.Rows, cells)
	}
	w.behind(table)
}

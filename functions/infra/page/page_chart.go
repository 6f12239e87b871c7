package page

import (
	"cmp"
	"math"
	"strconv"
)

// PageChartConfig is a chart of one or more series over the same places.
type PageChartConfig struct {
	Name   string            // what the chart shows, for all readers
	Kind   string            // line, bar, scatter, or spark for a small line without axes; empty: line
	X      []float64         // of a scatter: where each label is on the horizontal axis
	Labels []string          // along the horizontal axis
	Series []PageChartSeries // the first six have a colour of their own
	Unit   string            // after the figures of the vertical axis
}

// PageChartSeries is a line or the bars of one colour.
type PageChartSeries struct {
	Name   string
	Values []float64 // one for each label; NaN, infinities and values beyond 1e300: missing
}

// PageChart draws lines or bars as SVG, with axes, a legend, and a table of the
// same figures behind it for who can't see it. Without any value it is a notice
// that says so.
//
// More in page_chart.md:
//   - The vertical axis always includes zero; a spark's ranges from the least
//     to the greatest value.
//   - Labels are evenly spaced, whatever their values: don't omit any.
func PageChart(cfg PageChartConfig) PageComponent {
	return PageHTML(func(w *PageWriter) { w.chart(cfg) })
}

const (
	chartWidth  = 640
	chartHeight = 220
	chartLeft   = 64 // for the figures
	chartRight  = 10
	chartTop    = 10
	chartBottom = 24 // for the labels
)

// scale maps values to coordinates.
type scale struct{ low, high, from, to float64 }

func (s scale) at(v float64) float64 { return s.from + (v-s.low)/(s.high-s.low)*(s.to-s.from) }

func (w *PageWriter) chart(cfg PageChartConfig) {
	low, high, any := cfg.bounds()
	switch {
	case !any:
		w.notice(PageNoticeConfig{Kind: "empty", Title: cfg.Name, Text: "There are no figures yet."})
		return
	case cfg.Kind == "spark":
		w.spark(cfg, low, high)
		return
	}
	low, high = min(low, 0), max(high, 0)
	step := niceStep(high - low)
	low, high = math.Floor(low/step)*step, math.Ceil(high/step)*step
	if low == high {
		high = low + step
	}
	y := scale{low, high, chartHeight - chartBottom, chartTop}
	w.figure(cfg.Name, len(cfg.Labels) > 40)
	w.Open("svg", "viewBox", "0 0 640 220", "width", "640", "height", "220", "role", "img", "aria-label", cfg.Name)
	for i := range int(math.Round((high-low)/step)) + 1 {
		v := (math.Round(low/step) + float64(i)) * step
		w.line("grid", chartLeft, y.at(v), chartWidth-chartRight, y.at(v))
		w.Element("text", number(v)+cfg.Unit, "x", px(chartLeft-6), "y", px(y.at(v)+4), "text-anchor", "end")
	}
	x := cfg.across()
	if cfg.Kind == "scatter" {
		w.numbersAcross(x)
	} else {
		w.axis(cfg.Labels)
	}
	for i, s := range cfg.Series {
		switch cfg.Kind {
		case "bar":
			w.bars(cfg, i, y)
		case "scatter":
			w.dots(cfg, i, x, y)
		default:
			w.Element("path", "", "class", "l s"+strconv.Itoa(i%6+1), "d", s.path(cfg.places(), y))
		}
	}
	w.Close("svg", "div")
	w.legend(cfg.Series)
	w.chartTable(cfg)
	w.Close("figure")
}

// across is the horizontal axis of a scatter: from the least to the greatest X.
func (c PageChartConfig) across() scale {
	x := scale{math.Inf(1), math.Inf(-1), chartLeft + 8, chartWidth - chartRight - 8}
	for _, v := range c.X {
		if finite(v) {
			x.low, x.high = min(x.low, v), max(x.high, v)
		}
	}
	switch {
	case x.low > x.high:
		x.low, x.high = 0, 1
	case x.low == x.high:
		x.low, x.high = x.low-max(1, math.Abs(x.low)/2), x.high+max(1, math.Abs(x.high)/2)
	}
	return x
}

// numbersAcross writes the figures of a scatter's horizontal axis.
func (w *PageWriter) numbersAcross(x scale) {
	step := niceStep(x.high-x.low) * 2
	first := math.Ceil(x.low / step)
	for i := range int((x.high-first*step)/step) + 1 {
		v := (first + float64(i)) * step
		w.Element("text", number(v), "x", px(x.at(v)), "y", px(chartHeight-6), "text-anchor", "middle")
	}
}

func (w *PageWriter) dots(cfg PageChartConfig, series int, x, y scale) {
	for i, v := range cfg.Series[series].Values {
		if i >= len(cfg.X) || i >= len(cfg.Labels) || !finite(v) || !finite(cfg.X[i]) {
			continue
		}
		w.Open("circle", "class", "f"+strconv.Itoa(series%6+1), "cx", px(x.at(cfg.X[i])), "cy", px(y.at(v)), "r", "3")
		w.Element("title", cfg.Labels[i]+": "+number(v)+cfg.Unit)
		w.Close("circle")
	}
}

// finite reports whether a value can be drawn. Values close to the limits of
// float64 can't: their differences are infinite.
func finite(v float64) bool { return math.Abs(v) < 1e300 }

func (c PageChartConfig) bounds() (low, high float64, any bool) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range c.Series {
		for _, v := range s.Values {
			if finite(v) {
				low, high, any = min(low, v), max(high, v), true
			}
		}
	}
	return low, high, any
}

// places is the horizontal axis: the x of label i is at its index i.
func (c PageChartConfig) places() scale {
	return placesOf(len(c.Labels))
}

func placesOf(n int) scale {
	half := (chartWidth - chartLeft - chartRight) / float64(2*max(1, n))
	return scale{0, float64(max(1, n-1)), chartLeft + half, chartWidth - chartRight - half}
}

// niceStep returns 1, 2 or 5 times a power of ten, so that four to ten steps
// cover the span.
func niceStep(span float64) float64 {
	if span < 1e-300 {
		return 1
	}
	step := math.Pow(10, math.Floor(math.Log10(span)))
	switch {
	case span/step < 2:
		return step / 5
	case span/step < 5:
		return step / 2
	}
	return step
}

// path returns the series as path data; a missing value leaves a gap.
func (s PageChartSeries) path(x, y scale) string {
	path, command := "", "M"
	for i, v := range s.Values {
		if !finite(v) {
			command = "M"
			continue
		}
		path += points(command, x.at(float64(i)), y.at(v))
		if next := i + 1; command == "M" && (next == len(s.Values) || !finite(s.Values[next])) {
			path += "h.01" // a single value is a dot
		}
		command = "L"
	}
	return path
}

func (w *PageWriter) line(class string, x1, y1, x2, y2 float64) {
	w.Element("line", "", "class", class, "x1", px(x1), "y1", px(y1), "x2", px(x2), "y2", px(y2))
}

// axis writes as many labels as fit.
func (w *PageWriter) axis(labels []string) {
	widest := 1.0
	for _, l := range labels {
		widest = max(widest, textWidth(shorten(l, 16)))
	}
	room := (chartWidth - chartLeft - chartRight) / (widest + 12)
	every := max(1, int(math.Ceil(float64(len(labels))/max(1, room))))
	x := placesOf(len(labels))
	for i := 0; i < len(labels); i += every {
		w.Element("text", shorten(labels[i], 16), "x", px(x.at(float64(i))), "y", px(chartHeight-6), "text-anchor", "middle")
	}
}

func (w *PageWriter) bars(cfg PageChartConfig, series int, y scale) {
	x := cfg.places()
	slot := (chartWidth - chartLeft - chartRight) / float64(max(1, len(cfg.Labels))) * .8
	width := slot / float64(len(cfg.Series))
	for i, v := range cfg.Series[series].Values {
		if !finite(v) || i >= len(cfg.Labels) {
			continue
		}
		top, bottom := y.at(max(v, 0)), y.at(min(v, 0))
		w.Open("rect", "class", "f"+strconv.Itoa(series%6+1), "x", px(x.at(float64(i))-slot/2+float64(series)*width), "y", px(top),
			"width", px(max(.5, width)), "height", px(max(.5, bottom-top)))
		w.Element("title", cfg.Labels[i]+": "+number(v)+cfg.Unit)
		w.Close("rect")
	}
}

// figure opens a figure with its name and the view box of its picture.
func (w *PageWriter) figure(name string, wide bool) {
	w.Open("figure", "class", "chart")
	w.Element("figcaption", name)
	w.Open("div", "class", "view"+on(wide, " wide"), "tabindex", "0", "role", "region", "aria-label", name)
}

func (w *PageWriter) legend(series []PageChartSeries) {
	if len(series) < 2 {
		return
	}
	w.Open("div", "class", "legend")
	for i, s := range series {
		w.swatch("f"+strconv.Itoa(i%6+1), s.Name)
	}
	w.Close("div")
}

// swatch writes an entry of a legend.
func (w *PageWriter) swatch(class, text string) {
	w.Open("span")
	w.Open("svg", "width", "14", "height", "12", "aria-hidden", "true")
	w.Element("rect", "", "class", class, "width", "12", "height", "12", "rx", "3")
	w.Close("svg")
	w.Text(" " + text)
	w.Close("span")
}

func (w *PageWriter) chartTable(cfg PageChartConfig) {
	table := PageTableConfig{Name: cfg.Name + ", as a table", Columns: []PageTableColumn{{Name: "Place"}}}
	for _, s := range cfg.Series {
		table.Columns = append(table.Columns, PageTableColumn{Name: cmp.Or(s.Name, "value"), Number: true})
	}
	for i, label := range cfg.Labels {
		row := []any{label}
		for _, s := range cfg.Series {
			text := ""
			if i < len(s.Values) && finite(s.Values[i]) {
				text = number(s.Values[i]) + cfg.Unit
			}
			row = append(row, text)
		}
		table.Rows = append(table.Rows, row)
	}
	w.behind(table)
}

// behind writes a collapsed table.
func (w *PageWriter) behind(table PageTableConfig) {
	w.Open("details")
	w.Element("summary", "As a table")
	w.table(table.filled())
	w.Close("details")
}

// spark draws a line as high as a word, with its figures in its name.
func (w *PageWriter) spark(cfg PageChartConfig, low, high float64) {
	y := scale{low, high, 22, 2}
	if low == high {
		y = scale{low - 1, high + 1, 22, 2}
	}
	last := ""
	for _, v := range cfg.Series[0].Values {
		if finite(v) {
			last = number(v) + cfg.Unit
		}
	}
	x := scale{0, float64(max(1, len(cfg.Series[0].Values)-1)), 2, 118}
	w.Open("svg", "class", "spark chart", "viewBox", "0 0 120 24", "width", "120", "height", "24", "role", "img",
		"aria-label", cfg.Name+": "+last+" now, from "+number(low)+cfg.Unit+" to "+number(high)+cfg.Unit)
	w.Element("path", "", "class", "l s1", "d", cfg.Series[0].path(x, y))
	w.Close("svg")
}

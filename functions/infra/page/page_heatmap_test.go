package page

import (
	"math"
	"testing"
)

func TestPageHeatmap(t *testing.T) {
	t.Parallel()
	got := render(t, PageHeatmap(PageHeatmapConfig{
		Name: "Calls", Columns: []string{"8", "9"}, Unit: " x",
		Rows: []PageHeatmapRow{{"Mo <1>", []float64{0, 10, 99}}, {"Tu", []float64{math.NaN()}}},
	}))
	has(t, got, `aria-label="Calls: from 0 x to 99 x"`, "<title>Mo &lt;1&gt;, 8: 0 x</title>", `fill-opacity="0.12"`, "<title>Tu, 8: none</title>", `class="none"`,
		`<td>Tu</td><td class="number"></td>`)
	has(t, render(t, PageHeatmap(PageHeatmapConfig{Columns: []string{"a"}, Rows: []PageHeatmapRow{{"r", []float64{5}}}})), `fill-opacity="1.00"`)
}

func TestPageHeatmap_Empty(t *testing.T) {
	t.Parallel()
	has(t, render(t, PageHeatmap(PageHeatmapConfig{Name: "Calls"})), "There are no figures yet.")
}

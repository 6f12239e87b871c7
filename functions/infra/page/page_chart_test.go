package page

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestPageChart_Line(t *testing.T) {
	t.Parallel()
	got := render(t, PageChart(PageChartConfig{
		Name: "Runs <1>", Labels: []string{"Mo", "Tu", "We", "Th"}, Unit: " ms",
		Series: []PageChartSeries{{Name: "a", Values: []float64{0, 10, math.NaN(), 5}}, {Name: "b & c", Values: []float64{math.Inf(1), 20}}},
	}))
	has(t, got, `aria-label="Runs &lt;1&gt;"`, ">20 ms</text>", ">0 ms</text>", `class="l s1"`, `class="l s2"`, "b &amp; c", "<summary>As a table</summary>",
		`<tr tabindex="-1"><td>Tu</td><td class="number">10 ms</td><td class="number">20 ms</td></tr>`, `<td>We</td><td class="number"></td><td class="number"></td>`)
	if strings.Count(got, "M") != 5 { // "Mo" twice; three runs of values
		t.Errorf("%d", strings.Count(got, "M"))
	}
	hasNot(t, got, "NaN", "Inf")
}

func TestPageChart_Bars(t *testing.T) {
	t.Parallel()
	got := render(t, PageChart(PageChartConfig{Name: "n", Kind: "bar", Labels: []string{"x", "y"}, Series: []PageChartSeries{{Values: []float64{-5, 5, 99}}}}))
	has(t, got, "<title>x: -5</title>", "<title>y: 5</title>")
	hasNot(t, got, "legend", "99</title>")
}

func TestPageChart_Spark(t *testing.T) {
	t.Parallel()
	got := render(t, PageChart(PageChartConfig{Name: "Load", Kind: "spark", Unit: "%", Series: []PageChartSeries{{Values: []float64{3, 9, 4}}}}))
	has(t, got, `aria-label="Load: 4% now, from 3% to 9%"`)
	hasNot(t, got, "<table")
}

func TestPageChart_Empty(t *testing.T) {
	t.Parallel()
	for _, series := range [][]PageChartSeries{nil, {{Name: "a"}}, {{Values: []float64{math.NaN()}}}} {
		for _, kind := range []string{"", "bar", "spark"} {
			has(t, render(t, PageChart(PageChartConfig{Name: "n", Kind: kind, Series: series})), "There are no figures yet.")
		}
	}
}

// TestPageChart_OddFigures: figures of any size draw without NaN.
func TestPageChart_OddFigures(t *testing.T) {
	t.Parallel()
	for _, values := range [][]float64{{0}, {0, 0}, {7}, {-7, -7}, {1e299, -1e299}, {1e-300}, {math.MaxFloat64, 1}, {0.1, 0.2}, {999999, 1000001}} {
		for _, kind := range []string{"", "bar", "spark"} {
			got := render(t, PageChart(PageChartConfig{Name: "n", Kind: kind, Labels: make([]string, len(values)), Series: []PageChartSeries{{Values: values}}}))
			hasNot(t, got, "NaN", "Inf")
			if n := strings.Count(got, `class="grid"`); n > 12 {
				t.Errorf("%v: %d lines", values, n)
			}
		}
	}
}

func TestPageChart_ManyPlaces(t *testing.T) {
	t.Parallel()
	cfg := PageChartConfig{Name: "n", Series: []PageChartSeries{{}}}
	for i := range 10_000 {
		cfg.Labels = append(cfg.Labels, fmt.Sprint("label ", i))
		cfg.Series[0].Values = append(cfg.Series[0].Values, float64(i%97))
	}
	got := render(t, PageChart(cfg))
	if n := strings.Count(got, `text-anchor="middle"`); n > 12 {
		t.Errorf("%d labels", n)
	}
}

// The dots of a scatter are where their numbers say; missing ones are left out.
func TestPageChart_Scatter(t *testing.T) {
	t.Parallel()
	text := render(t, PageChart(PageChartConfig{
		Name: "Points", Kind: "scatter", Labels: []string{"a", "b", "c", "d"}, X: []float64{0, 1, 100, math.NaN()},
		Series: []PageChartSeries{{Values: []float64{1, -2, 3, 4}}},
	}))
	has(t, text, `<circle class="f1" cx="72"`, `cx="77.5"`, `cx="622"`)
	if n := strings.Count(text, "<circle"); n != 3 {
		t.Errorf("%d dots", n)
	}
	render(t, PageChart(PageChartConfig{Name: "One", Kind: "scatter", Labels: []string{"a"}, X: []float64{5}, Series: []PageChartSeries{{Values: []float64{5}}}}))
}

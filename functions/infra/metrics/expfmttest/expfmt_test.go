package expfmttest

import (
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"fnregistry.dev/functions/infra/metrics"
)

// scrape reads a registry over HTTP as Prometheus does.
func scrape(t *testing.T, r *metrics.MetricsTextRegistry) map[string]*dto.MetricFamily {
	t.Helper()
	server := httptest.NewServer(r)
	defer server.Close()
	res, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, want := expfmt.ResponseFormat(res.Header), expfmt.NewFormat(expfmt.TypeTextPlain); got.FormatType() != want.FormatType() {
		t.Fatalf("the client reads it as %q", got)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func TestExpfmt_EveryKind(t *testing.T) {
	t.Parallel()
	r := metrics.MetricsText(metrics.MetricsTextConfig{})
	r.Counter("c_total", "A \\ and\na line.", "a").Add(2.5, "x")
	r.Gauge("g", "G").Set(-7e-12)
	r.GaugeFunc("inf", "I", func() float64 { return math.Inf(1) })
	h := r.Histogram("h", "H", []float64{0.5, 2}, "a")
	for _, v := range []float64{0.1, 0.5, 1, 3} {
		h.Observe(v, "x")
	}
	s := r.Summary("s", "S", []float64{0.5, 0.99})
	for i := range 1000 {
		s.Observe(float64(i))
	}
	r.Summary("empty", "E", []float64{0.5})

	got := scrape(t, r)
	if c := got["c_total"]; c.GetType() != dto.MetricType_COUNTER || c.GetHelp() != "A \\ and\na line." || c.Metric[0].GetCounter().GetValue() != 2.5 {
		t.Errorf("counter: %v", c)
	}
	if g := got["g"]; g.GetType() != dto.MetricType_GAUGE || g.Metric[0].GetGauge().GetValue() != -7e-12 {
		t.Errorf("gauge: %v", g)
	}
	if v := got["inf"].Metric[0].GetGauge().GetValue(); !math.IsInf(v, 1) {
		t.Errorf("infinite gauge: %v", v)
	}
	hist := got["h"].Metric[0].GetHistogram()
	if got["h"].GetType() != dto.MetricType_HISTOGRAM || hist.GetSampleCount() != 4 || hist.GetSampleSum() != 4.6 || len(hist.Bucket) != 3 {
		t.Fatalf("histogram: %v", hist)
	}
	for i, want := range []uint64{2, 3, 4} {
		if hist.Bucket[i].GetCumulativeCount() != want {
			t.Errorf("bucket %d: %v, want %d", i, hist.Bucket[i], want)
		}
	}
	sum := got["s"].Metric[0].GetSummary()
	if sum.GetSampleCount() != 1000 || sum.GetSampleSum() != 499500 || len(sum.Quantile) != 2 {
		t.Fatalf("summary: %v", sum)
	}
	for i, want := range []float64{499, 989} {
		if v := sum.Quantile[i].GetValue(); math.Abs(v-want) > 0.0201*want {
			t.Errorf("quantile %d: %v, want about %v", i, v, want)
		}
	}
	if v := got["empty"].Metric[0].GetSummary().Quantile[0].GetValue(); !math.IsNaN(v) {
		t.Errorf("empty summary: %v", v)
	}
}

// Label values of any characters are read back unchanged.
func TestExpfmt_LabelValues(t *testing.T) {
	t.Parallel()
	r := metrics.MetricsText(metrics.MetricsTextConfig{})
	c := r.Counter("c_total", "", "a", "b")
	rng := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("\\\"\n\r\t{}=,# aé世\x00\x7f\u2028\U0001F600")
	want := map[[2]string]float64{}
	for range 500 {
		var values [2]string
		for i := range values {
			for range rng.IntN(8) {
				values[i] += string(alphabet[rng.IntN(len(alphabet))])
			}
		}
		c.Inc(values[0], values[1])
		want[values]++
	}
	got := scrape(t, r)["c_total"].GetMetric()
	if len(got) != len(want) {
		t.Errorf("%d series, want %d", len(got), len(want))
	}
	for _, m := range got {
		values := [2]string{m.Label[0].GetValue(), m.Label[1].GetValue()}
		if m.Label[0].GetName() != "a" || m.GetCounter().GetValue() != want[values] {
			t.Errorf("%q: got %v, want %v", values, m, want[values])
		}
	}
}

// Counting and observing, compared with Prometheus' own client, with label
// values looked up each time.
func BenchmarkClients(b *testing.B) {
	r := metrics.MetricsText(metrics.MetricsTextConfig{})
	ours := r.Counter("c_total", "", "method", "code")
	theirs := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "c_total"}, []string{"method", "code"})
	b.Run("count/metrics_text", func(b *testing.B) {
		for b.Loop() {
			ours.Inc("GET", "200")
		}
	})
	b.Run("count/client_golang", func(b *testing.B) {
		for b.Loop() {
			theirs.WithLabelValues("GET", "200").Inc()
		}
	})
	histogram := r.Histogram("h", "", nil, "method")
	theirHistogram := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "h"}, []string{"method"})
	b.Run("observe/metrics_text", func(b *testing.B) {
		for b.Loop() {
			histogram.Observe(0.3, "GET")
		}
	})
	b.Run("observe/client_golang", func(b *testing.B) {
		for b.Loop() {
			theirHistogram.WithLabelValues("GET").Observe(0.3)
		}
	})
}

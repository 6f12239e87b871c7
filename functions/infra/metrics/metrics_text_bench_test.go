package metrics_test

import (
	"expvar"
	"fmt"
	"io"
	"testing"

	"fnregistry.dev/functions/infra/metrics"
)

// Counting, compared with the standard library: an expvar.Map with the labels
// joined to a key.
func BenchmarkMetricsText_Count(b *testing.B) {
	requests := metrics.MetricsText(metrics.MetricsTextConfig{}).Counter("requests_total", "", "method", "code")
	b.Run("Counter", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				requests.Inc("GET", "200")
			}
		})
	})
	byKey := new(expvar.Map)
	b.Run("expvar", func(b *testing.B) {
		b.ReportAllocs()
		method, code := "GET", "200"
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				byKey.Add(method+" "+code, 1)
			}
		})
	})
}

func BenchmarkMetricsText_Observe(b *testing.B) {
	r := metrics.MetricsText(metrics.MetricsTextConfig{})
	histogram, summary := r.Histogram("h", "", nil, "method"), r.Summary("s", "", nil, "method")
	b.Run("Histogram", func(b *testing.B) {
		for b.Loop() {
			histogram.Observe(0.3, "GET")
		}
	})
	b.Run("Summary", func(b *testing.B) {
		for b.Loop() {
			summary.Observe(0.3, "GET")
		}
	})
}

// A page of 1,000 series of a counter and as many of a histogram, 14,000 lines.
func BenchmarkMetricsText_Page(b *testing.B) {
	r := metrics.MetricsText(metrics.MetricsTextConfig{})
	counter, histogram := r.Counter("c_total", "", "path", "code"), r.Histogram("h", "", nil, "path", "code")
	for i := range 1000 {
		counter.Inc(fmt.Sprint("/path/", i), "200")
		histogram.Observe(0.3, fmt.Sprint("/path/", i), "200")
	}
	for b.Loop() {
		n, err := r.WriteTo(io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(n)
	}
}

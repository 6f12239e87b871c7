package core_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"fnregistry.dev/functions/core"
)

// One round takes a million latencies and computes their 50th, 99th and 99.9th
// percentile. It is compared with the usual alternative, keeping all values and
// sorting them. The difference that matters is memory: see B/op.
func BenchmarkQuantileSketch(b *testing.B) {
	rng := rand.New(rand.NewPCG(15, 16))
	values := make([]float64, 1_000_000)
	for i := range values {
		values[i] = math.Exp(rng.NormFloat64())
	}
	percentiles := []float64{0.5, 0.99, 0.999}
	b.Run("sketch", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var s core.QuantileSketch
			for _, v := range values {
				s.Add(v)
			}
			for _, q := range percentiles {
				s.Quantile(q)
			}
		}
	})
	b.Run("keep and sort", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var all []float64
			for i := range len(values) {
				all = append(all, values[i]) // one by one, as they arrive
			}
			slices.Sort(all)
			for _, q := range percentiles {
				_ = all[int(q*float64(len(all)-1))]
			}
		}
	})
}

package metrics

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fnregistry.dev/functions/core"
)

// Counter is a number that only grows; see [MetricsTextRegistry.Counter].
type Counter struct{ *vector[*number] }

// Inc adds 1 to the series of these label values.
func (c *Counter) Inc(values ...string) { c.get(values).add(1) }

// Add adds n to the series of these label values. What is negative or NaN is
// not added.
func (c *Counter) Add(n float64, values ...string) {
	if series := c.get(values); n > 0 {
		series.add(n)
	}
}

// Gauge is a number that goes up and down; see [MetricsTextRegistry.Gauge].
type Gauge struct{ *vector[*number] }

// Set gives the series of these label values the value n.
func (g *Gauge) Set(n float64, values ...string) { g.get(values).bits.Store(math.Float64bits(n)) }

// Add adds n, which may be negative, to the series of these label values.
func (g *Gauge) Add(n float64, values ...string) { g.get(values).add(n) }

// Histogram counts observations by size; see [MetricsTextRegistry.Histogram].
type Histogram struct{ *vector[*buckets] }

// Observe counts one value in the series of these label values. NaN and the
// infinities are not counted.
func (h *Histogram) Observe(value float64, values ...string) {
	if series := h.get(values); isFinite(value) {
		series.observe(value)
	}
}

// Summary estimates quantiles of observations; see
// [MetricsTextRegistry.Summary].
type Summary struct{ *vector[*window] }

// Observe counts one value in the series of these label values. NaN and the
// infinities are not counted.
func (s *Summary) Observe(value float64, values ...string) {
	if series := s.get(values); isFinite(value) {
		series.observe(value)
	}
}

func isFinite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// number is a float that goroutines can add to concurrently.
type number struct{ bits atomic.Uint64 }

func (n *number) add(delta float64) {
	for {
		old := n.bits.Load()
		if n.bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+delta)) {
			return
		}
	}
}

func (n *number) value() float64 { return math.Float64frombits(n.bits.Load()) }

func (n *number) show(p *page, f *family, values []string) { p.line(f, "", values, "", 0, n.value()) }

// called is a metric whose value is computed when it is read.
type called func() float64

func (c called) show(p *page, f *family) { p.line(f, "", nil, "", 0, c()) }

// buckets is one series of a histogram.
type buckets struct {
	bounds []float64
	counts []atomic.Uint64 // not cumulative; the last is for values above all bounds
	sum    number
}

func newBuckets(bounds []float64) *buckets {
	return &buckets{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

func (b *buckets) observe(value float64) {
	at, _ := slices.BinarySearch(b.bounds, value) // the first bound not below value
	b.counts[at].Add(1)
	b.sum.add(value)
}

func (b *buckets) show(p *page, f *family, values []string) {
	var total uint64
	for i := range b.counts {
		total += b.counts[i].Load()
		bound := math.Inf(1)
		if i < len(b.bounds) {
			bound = b.bounds[i]
		}
		p.line(f, "_bucket", values, "le", bound, float64(total))
	}
	p.line(f, "_sum", values, "", 0, b.sum.value())
	p.line(f, "_count", values, "", 0, float64(total))
}

// windowLength is how long a sketch is filled; quantiles cover the current and
// the previous sketch.
const windowLength = 5 * time.Minute

// window is one series of a summary.
type window struct {
	quantiles []float64

	mu            sync.Mutex
	count         uint64
	sum           float64
	began         time.Time // start of current
	current, last *core.QuantileSketch
}

func newWindow(quantiles []float64) *window {
	return &window{quantiles: quantiles, began: time.Now(), current: newSketch(), last: newSketch()}
}

// newSketch spans a factor of e^(2 × 0.02 × 600), 2 × 10^10, in 5 kB.
func newSketch() *core.QuantileSketch {
	return &core.QuantileSketch{RelativeError: 0.02, MaxBuckets: 600}
}

// turn starts a new sketch if it is time. The caller holds the lock.
func (w *window) turn() {
	age := time.Since(w.began)
	if age < windowLength {
		return
	}
	w.last = w.current
	if age >= 2*windowLength {
		w.last = newSketch()
	}
	w.current, w.began = newSketch(), time.Now()
}

func (w *window) observe(value float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn()
	w.current.Add(value)
	w.count++
	w.sum += value
}

func (w *window) show(p *page, f *family, values []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn()
	recent := newSketch()
	_ = recent.Merge(w.last) // can't fail: all have the same settings
	_ = recent.Merge(w.current)
	for _, q := range w.quantiles {
		value, ok := recent.Quantile(q)
		if !ok {
			value = math.NaN() // the format's value for "none"
		}
		p.line(f, "", values, "quantile", q, value)
	}
	p.line(f, "_sum", values, "", 0, w.sum)
	p.line(f, "_count", values, "", 0, float64(w.count))
}

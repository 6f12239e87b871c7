// Package metrics counts what a program does and exposes it to Prometheus and
// others that read its text format.
package metrics

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"

	"fnregistry.dev/functions/core"
)

// MetricsTextConfig says how much a registry may hold.
type MetricsTextConfig struct {
	// MaxSeries is how many different combinations of label values one metric
	// may have. What comes beyond is counted under the label values
	// "_overflow", so that totals stay right and memory bounded. Zero or
	// negative: 1000.
	MaxSeries int
}

// MetricsTextRegistry holds a program's metrics. It is an [http.Handler] that
// shows them, and safe for use by several goroutines, as all metrics are.
//
// A metric is asked for once, mostly where the program is put together, and
// kept. To ask for the same again gives the same one. Names and labels are part
// of the program, not of its input, so a wrong one is a panic with an
// *[core.Error]: a name that Prometheus does not take, one that is used for
// something else, and, when counting, a number of label values that differs
// from the number of labels.
//
// Label values may be anything. They are escaped; what is no UTF-8 becomes
// U+FFFD; and what is past 128 bytes is cut.
type MetricsTextRegistry struct {
	maxSeries int

	mu       sync.RWMutex
	families []*family // sorted by name
	names    map[string]*family
}

var _ http.Handler = (*MetricsTextRegistry)(nil)

// MetricsText returns an empty registry. There is no global one, and nothing is
// in it that the program did not ask for.
//
// More in metrics_text.md:
//   - Wrong usage panics instead of returning an error: a bad or taken name,
//     and a wrong number of label values when counting, which shows only when
//     that line runs.
//   - The order of label values is the order of the labels at Counter, Gauge
//     and so on.
func MetricsText(cfg MetricsTextConfig) *MetricsTextRegistry {
	if cfg.MaxSeries <= 0 {
		cfg.MaxSeries = 1000
	}
	return &MetricsTextRegistry{maxSeries: cfg.MaxSeries, names: map[string]*family{}}
}

// Counter returns the counter of that name: a number that only grows. By
// convention the name ends in _total.
func (r *MetricsTextRegistry) Counter(name, help string, labels ...string) *Counter {
	spec := familySpec{name: name, help: help, kind: "counter", labels: labels}
	return &Counter{register(r, spec, newVector(r, spec, func() *number { return new(number) }))}
}

// Gauge returns the gauge of that name: a number that goes up and down.
func (r *MetricsTextRegistry) Gauge(name, help string, labels ...string) *Gauge {
	spec := familySpec{name: name, help: help, kind: "gauge", labels: labels}
	return &Gauge{register(r, spec, newVector(r, spec, func() *number { return new(number) }))}
}

// CounterFunc shows what value returns as a counter. It is called for each
// scrape, and by several at once. The name must be new.
func (r *MetricsTextRegistry) CounterFunc(name, help string, value func() float64) {
	register(r, familySpec{name: name, help: help, kind: "counter", unique: true}, called(value))
}

// GaugeFunc shows what value returns as a gauge. It is called for each scrape,
// and by several at once. The name must be new.
func (r *MetricsTextRegistry) GaugeFunc(name, help string, value func() float64) {
	register(r, familySpec{name: name, help: help, kind: "gauge", unique: true}, called(value))
}

// Histogram returns the histogram of that name: how many observations were at
// most as large as each of the bounds, which must rise. Nil bounds are those of
// Prometheus' own client, for seconds: 0.005 to 10.
func (r *MetricsTextRegistry) Histogram(name, help string, bounds []float64, labels ...string) *Histogram {
	if bounds == nil {
		bounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
	}
	for i, bound := range bounds {
		if math.IsNaN(bound) || math.IsInf(bound, 0) || (i > 0 && bound <= bounds[i-1]) {
			panicInvalid(name, "the bounds %v are not ascending and finite", bounds)
		}
	}
	bounds = slices.Clone(bounds)
	spec := familySpec{
		name:     name,
		help:     help,
		kind:     "histogram",
		labels:   labels,
		numbers:  bounds,
		reserved: "le",
		suffixes: []string{"_bucket", "_sum", "_count"},
	}
	return &Histogram{register(r, spec, newVector(r, spec, func() *buckets { return newBuckets(bounds) }))}
}

// Summary returns the summary of that name: the quantiles (from 0 to 1) of the
// observations of the last five to ten minutes, each within 2 % of the exact
// value, and the sum and count of all. Nil quantiles are 0.5, 0.9 and 0.99. A
// series takes up to 20 kB, a histogram's some 300 bytes; and summaries of
// several processes can't be added up.
func (r *MetricsTextRegistry) Summary(name, help string, quantiles []float64, labels ...string) *Summary {
	if quantiles == nil {
		quantiles = []float64{0.5, 0.9, 0.99}
	}
	for i, q := range quantiles {
		if !(q >= 0 && q <= 1) || (i > 0 && q <= quantiles[i-1]) {
			panicInvalid(name, "the quantiles %v are not ascending and from 0 to 1", quantiles)
		}
	}
	quantiles = slices.Clone(quantiles)
	spec := familySpec{
		name:     name,
		help:     help,
		kind:     "summary",
		labels:   labels,
		numbers:  quantiles,
		reserved: "quantile",
		suffixes: []string{"_sum", "_count"},
	}
	return &Summary{register(r, spec, newVector(r, spec, func() *window { return newWindow(quantiles) }))}
}

// familySpec holds what must be the same if a metric is registered again,
// except help.
type familySpec struct {
	name, help, kind string
	labels           []string
	numbers          []float64 // bounds or quantiles
	reserved         string    // a label that the kind adds itself
	suffixes         []string  // of further names it appears under
	unique           bool      // can't be registered twice
}

type family struct {
	familySpec
	data shower
}

// shower writes the lines of a family's series.
type shower interface{ show(p *page, f *family) }

// register returns data, or what the registry already has under that name,
// which is of the same type.
func register[T shower](r *MetricsTextRegistry, spec familySpec, data T) T {
	return r.register(spec, data).(T)
}

func (r *MetricsTextRegistry) register(spec familySpec, data shower) shower {
	spec.check()
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.names[spec.name]; old != nil && old.name == spec.name {
		// A kind that is not unique has data of one type.
		if spec.unique || old.unique || old.kind != spec.kind || !slices.Equal(old.labels, spec.labels) || !slices.Equal(old.numbers, spec.numbers) {
			panicInvalid(spec.name, "the name is taken by a %s with labels %q", old.kind, old.labels)
		}
		return old.data
	}
	added := &family{spec, data}
	for _, suffix := range append([]string{""}, spec.suffixes...) {
		if other := r.names[spec.name+suffix]; other != nil {
			panicInvalid(spec.name, "%s%s is shown by the %s %s already", spec.name, suffix, other.kind, other.name)
		}
	}
	for _, suffix := range append([]string{""}, spec.suffixes...) {
		r.names[spec.name+suffix] = added
	}
	at, _ := slices.BinarySearchFunc(
		r.families,
		spec.name,
		func(f *family, name string) int { return strings.Compare(f.name, name) },
	)
	r.families = slices.Insert(r.families, at, added)
	return data
}

func panicInvalid(name, format string, args ...any) {
	panic(&core.Error{Code: core.CodeInvalid, Op: "metrics_text name=" + name, Message: fmt.Sprintf(format, args...)})
}

func (s *familySpec) check() {
	if !validName(s.name, ":") {
		panicInvalid(s.name, "%q is not a valid metric name", s.name)
	}
	for i, label := range s.labels {
		if !validName(label, "") || strings.HasPrefix(label, "__") || label == s.reserved || slices.Contains(s.labels[:i], label) {
			panicInvalid(s.name, "%q is not a valid label name, is reserved, or appears twice", label)
		}
	}
	s.labels = slices.Clone(s.labels)
}

// validName reports whether text is [a-zA-Z_][a-zA-Z0-9_]* with the further
// characters allowed anywhere.
func validName(text, further string) bool {
	for i, c := range text {
		letter := c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strings.ContainsRune(further, c)
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return text != ""
}

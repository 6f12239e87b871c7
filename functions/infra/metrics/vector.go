package metrics

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// overflowValue replaces all label values that arrive once a metric is full.
const overflowValue = "_overflow"

// maxLabelBytes bounds the memory of an untrusted label value.
const maxLabelBytes = 128

// separator joins label values to a key. It is not valid UTF-8, so no stored
// value contains it.
const separator = '\xff'

// vector holds a metric's series by label values.
type vector[S series] struct {
	name      string
	labels    int
	maxSeries int
	fresh     func() S

	mu    sync.RWMutex
	known map[string]S // by the joined label values
}

// series is one combination of label values.
type series interface {
	show(p *page, f *family, values []string)
}

func newVector[S series](r *MetricsTextRegistry, spec familySpec, fresh func() S) *vector[S] {
	v := &vector[S]{
		name:      spec.name,
		labels:    len(spec.labels),
		maxSeries: r.maxSeries,
		fresh:     fresh,
		known:     map[string]S{},
	}
	if v.labels == 0 {
		v.known[""] = fresh() // appears from the start, as zero
	}
	return v
}

// get returns the series of these label values, creating it if there is room.
func (v *vector[S]) get(values []string) S {
	if len(values) != v.labels {
		panicInvalid(v.name, "%d label values for %d labels", len(values), v.labels)
	}
	var buffer [2 * maxLabelBytes]byte // usually enough to look up a key without allocating
	key := appendKey(buffer[:0], values)
	v.mu.RLock()
	series, ok := v.known[string(key)]
	v.mu.RUnlock()
	if ok {
		return series
	}
	return v.add(values)
}

// add creates a series. A raw key contains a separator within a value, if at
// all, in addition to those between values, so it never equals another series'
// key.
func (v *vector[S]) add(values []string) S {
	clean := make([]string, len(values))
	for i, value := range values {
		clean[i] = cleanValue(value)
	}
	key := string(appendKey(nil, clean))
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.known[key]; !ok && len(v.known) >= v.maxSeries {
		for i := range clean {
			clean[i] = overflowValue
		}
		key = string(appendKey(nil, clean))
	}
	series, ok := v.known[key]
	if !ok {
		series = v.fresh()
		v.known[key] = series
	}
	return series
}

func appendKey(key []byte, values []string) []byte {
	for i, value := range values {
		if i > 0 {
			key = append(key, separator)
		}
		key = append(key, value...)
	}
	return key
}

// cleanValue returns a copy, since a value may be a substring of a whole
// request.
func cleanValue(value string) string {
	value = strings.ToValidUTF8(value, "\uFFFD")
	if len(value) <= maxLabelBytes {
		return strings.Clone(value)
	}
	cut := maxLabelBytes
	for !utf8.RuneStart(value[cut]) {
		cut--
	}
	return strings.Clone(value[:cut])
}

// show writes the series in key order.
func (v *vector[S]) show(p *page, f *family) {
	v.mu.RLock()
	known := maps.Clone(v.known)
	v.mu.RUnlock()
	for _, key := range slices.Sorted(maps.Keys(known)) {
		var values []string
		if v.labels > 0 {
			values = strings.Split(key, string([]byte{separator}))
		}
		known[key].show(p, f, values)
	}
}

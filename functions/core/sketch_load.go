package core

import (
	"fmt"
	"math"
	"slices"
)

// load sets s from state, if state is valid.
func (s *QuantileSketch) load(state *sketchState, op string) error {
	next := QuantileSketch{RelativeError: state.RelativeError, MaxBuckets: state.MaxBuckets}
	next.init()
	wrong := func(format string, args ...any) error {
		return &Error{Code: CodeInvalid, Op: op, Message: fmt.Sprintf(format, args...)}
	}
	if next.relativeError != state.RelativeError {
		return wrong("relative error %v is not from %v to %v", state.RelativeError, sketchErrorMin, sketchErrorMax)
	}
	if next.maxBuckets != state.MaxBuckets {
		return wrong("max buckets %d is not from %d to %d", state.MaxBuckets, sketchBucketsMin, sketchBucketsMax)
	}
	if !next.positive.load(state.Positive, next.maxBuckets, next.logGamma) || !next.negative.load(state.Negative, next.maxBuckets, next.logGamma) {
		return wrong("invalid buckets")
	}
	next.zeros, next.count = state.Zeros, state.Zeros
	for _, total := range []uint64{next.positive.total, next.negative.total} {
		if next.count > math.MaxUint64-total {
			return wrong("more values than can be counted")
		}
		next.count += total
	}
	if next.count != state.Count {
		return wrong("count is %d, but the buckets hold %d", state.Count, next.count)
	}
	next.sum, next.min, next.max = state.Sum, state.Min, state.Max
	if !next.boundsFit() {
		return wrong("sum, min and max do not fit the buckets")
	}
	*s = next
	return nil
}

// boundsFit reports whether the signs of sum, min and max are consistent with
// the values in the buckets.
func (s *QuantileSketch) boundsFit() bool {
	for _, f := range []float64{s.sum, s.min, s.max} {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return false
		}
	}
	if s.count == 0 {
		return s.sum == 0 && s.min == 0 && s.max == 0
	}
	if s.min > s.max || (s.min < 0) != (s.negative.total > 0) || (s.max > 0) != (s.positive.total > 0) {
		return false
	}
	return s.zeros == 0 || (s.min <= 0 && s.max >= 0)
}

// load adopts a run whose first and last bucket are not empty and whose indexes
// a float's magnitude can have.
func (b *sketchBuckets) load(run sketchRun, limit int, logGamma float64) bool {
	*b = sketchBuckets{}
	if len(run.Counts) == 0 {
		return true
	}
	lowest := int(math.Floor(math.Log(math.SmallestNonzeroFloat64)/logGamma)) - 1
	highest := int(math.Ceil(math.Log(math.MaxFloat64)/logGamma)) + 1
	last := len(run.Counts) - 1
	if last >= limit || run.Offset < lowest || run.Offset > highest-last || run.Counts[0] == 0 || run.Counts[last] == 0 {
		return false
	}
	for _, n := range run.Counts {
		if b.total > math.MaxUint64-n {
			return false
		}
		b.total += n
	}
	b.offset, b.counts = run.Offset, slices.Clone(run.Counts)
	return true
}

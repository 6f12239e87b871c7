package core

import (
	"cmp"
	"fmt"
	"math"
)

// Bounds on the settings of QuantileSketch.
const (
	sketchErrorDefault, sketchErrorMin, sketchErrorMax       = 0.01, 1e-4, 0.5
	sketchBucketsDefault, sketchBucketsMin, sketchBucketsMax = 2048, 16, 1 << 16
)

// QuantileSketch estimates quantiles of a stream of numbers in bounded memory.
// It is the DDSketch of Masson, Rim and Lee ("DDSketch: A Fast and
// Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", PVLDB
// 12(12), 2019).
//
// The bound: where v is the exact value at a rank, [QuantileSketch.Quantile]
// returns one within RelativeError × |v| of it, for every quantile, however
// many values there are and however they are distributed. It holds while the
// largest and the smallest magnitude (of each sign) differ by less than a
// factor of about e^(2 × RelativeError × MaxBuckets): 6 × 10^17 by default,
// nanoseconds to decades. Past that the smallest magnitudes share a bucket, and
// the bound is lost for them alone.
//
// It can be written and read as JSON and, smaller, through
// encoding.BinaryMarshaler.
//
// The zero value is ready to use. The fields are read at the first use; a
// change after that has no effect. A sketch must not be copied once it is used,
// nor used from several goroutines without a lock.
//
// More in quantile_sketch.md:
//   - The error is relative to the value, not to the rank: p99 of 200 ms comes
//     within 2 ms.
//   - Not safe for several goroutines.
type QuantileSketch struct {
	RelativeError float64 // zero or NaN: 0.01; else from 0.0001 to 0.5, numbers outside count as the nearest bound
	MaxBuckets    int     // for each sign, 8 bytes each; zero: 2048; else from 16 to 65536, likewise

	maxBuckets         int     // in effect; zero: not used yet
	relativeError      float64 // as above
	logGamma           float64
	positive, negative sketchBuckets // negative: by magnitude
	zeros, count       uint64
	sum, min, max      float64
}

func (s *QuantileSketch) init() {
	if s.maxBuckets != 0 {
		return
	}
	if math.IsNaN(s.RelativeError) {
		s.RelativeError = 0
	}
	s.relativeError = min(max(cmp.Or(s.RelativeError, sketchErrorDefault), sketchErrorMin), sketchErrorMax)
	s.maxBuckets = min(max(cmp.Or(s.MaxBuckets, sketchBucketsDefault), sketchBucketsMin), sketchBucketsMax)
	s.logGamma = math.Log((1 + s.relativeError) / (1 - s.relativeError))
}

// Add counts one value. NaN and the infinities are not counted, and give false.
func (s *QuantileSketch) Add(value float64) bool {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return false
	}
	s.init()
	switch {
	case value > 0:
		s.positive.add(s.index(value), 1, s.maxBuckets)
	case value < 0:
		s.negative.add(s.index(-value), 1, s.maxBuckets)
	default:
		s.zeros++
	}
	s.note(1, value, value, value)
	return true
}

// index returns the number i of the bucket (γ^(i-1), γ^i] that holds the
// magnitude.
func (s *QuantileSketch) index(magnitude float64) int {
	const smallestNormal, scale = 0x1p-1022, 64
	log := 0.0
	if magnitude < smallestNormal { // math.Log of Go 1.26 returns about -709 for every subnormal on amd64
		log = math.Log(magnitude*(1<<scale)) - scale*math.Ln2
	} else {
		log = math.Log(magnitude)
	}
	return int(math.Ceil(log / s.logGamma))
}

// estimate returns 2γ^i/(γ+1), which is within the relative error of everything
// in bucket i. Since γ+1 is 2/(1-relativeError), that equals γ^i ×
// (1-relativeError).
// The power is computed as the square of its root because math.Exp of Go 1.26
// on amd64 is infinite from 709.44, a factor of 1.4 too early.
func (s *QuantileSketch) estimate(index int) float64 {
	root := math.Exp((float64(index)*s.logGamma + math.Log1p(-s.relativeError)) / 2)
	return root * root
}

// note updates the exact fields. The sum stays finite, so that it can be
// written as JSON.
func (s *QuantileSketch) note(count uint64, sum, least, most float64) {
	if s.count == 0 {
		s.min, s.max = least, most
	}
	s.min, s.max = min(s.min, least), max(s.max, most)
	s.sum = min(max(s.sum+sum, -math.MaxFloat64), math.MaxFloat64)
	s.count += count
}

// Quantile returns the estimate of the value at rank floor(q × (count-1)) of
// the sorted values: q 0.5 is the median, 0 and 1 are the exact least and
// greatest value. It is false where the sketch is empty or q is not from 0 to
// 1.
func (s *QuantileSketch) Quantile(q float64) (value float64, ok bool) {
	if s.count == 0 || !(q >= 0 && q <= 1) {
		return 0, false
	}
	// Near 2^64 the float rounds to a value that no uint64 holds, so the ends
	// are exact rather than computed.
	switch q {
	case 0:
		return s.min, true
	case 1:
		return s.max, true
	}
	rank := min(uint64(q*float64(s.count-1)), s.count-1)
	switch negatives := s.negative.total; {
	case rank < negatives:
		value = -s.estimate(s.negative.at(negatives - 1 - rank))
	case rank < negatives+s.zeros:
		value = 0
	default:
		value = s.estimate(s.positive.at(rank - negatives - s.zeros))
	}
	// An exact bound is never further from the true value than an estimate
	// beyond it, and keeps the estimate finite.
	return min(max(value, s.min), s.max), true
}

// Merge adds all that other has counted; other is unchanged and may be s
// itself. Between sketches of the same MaxBuckets the result is the same as if
// all values had been added to one of them; else the MaxBuckets of s holds for
// it. It fails with [CodeInvalid] where other has another RelativeError; then s
// is unchanged. A nil or empty one adds nothing.
func (s *QuantileSketch) Merge(other *QuantileSketch) error {
	if other == nil || other.count == 0 {
		return nil
	}
	s.init()
	if s.relativeError != other.relativeError {
		return &Error{
			Code: CodeInvalid, Op: "quantile_sketch merge",
			Message: fmt.Sprintf("the relative errors differ: %v and %v", s.relativeError, other.relativeError),
		}
	}
	if s.count > math.MaxUint64-other.count {
		return &Error{Code: CodeInvalid, Op: "quantile_sketch merge", Message: "more values than can be counted"}
	}
	s.positive.merge(&other.positive, s.maxBuckets)
	s.negative.merge(&other.negative, s.maxBuckets)
	s.zeros += other.zeros
	s.note(other.count, other.sum, other.min, other.max)
	return nil
}

// Count returns how many values were counted.
func (s *QuantileSketch) Count() uint64 { return s.count }

// Sum returns the sum of all values, with the rounding that adding floats has;
// past the largest float it stays there.
func (s *QuantileSketch) Sum() float64 { return s.sum }

// Min returns the least value, exactly; 0 where there is none.
func (s *QuantileSketch) Min() float64 { return s.min }

// Max returns the greatest value, exactly; 0 where there is none.
func (s *QuantileSketch) Max() float64 { return s.max }

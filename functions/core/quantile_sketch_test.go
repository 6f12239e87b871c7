package core_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"fnregistry.dev/functions/core"
)

// Distributions that latencies, sizes and differences typically have.
var sketchDistributions = map[string]func(*rand.Rand) float64{
	"uniform":       func(r *rand.Rand) float64 { return r.Float64() * 1000 },
	"exponential":   func(r *rand.Rand) float64 { return r.ExpFloat64() },
	"log-normal":    func(r *rand.Rand) float64 { return math.Exp(2 * r.NormFloat64()) },
	"pareto":        func(r *rand.Rand) float64 { return math.Pow(1-r.Float64(), -1) },
	"normal":        func(r *rand.Rand) float64 { return r.NormFloat64() },
	"negative":      func(r *rand.Rand) float64 { return -r.ExpFloat64() },
	"small whole":   func(r *rand.Rand) float64 { return float64(r.IntN(7) - 3) },
	"one value":     func(*rand.Rand) float64 { return 42 },
	"two far peaks": func(r *rand.Rand) float64 { return []float64{1e-3, 1e6}[r.IntN(2)] * (1 + r.Float64()/10) },
	"nanoseconds":   func(r *rand.Rand) float64 { return math.Pow(10, 9*r.Float64()) },
	"mostly zero":   func(r *rand.Rand) float64 { return max(0, r.NormFloat64()-1) },
}

func sketchOf(relativeError float64, values ...float64) *core.QuantileSketch {
	s := &core.QuantileSketch{RelativeError: relativeError}
	for _, v := range values {
		s.Add(v)
	}
	return s
}

// worstError compares with the exact quantiles and returns the largest relative
// error.
func worstError(t *testing.T, s *core.QuantileSketch, values []float64, from float64) float64 {
	t.Helper()
	sorted := slices.Sorted(slices.Values(values))
	worst := 0.0
	for i := range 1001 {
		q := float64(i) / 1000
		if q < from {
			continue
		}
		got, ok := s.Quantile(q)
		if !ok {
			t.Fatalf("no quantile %v", q)
		}
		want := sorted[int(q*float64(len(sorted)-1))]
		switch {
		case got == want:
		case want == 0:
			worst = math.Inf(1)
		default:
			worst = max(worst, math.Abs(got-want)/math.Abs(want))
		}
	}
	return worst
}

func TestQuantileSketch_RelativeErrorBound(t *testing.T) {
	t.Parallel()
	const rounding = 1e-9 // of math.Log and math.Exp, relative to the bound
	for name, next := range sketchDistributions {
		for _, bound := range []float64{0.001, 0.01, 0.1} {
			rng := rand.New(rand.NewPCG(7, 8))
			values := make([]float64, 20_000)
			for i := range values {
				values[i] = next(rng)
			}
			s := &core.QuantileSketch{RelativeError: bound, MaxBuckets: 1 << 16}
			for _, v := range values {
				s.Add(v)
			}
			worst := worstError(t, s, values, 0)
			if worst > bound*(1+rounding) {
				t.Errorf("%s: the error is %v, above the bound %v", name, worst, bound)
			}
			// The bound is used up, not merely kept: an error that is always
			// tiny would waste memory.
			if name == "uniform" && worst < bound/2 {
				t.Errorf("%s: the error is only %v of %v", name, worst, bound)
			}
		}
	}
}

// The default sketch keeps its bound over the whole range that its doc comment
// names.
func TestQuantileSketch_DefaultRange(t *testing.T) {
	t.Parallel()
	var s core.QuantileSketch
	var values []float64
	for v := 1e-9; v < 6e8; v *= 1.003 {
		values = append(values, v)
		s.Add(v)
	}
	if worst := worstError(t, &s, values, 0); worst > 0.01*(1+1e-9) {
		t.Errorf("the error is %v", worst)
	}
}

func TestQuantileSketch_Exact(t *testing.T) {
	t.Parallel()
	s := sketchOf(0, 3, -1, 0, 2.5)
	if s.Count() != 4 || s.Sum() != 4.5 || s.Min() != -1 || s.Max() != 3 {
		t.Errorf("count %d, sum %v, min %v, max %v", s.Count(), s.Sum(), s.Min(), s.Max())
	}
	for q, want := range map[float64]float64{0: -1, 0.34: 0, 1: 3} {
		if got, ok := s.Quantile(q); got != want || !ok {
			t.Errorf("quantile %v: got %v, %v, want %v", q, got, ok, want)
		}
	}
}

func TestQuantileSketch_NoAnswer(t *testing.T) {
	t.Parallel()
	var empty core.QuantileSketch
	if _, ok := empty.Quantile(0.5); ok {
		t.Error("an empty sketch has a median")
	}
	s := sketchOf(0, 1)
	for _, q := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		if _, ok := s.Quantile(q); ok {
			t.Errorf("there is a quantile %v", q)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if s.Add(v) {
			t.Errorf("%v was counted", v)
		}
	}
	if s.Count() != 1 || s.Sum() != 1 {
		t.Errorf("count %d, sum %v", s.Count(), s.Sum())
	}
}

func TestQuantileSketch_Extremes(t *testing.T) {
	t.Parallel()
	for _, values := range [][]float64{
		{math.SmallestNonzeroFloat64, math.SmallestNonzeroFloat64 * 3, 1e-320, 1e-310},
		{1.6e308, 1.7e308, 1.75e308, math.MaxFloat64},
		{-math.MaxFloat64, -1.75e308, -1.6e308},
		{math.SmallestNonzeroFloat64},
	} {
		s := sketchOf(0.01, values...)
		if worst := worstError(t, s, values, 0); worst > 0.01*(1+1e-9) {
			t.Errorf("%v: the error is %v", values, worst)
		}
		if sum := s.Sum(); math.IsInf(sum, 0) {
			t.Errorf("%v: the sum is %v", values, sum)
		}
	}
}

func TestQuantileSketch_Settings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		set     core.QuantileSketch
		bound   float64
		buckets int
	}{
		{core.QuantileSketch{}, 0.01, 2048},
		{core.QuantileSketch{RelativeError: 0.02, MaxBuckets: 100}, 0.02, 100},
		{core.QuantileSketch{RelativeError: -3, MaxBuckets: -3}, 0.0001, 16},
		{core.QuantileSketch{RelativeError: 3, MaxBuckets: 1 << 30}, 0.5, 1 << 16},
		{core.QuantileSketch{RelativeError: math.NaN()}, 0.01, 2048},
	} {
		got := wireOf(t, &c.set)
		if got.RelativeError != c.bound || got.MaxBuckets != c.buckets {
			t.Errorf("%v, %v: got %v, %v, want %v, %v", c.set.RelativeError, c.set.MaxBuckets, got.RelativeError, got.MaxBuckets, c.bound, c.buckets)
		}
	}
}

// Values over 600 orders of magnitude, in ascending, descending and random
// order: memory stays bounded, and the quantiles in the upper buckets keep
// their bound. Which buckets those are does not depend on the order.
func TestQuantileSketch_BoundedMemory(t *testing.T) {
	t.Parallel()
	const buckets, n = 200, 6000
	rising := make([]float64, n)
	for i := range rising {
		rising[i] = math.Pow(10, -300+600*float64(i)/n)
	}
	falling := slices.Clone(rising)
	slices.Reverse(falling)
	random := slices.Clone(rising)
	rand.New(rand.NewPCG(9, 10)).Shuffle(n, func(i, j int) { random[i], random[j] = random[j], random[i] })

	var first wire
	for i, values := range [][]float64{rising, falling, random} {
		s := &core.QuantileSketch{RelativeError: 0.05, MaxBuckets: buckets}
		for _, v := range values {
			s.Add(v)
			s.Add(-v)
		}
		got := wireOf(t, s)
		if len(got.Positive.Counts) != buckets || len(got.Negative.Counts) != buckets {
			t.Errorf("%d and %d buckets, want %d", len(got.Positive.Counts), len(got.Negative.Counts), buckets)
		}
		// 200 buckets of e^0.1 each are 8.7 of 600 orders of magnitude: the
		// highest 1.4 % of each sign.
		upper := sketchOf(0.05)
		upper.MaxBuckets = buckets
		for _, v := range values {
			upper.Add(v)
		}
		if worst := worstError(t, upper, values, 0.99); worst > 0.05*(1+1e-9) {
			t.Errorf("the error in the upper buckets is %v", worst)
		}
		got.Sum = 0 // rounds differently
		if i == 0 {
			first = got
		} else if !equalWire(got, first) {
			t.Error("the sketch depends on the order of the values")
		}
	}
}

func TestQuantileSketch_Merge(t *testing.T) {
	t.Parallel()
	for name, next := range sketchDistributions {
		rng := rand.New(rand.NewPCG(11, 12))
		var parts [3]core.QuantileSketch
		var whole core.QuantileSketch
		for i := range parts {
			parts[i].MaxBuckets = 64 // small, so that some of them collapse
		}
		whole.MaxBuckets = 64
		for i := range 3000 {
			v := math.Round(next(rng)*16) / 16 // sums of such values are exact
			parts[i%3].Add(v)
			whole.Add(v)
		}
		for _, order := range [][]int{{0, 1, 2}, {2, 0, 1}} {
			merged := core.QuantileSketch{MaxBuckets: 64}
			for _, i := range order {
				if err := merged.Merge(&parts[i]); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := wireOf(t, &merged), wireOf(t, &whole); !equalWire(got, want) {
				t.Errorf("%s: merged %+v, whole %+v", name, got, want)
			}
		}
	}
}

func TestQuantileSketch_MergeSelfAndEmpty(t *testing.T) {
	t.Parallel()
	s := sketchOf(0, -2, 0, 1, 5)
	var empty core.QuantileSketch
	for _, other := range []*core.QuantileSketch{nil, &empty, s} {
		if err := s.Merge(other); err != nil {
			t.Fatal(err)
		}
	}
	if want := wireOf(t, sketchOf(0, -2, -2, 0, 0, 1, 1, 5, 5)); !equalWire(wireOf(t, s), want) {
		t.Errorf("got %+v, want %+v", wireOf(t, s), want)
	}
	if err := empty.Merge(s); err != nil || empty.Min() != -2 || empty.Count() != 8 {
		t.Errorf("%v: %+v", err, wireOf(t, &empty))
	}
}

func TestQuantileSketch_MergeRefusesOtherError(t *testing.T) {
	t.Parallel()
	s := sketchOf(0.01, 1, 2)
	before := wireOf(t, s)
	err := s.Merge(sketchOf(0.02, 3))
	if core.ErrorCode(err) != core.CodeInvalid || !equalWire(wireOf(t, s), before) {
		t.Errorf("%v: %+v", err, wireOf(t, s))
	}
	other := sketchOf(0.01, 3)
	other.MaxBuckets = 99 // after the first use: no effect
	if err := s.Merge(other); err != nil || s.Count() != 3 {
		t.Errorf("%v: count %d", err, s.Count())
	}
}

// wire is the JSON form as another program would read it.
type wire struct {
	RelativeError      float64 `json:"relative_error"`
	MaxBuckets         int     `json:"max_buckets"`
	Count, Zeros       uint64
	Sum, Min, Max      float64
	Positive, Negative struct {
		Offset int
		Counts []uint64
	}
}

func wireOf(t testing.TB, s *core.QuantileSketch) wire {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var w wire
	if err := json.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

func equalWire(a, b wire) bool {
	if !slices.Equal(a.Positive.Counts, b.Positive.Counts) || !slices.Equal(a.Negative.Counts, b.Negative.Counts) {
		return false
	}
	return a.RelativeError == b.RelativeError && a.MaxBuckets == b.MaxBuckets && a.Count == b.Count && a.Zeros == b.Zeros &&
		a.Sum == b.Sum && a.Min == b.Min && a.Max == b.Max && a.Positive.Offset == b.Positive.Offset && a.Negative.Offset == b.Negative.Offset
}

package core_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
)

func TestBackoffDelay_Growth(t *testing.T) {
	t.Parallel()
	const s = time.Second
	plain := core.BackoffDelayConfig{Jitter: -1}
	for _, c := range []struct {
		name string
		cfg  core.BackoffDelayConfig
		want []time.Duration // attempts 0, 1, 2, ...
	}{
		{"defaults", plain, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s}},
		{"own values", core.BackoffDelayConfig{Initial: 10, Max: 200, Factor: 3, Jitter: -1}, []time.Duration{10, 30, 90, 200, 200}},
		{"constant", core.BackoffDelayConfig{Initial: s, Factor: 1, Jitter: -1}, []time.Duration{s, s, s}},
		{"a factor below 1 counts as 1", core.BackoffDelayConfig{Initial: s, Factor: 0.5, Jitter: -1}, []time.Duration{s, s, s}},
		{"initial over max", core.BackoffDelayConfig{Initial: 5 * s, Max: 2 * s, Jitter: -1}, []time.Duration{2 * s, 2 * s}},
		{"floor", core.BackoffDelayConfig{Jitter: -1, Floor: 3 * s}, []time.Duration{3 * s, 3 * s, 4 * s, 8 * s}},
		{"floor over max", core.BackoffDelayConfig{Jitter: -1, Floor: 90 * s}, []time.Duration{90 * s, 90 * s}},
		{"not numbers", core.BackoffDelayConfig{Factor: math.NaN(), Jitter: -math.MaxFloat64, Initial: -1, Max: -1, Floor: -1}, []time.Duration{s, 2 * s, 4 * s}},
	} {
		for attempt, want := range c.want {
			if got := core.BackoffDelay(c.cfg, attempt, 0.9); got != want {
				t.Errorf("%s: attempt %d: got %v, want %v", c.name, attempt, got, want)
			}
		}
	}
	if got := core.BackoffDelay(plain, -7, 0); got != s {
		t.Errorf("a negative attempt gives %v, want %v", got, s)
	}
}

func TestBackoffDelay_Jitter(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, c := range []struct {
		jitter, fraction float64
		floor, want      time.Duration
	}{
		{0, 0, 0, 8 * s},
		{0, 0.5, 0, 6 * s},
		{0, 1, 0, 4 * s},
		{1, 0.75, 0, 2 * s},
		{1, 1, 0, 0},
		{7, 1, 0, 0},
		{math.NaN(), 1, 0, 4 * s},
		{-1, 0.5, 0, 8 * s},
		{1, -3, 0, 8 * s},
		{1, 3, 0, 0},
		{1, math.NaN(), 0, 8 * s},
		{1, 0.5, 3 * s, 4 * s},           // above the floor: unchanged
		{1, 0.75, 3 * s, (3 + 6) * s},    // below it: floor plus spread
		{0.5, 0.5, 30 * s, (30 + 2) * s}, // Retry-After: 30
	} {
		cfg := core.BackoffDelayConfig{Jitter: c.jitter, Floor: c.floor}
		if got := core.BackoffDelay(cfg, 3, c.fraction); got != c.want {
			t.Errorf("jitter %v fraction %v floor %v: got %v, want %v", c.jitter, c.fraction, c.floor, got, c.want)
		}
	}
}

func TestBackoffDelay_NoOverflow(t *testing.T) {
	t.Parallel()
	huge := time.Duration(math.MaxInt64)
	for _, cfg := range []core.BackoffDelayConfig{
		{},
		{Initial: huge, Max: huge, Factor: math.MaxFloat64, Jitter: 1},
		{Initial: huge, Max: huge, Factor: math.Inf(1), Jitter: -1, Floor: huge},
		{Initial: 1, Max: huge, Factor: 1.0000001, Jitter: 1, Floor: huge - 1},
	} {
		for _, attempt := range []int{0, 1, 62, 63, 64, 1 << 20, math.MaxInt} {
			for _, fraction := range []float64{0, 0.5, math.Nextafter(1, 0), 1} {
				if got := core.BackoffDelay(cfg, attempt, fraction); got < 0 || got < cfg.Floor {
					t.Errorf("%+v attempt %d fraction %v: got %d", cfg, attempt, fraction, got)
				}
			}
		}
	}
}

// Whatever the input, the wait stays between Floor and Floor or Max plus its
// jitter, and without jitter it never shrinks from one attempt to the next.
func FuzzBackoffDelay(f *testing.F) {
	f.Add(int64(0), int64(0), 0.0, 0.0, int64(0), 3, 0.5)
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64), 10.0, 1.0, int64(math.MaxInt64), 900, 0.999)
	f.Add(int64(1), int64(math.MaxInt64-1), 1.5, -1.0, int64(7), math.MaxInt, -1e-9)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		f.Add(rng.Int64(), rng.Int64(), rng.ExpFloat64()*3, rng.Float64(), rng.Int64N(1<<40), rng.IntN(100), rng.Float64())
	}
	f.Fuzz(func(t *testing.T, initial, maximum int64, factor, jitter float64, floor int64, attempt int, fraction float64) {
		cfg := core.BackoffDelayConfig{Initial: time.Duration(initial), Max: time.Duration(maximum), Factor: factor, Jitter: jitter, Floor: time.Duration(floor)}
		got := core.BackoffDelay(cfg, attempt, fraction)
		ceiling := cfg.Max
		if ceiling <= 0 {
			ceiling = time.Minute
		}
		if got < 0 || got < cfg.Floor {
			t.Fatalf("%+v: %d is below the floor", cfg, got)
		}
		if got > ceiling && got-ceiling > max(cfg.Floor, 0) {
			t.Fatalf("%+v: %d exceeds max plus floor", cfg, got)
		}
		cfg.Jitter = -1
		if next := max(attempt, 0); next < math.MaxInt {
			if a, b := core.BackoffDelay(cfg, next, fraction), core.BackoffDelay(cfg, next+1, fraction); b < a {
				t.Fatalf("%+v: %d at attempt %d, then %d", cfg, a, next, b)
			}
		}
	})
}

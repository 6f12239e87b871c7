package core

import (
	"cmp"
	"math"
	"time"
)

// BackoffDelayConfig says how the waits between tries grow. The zero value is
// usable: 1 s, 2 s, 4 s ... 60 s, each shortened at random by up to a half.
type BackoffDelayConfig struct {
	Initial time.Duration // wait before the first new try, before jitter; zero or negative: 1 s
	Max     time.Duration // ceiling, before Floor is applied; zero or negative: 60 s
	Factor  float64       // growth from one try to the next, at least 1 (1: always Initial); zero, negative, NaN: 2
	Jitter  float64       // share of the wait that jitter may remove, up to 1 (all of it); zero or NaN: 0.5; negative: none
	Floor   time.Duration // minimum wait, such as a server's Retry-After; zero: no floor
}

// BackoffDelay returns how long to wait before try number attempt, where 0 is
// the first one after a failure (and is what a negative number counts as). The
// random number is passed as fraction, in [0,1): rand.Float64() in a program, a
// constant in a test. A fraction outside is taken as the nearest bound, NaN as
// 0.
//
// The wait is base × (1 - Jitter × fraction) with base = min(Max, Initial ×
// Factor^attempt), so it never passes Max. Where that is under Floor, it is
// Floor plus the part that jitter removed: callers that were all given the same
// Retry-After then don't come back in the same moment, and no one comes back
// too early.
//
// More in backoff_delay.md:
//   - It does not sleep, count or give up.
//   - attempt starts at 0, not 1.
func BackoffDelay(cfg BackoffDelayConfig, attempt int, fraction float64) time.Duration {
	cfg = cfg.withDefaults()
	base := cfg.Max
	// Computed in floats: a product beyond the range of a Duration is +Inf or
	// just larger than Max.
	if grown := float64(cfg.Initial) * math.Pow(cfg.Factor, float64(max(attempt, 0))); grown < float64(cfg.Max) {
		base = time.Duration(grown)
	}
	if !(fraction > 0) { // true for NaN too
		fraction = 0
	}
	spread := min(base, time.Duration(float64(base)*cfg.Jitter*min(fraction, 1)))
	if spread < 0 { // float64(base) rounded up to 2^63, which overflows int64 with a result that depends on the processor
		spread = base
	}
	if base-spread >= cfg.Floor {
		return base - spread
	}
	if cfg.Floor > math.MaxInt64-spread {
		return math.MaxInt64
	}
	return cfg.Floor + spread
}

func (cfg BackoffDelayConfig) withDefaults() BackoffDelayConfig {
	if cfg.Initial <= 0 {
		cfg.Initial = time.Second
	}
	if cfg.Max <= 0 {
		cfg.Max = time.Minute
	}
	if !(cfg.Factor > 0) {
		cfg.Factor = 2
	}
	cfg.Factor = max(cfg.Factor, 1)
	if math.IsNaN(cfg.Jitter) {
		cfg.Jitter = 0
	}
	cfg.Jitter = min(max(cmp.Or(cfg.Jitter, 0.5), 0), 1)
	return cfg
}

package fault

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// EnvSeed names the environment variable with the seed, a decimal number of 64
// bits, that all proxies take instead of a random one: what a failed test
// printed.
const EnvSeed = "FAULT_SEED"

// newSeed returns the seed for a proxy.
func newSeed(t testing.TB) uint64 {
	t.Helper()
	text := os.Getenv(EnvSeed)
	if text == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("fault: %s: %v", EnvSeed, err)
	}
	return seed
}

// seedGiven reports whether the environment names a seed.
func seedGiven() bool { return os.Getenv(EnvSeed) != "" }

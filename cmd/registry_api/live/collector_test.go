package live

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestPace_Growth(t *testing.T) {
	t.Parallel()
	p := pace{small: 192 << 20, percent: 30}
	for live, want := range map[uint64]int{
		0: 4700, 1 << 20: 4700, 4 << 20: 4700, 48 << 20: 300, 96 << 20: 100, 160 << 20: 30, 192 << 20: 30, 1 << 40: 30,
	} {
		if got := p.growth(live); got != want {
			t.Errorf("%d MiB: %d %%, want %d", live>>20, got, want)
		}
	}
	p.large = 320 << 20
	for live, want := range map[uint64]int{
		48 << 20: 300, 96 << 20: 100, 128 << 20: 100, 160 << 20: 100, 200 << 20: 60, 256 << 20: 30, 1 << 40: 30,
	} {
		if got := p.growth(live); got != want {
			t.Errorf("up to 320 MiB, %d MiB: %d %%, want %d", live>>20, got, want)
		}
	}
}

// TestCollector: each collection sets the pace of the next one, until it is
// stopped. It changes the process's GC percentage, so it runs alone.
func TestCollector(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(100)
	current := func() int {
		percent := debug.SetGCPercent(100)
		debug.SetGCPercent(percent)
		return percent
	}
	until := func(what string, ok func(percent int) bool) {
		t.Helper()
		for range 1000 {
			if ok(current()) {
				return
			}
			runtime.GC() // what runs after a collection needs a moment
		}
		t.Fatalf("%s: %d %%", what, current())
	}
	c := startCollector(pace{small: 192 << 20, percent: 30})
	defer c.stop()
	small := current()
	if small <= 100 {
		t.Fatalf("a small heap is collected at %d %%", small)
	}
	kept := make([]byte, 150<<20)
	until("much is kept", func(percent int) bool { return percent >= 0 && percent < 30+10 })
	runtime.KeepAlive(kept)
	kept = nil
	until("little is kept", func(percent int) bool { return percent > 100 })

	kept = make([]byte, 60<<20)
	c.settle(pace{small: 32 << 20, percent: 27})
	until("loaded", func(percent int) bool { return percent == 27 })
	runtime.KeepAlive(kept)
	c.stop()
	debug.SetGCPercent(77)
	for range 5 {
		runtime.GC()
	}
	if got := current(); got != 77 {
		t.Errorf("stopped, and it sets %d %%", got)
	}
}

// TestCollector_GOGC: a GOGC from the environment is left alone.
func TestCollector_GOGC(t *testing.T) {
	t.Setenv("GOGC", "150")
	defer debug.SetGCPercent(debug.SetGCPercent(150))
	c := startCollector(pace{small: 192 << 20, percent: 30})
	c.settle(serving)
	runtime.GC()
	if got := debug.SetGCPercent(150); got != 150 {
		t.Errorf("GOGC is 150, and it sets %d", got)
	}
}

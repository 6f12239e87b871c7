package live

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

const (
	// smallHeap is a heap in bytes under which collections are not worth their
	// time: a first start would make fifty of them before it keeps as much.
	smallHeap = 192 << 20
	// leastHeap is what the runtime takes a smaller heap for.
	leastHeap = 4 << 20
	// loadPercent and keptPercent are how far the heap grows beyond what is kept
	// until the next collection, while a registry is loaded and then. What is kept
	// is large and lives long; the garbage of an answer is small.
	loadPercent = 30
	keptPercent = 25
)

// growth is the GC percentage at which a heap with so many live bytes is
// collected next: at smallHeap, or percent beyond what lives.
func growth(live uint64, percent int) int {
	live = max(live, leastHeap)
	return max(percent, int((float64(smallHeap)/float64(live)-1)*100))
}

// collector paces the garbage collector: after each collection it sets when the
// next one comes. GOGC, if set, wins, and nothing is changed.
type collector struct {
	percent atomic.Int64
	stopped atomic.Bool
}

func startCollector(percent int) *collector {
	c := &collector{}
	c.percent.Store(int64(percent))
	if os.Getenv("GOGC") != "" {
		c.stopped.Store(true)
		return c
	}
	c.pace()
	c.afterNext()
	return c
}

// afterNext calls pace when the next collection has found the mark unreachable.
func (c *collector) afterNext() {
	type mark struct{ _ [16]byte }
	runtime.AddCleanup(&mark{}, func(c *collector) {
		if !c.stopped.Load() {
			c.pace()
			c.afterNext()
		}
	}, c)
}

func (c *collector) pace() {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	debug.SetGCPercent(growth(sample[0].Value.Uint64(), int(c.percent.Load())))
}

// settle gives back what loading took, and paces for what is kept.
func (c *collector) settle() {
	c.percent.Store(keptPercent)
	debug.FreeOSMemory() // collects, and so paces
}

// stop leaves the pace as it is.
func (c *collector) stop() { c.stopped.Store(true) }

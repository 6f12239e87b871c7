package live

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// pace determines when a heap is collected: at small bytes, at twice the live
// bytes as long as that is less than large, or percent above the live bytes,
// whichever is most.
type pace struct {
	small, large uint64
	percent      int
}

var (
	// loading trades memory for time, and returns the memory: a first start
	// would make hundreds of collections of a small heap, and everything that a
	// snapshot holds stays. With these values, 100,000 units stay below 700 MB.
	loading = pace{320 << 20, 448 << 20, 20}
	// serving is for a large, long-lived heap with the small garbage of
	// responses.
	serving = pace{small: 32 << 20, percent: 12}
)

// leastHeap is the size that the runtime assumes for a smaller heap.
const leastHeap = 4 << 20

// growth returns the GC percentage for a heap with this many live bytes.
func (p pace) growth(live uint64) int {
	live = max(live, leastHeap)
	goal := max(p.small, min(2*live, p.large))
	return max(p.percent, int((float64(goal)/float64(live)-1)*100))
}

// collector paces the garbage collector: after each collection it determines
// the next one. GOGC, if set, wins, and nothing is changed.
type collector struct {
	pace    atomic.Pointer[pace]
	stopped atomic.Bool
}

func startCollector(p pace) *collector {
	c := &collector{}
	c.pace.Store(&p)
	if os.Getenv("GOGC") != "" {
		c.stopped.Store(true)
		return c
	}
	c.set()
	c.afterNext()
	return c
}

// afterNext calls set once the next collection has found the mark unreachable.
func (c *collector) afterNext() {
	type mark struct{ _ [16]byte }
	runtime.AddCleanup(&mark{}, func(c *collector) {
		if !c.stopped.Load() {
			c.set()
			c.afterNext()
		}
	}, c)
}

func (c *collector) set() {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	debug.SetGCPercent(c.pace.Load().growth(sample[0].Value.Uint64()))
}

// settle returns the memory used for loading, and continues at another pace.
func (c *collector) settle(p pace) {
	c.pace.Store(&p)
	debug.FreeOSMemory() // collects, and so sets the pace
}

// stop leaves the pace unchanged.
func (c *collector) stop() { c.stopped.Store(true) }

package live

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// pace is when a heap is collected: at small bytes, at twice what lives as long
// as that is less than large, or percent beyond what lives, whichever is most.
type pace struct {
	small, large uint64
	percent      int
}

var (
	// loading takes memory for time, and gives it back: a first start would
	// make hundreds of collections of a small heap, and all that a snapshot
	// holds is kept. With these, 100,000 units stay below 700 MB.
	loading = pace{320 << 20, 448 << 20, 20}
	// serving is for a heap that is large and lives long, with the small
	// garbage of answers.
	serving = pace{small: 32 << 20, percent: 12}
)

// leastHeap is what the runtime takes a smaller heap for.
const leastHeap = 4 << 20

// growth is the GC percentage for a heap with so many live bytes.
func (p pace) growth(live uint64) int {
	live = max(live, leastHeap)
	goal := max(p.small, min(2*live, p.large))
	return max(p.percent, int((float64(goal)/float64(live)-1)*100))
}

// collector paces the garbage collector: after each collection it sets when the
// next one comes. GOGC, if set, wins, and nothing is changed.
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

// afterNext calls set when the next collection has found the mark unreachable.
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

// settle gives back what loading took, and goes on at another pace.
func (c *collector) settle(p pace) {
	c.pace.Store(&p)
	debug.FreeOSMemory() // collects, and so sets the pace
}

// stop leaves the pace as it is.
func (c *collector) stop() { c.stopped.Store(true) }

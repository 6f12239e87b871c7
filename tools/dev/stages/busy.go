package main

import (
	"runtime"
	"sync/atomic"
)

// busy keeps n threads of this process busy until stop is called or the process
// ends, in whatever way.
func busy(n int) (stop func()) {
	before := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(before + n)
	var stopped atomic.Bool
	for range n {
		go func() {
			for !stopped.Load() {
			}
		}()
	}
	return func() {
		stopped.Store(true)
		runtime.GOMAXPROCS(before)
	}
}

package id_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/id"
)

func TestIDNew_IncreasesAcrossGoroutines(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 5000
	made := make([][]string, workers)
	var all sync.WaitGroup
	for w := range made {
		all.Go(func() {
			for range each {
				made[w] = append(made[w], id.IDNew())
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, ids := range made {
		if !slices.IsSorted(ids) {
			t.Error("the IDs of a goroutine do not increase")
		}
		for _, one := range ids {
			seen[one] = true
		}
	}
	if len(seen) != workers*each {
		t.Errorf("%d different IDs of %d", len(seen), workers*each)
	}
}

func TestIDNew_IsVersion7OfNow(t *testing.T) {
	t.Parallel()
	text := id.IDNew()
	parsed, err := id.IDParse(text)
	if err != nil || parsed.ID != text {
		t.Fatalf("%s: %+v, %v", text, parsed, err)
	}
	// Other tests make IDs faster than the clock runs, so that this one may be
	// ahead by some milliseconds.
	if off := time.Since(parsed.Time); off < -10*time.Second || off > 10*time.Second {
		t.Errorf("%s is off by %v", text, off)
	}
}

func BenchmarkIDNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		id.IDNew()
	}
}

package diskqueue_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/diskqueue"
)

// A queue that is smaller than a segment takes items for ever, as long as they
// are acknowledged, and is never larger than it may be.
func TestDiskQueue_SmallerThanSegment(t *testing.T) {
	t.Parallel()
	for _, segment := range []int64{0, 1000, 1001} {
		cfg := diskqueue.DiskQueueConfig{Folder: t.TempDir(), MaxBytes: 1000, SegmentBytes: segment}
		q := open(t, cfg)
		text := strings.Repeat("x", 292) // three fit
		for round := range 5 {
			put(t, q, text, text)
			if round%2 == 0 { // also after a restart
				if err := q.Close(); err != nil {
					t.Fatal(err)
				}
				q = open(t, cfg)
			}
			if got := waiting(t, q); len(got) != 2 {
				t.Fatalf("segment %d, round %d: %d items", segment, round, len(got))
			}
			put(t, q, text)
			if err := q.Put([]byte(text)); core.ErrorCode(err) != core.CodeUnavailable {
				t.Fatalf("a full queue: %v", err)
			}
			if got := waiting(t, q); len(got) != 1 {
				t.Fatalf("%d items", len(got))
			}
			if err := q.Ack(uint64(3 * (round + 1))); err != nil {
				t.Fatal(err)
			}
			if status := q.Status(); status.Waiting != 0 || status.Bytes > cfg.MaxBytes {
				t.Fatalf("%+v", status)
			}
		}
	}
}

// Several that find the acknowledged queue full at once all get in, as far as
// there is room.
func TestDiskQueue_FullAtOnce(t *testing.T) {
	t.Parallel()
	q := open(t, diskqueue.DiskQueueConfig{Folder: t.TempDir(), MaxBytes: 1000})
	text := strings.Repeat("x", 92) // ten fit
	for round := range 20 {
		var puts sync.WaitGroup
		for n := range 10 {
			puts.Go(func() {
				if err := q.Put([]byte(text)); err != nil {
					t.Errorf("round %d, %d: %v", round, n, err)
				}
			})
		}
		puts.Wait()
		if got := waiting(t, q); len(got) != 10 {
			t.Fatal(len(got))
		}
		if err := q.Ack(uint64(10 * (round + 1))); err != nil {
			t.Fatal(err)
		}
		if bytes := q.Status().Bytes; bytes > 1000 {
			t.Fatal(fmt.Sprint(bytes, " bytes"))
		}
	}
}

package diskqueue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/diskqueue"
)

func open(t testing.TB, cfg diskqueue.DiskQueueConfig) *diskqueue.DiskQueueHandle {
	t.Helper()
	q, err := diskqueue.DiskQueue(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

func put(t testing.TB, q *diskqueue.DiskQueueHandle, items ...string) {
	t.Helper()
	var data [][]byte
	for _, item := range items {
		data = append(data, []byte(item))
	}
	if err := q.Put(data...); err != nil {
		t.Fatal(err)
	}
}

// waiting takes all items that are there, as "ID:text".
func waiting(t testing.TB, q *diskqueue.DiskQueueHandle) []string {
	t.Helper()
	var got []string
	for q.Status().Waiting > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		item, err := q.Next(ctx)
		cancel()
		if core.ErrorCode(err) == core.CodeTimeout {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d:%s", item.ID, item.Data))
	}
	return got
}

func numbered(from, to int) (items []string) {
	for i := from; i <= to; i++ {
		items = append(items, fmt.Sprintf("%d:item %d", i, i))
	}
	return items
}

func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		names = append(names, filepath.Base(path))
	}
	return names
}

func TestDiskQueue_Order(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "queue")
	cfg := diskqueue.DiskQueueConfig{Folder: dir, SegmentBytes: 50, OnDamage: func(d diskqueue.DiskQueueDamage) { t.Errorf("damage: %+v", d) }}
	q := open(t, cfg)
	put(t, q)
	for i := 1; i <= 10; i++ {
		put(t, q, fmt.Sprintf("item %d", i))
	}
	if got := waiting(t, q); !slices.Equal(got, numbered(1, 10)) {
		t.Errorf("%v", got)
	}
	before := len(files(t, dir))
	if err := q.Ack(7); err != nil {
		t.Fatal(err)
	}
	if after := len(files(t, dir)); before < 3 || after >= before {
		t.Errorf("%d files, %d after the acknowledgment", before, after)
	}
	if err := q.Ack(3); err != nil { // again
		t.Error(err)
	}
	q.Rewind()
	if got := waiting(t, q); !slices.Equal(got, numbered(8, 10)) {
		t.Errorf("after Rewind: %v", got)
	}
	for range 3 { // what was not acknowledged comes again, at each start
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		q = open(t, cfg)
		if got := waiting(t, q); !slices.Equal(got, numbered(8, 10)) {
			t.Errorf("after a restart: %v", got)
		}
	}
	put(t, q, "item 11", "item 12")
	if got := waiting(t, q); !slices.Equal(got, numbered(11, 12)) {
		t.Errorf("%v", got)
	}
	if err := q.Ack(12); err != nil || q.Status().Waiting != 0 {
		t.Errorf("%v, %+v", err, q.Status())
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	q = open(t, cfg)
	put(t, q, "item 13")
	if got := waiting(t, q); !slices.Equal(got, numbered(13, 13)) {
		t.Errorf("IDs go on: %v", got)
	}
}

func TestDiskQueue_AnyBytes(t *testing.T) {
	t.Parallel()
	q := open(t, diskqueue.DiskQueueConfig{Folder: t.TempDir(), SegmentBytes: 1 << 20})
	all := [][]byte{{}, nil, {0}, bytes.Repeat([]byte{0}, 1000), bytes.Repeat([]byte{0xff}, 3<<20), []byte("x")}
	if err := q.Put(all...); err != nil {
		t.Fatal(err)
	}
	for i, want := range all {
		item, err := q.Next(t.Context())
		if err != nil || !bytes.Equal(item.Data, want) || item.ID != uint64(i+1) {
			t.Errorf("item %d: %d bytes, %v", i, len(item.Data), err)
		}
	}
	if err := q.Put(make([]byte, diskqueue.MaxItemBytes+1)); core.ErrorCode(err) != core.CodeTooLarge {
		t.Errorf("a large item: %v", err)
	}
}

func TestDiskQueue_Limits(t *testing.T) {
	t.Parallel()
	q := open(t, diskqueue.DiskQueueConfig{Folder: t.TempDir(), SegmentBytes: 100, MaxBytes: 1000})
	n := 0
	var err error
	for ; err == nil; n++ {
		err = q.Put(make([]byte, 92))
	}
	if core.ErrorCode(err) != core.CodeUnavailable || n != 11 {
		t.Errorf("%d Puts, %v", n, err)
	}
	if status := q.Status(); status != (diskqueue.DiskQueueStatus{Waiting: 10, Bytes: 1000}) {
		t.Errorf("%+v", status)
	}
	if err := q.Ack(1); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("an item that was not delivered: %v", err)
	}
	waiting(t, q)
	if err := q.Ack(5); err != nil {
		t.Error(err)
	}
	for range 5 {
		if err := q.Put(make([]byte, 92)); err != nil {
			t.Errorf("there is room again: %v", err)
		}
	}
	for _, cfg := range []diskqueue.DiskQueueConfig{{}, {Folder: t.TempDir(), SegmentBytes: -1}, {Folder: t.TempDir(), MaxBytes: -1}} {
		if _, err := diskqueue.DiskQueue(cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestDiskQueue_OpenOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q := open(t, diskqueue.DiskQueueConfig{Folder: dir})
	if _, err := diskqueue.DiskQueue(diskqueue.DiskQueueConfig{Folder: dir}); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("open twice: %v", err)
	}
	for range 2 {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := q.Put([]byte("x")); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("Put after Close: %v", err)
	}
	if _, err := q.Next(t.Context()); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("Next after Close: %v", err)
	}
	if err := q.Ack(1); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("Ack after Close: %v", err)
	}
	open(t, diskqueue.DiskQueueConfig{Folder: dir})
}

// Next waits for an item, and ends with its context and with Close.
func TestDiskQueue_NextWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		q := open(t, diskqueue.DiskQueueConfig{Folder: dir})
		got := make(chan string)
		take := func(ctx context.Context) {
			item, err := q.Next(ctx)
			got <- fmt.Sprintf("%s %s", item.Data, core.ErrorCode(err))
		}
		go take(t.Context())
		synctest.Wait()
		put(t, q, "late")
		if text := <-got; text != "late " {
			t.Errorf("got %q", text)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go take(ctx)
		synctest.Wait()
		go take(ctx) // a second one waits for the first
		for range 2 {
			if text := <-got; text != " timeout" {
				t.Errorf("got %q", text)
			}
		}
		go take(t.Context())
		synctest.Wait()
		if err := q.Close(); err != nil {
			t.Error(err)
		}
		if text := <-got; text != " unavailable" {
			t.Errorf("got %q", text)
		}
	})
}

// Many put and many take: each item comes once, those of one goroutine in
// order, and IDs have no hole.
func TestDiskQueue_Concurrent(t *testing.T) {
	t.Parallel()
	q := open(t, diskqueue.DiskQueueConfig{Folder: t.TempDir(), SegmentBytes: 2000})
	const putters, each, takers = 8, 200, 4
	var putting sync.WaitGroup
	for p := range putters {
		putting.Go(func() {
			for i := range each {
				if err := q.Put(fmt.Appendf(nil, "%d", p*each+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	items := make(chan diskqueue.DiskQueueItem, putters*each)
	var taking sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range takers {
		taking.Go(func() {
			for {
				item, err := q.Next(ctx)
				if err != nil {
					return
				}
				items <- item
			}
		})
	}
	byID := map[uint64]int{}
	for len(byID) < putters*each {
		item := <-items
		n, err := strconv.Atoi(string(item.Data))
		if _, twice := byID[item.ID]; twice || err != nil {
			t.Fatalf("%d came twice, %v", item.ID, err)
		}
		byID[item.ID] = n
		if len(byID)%100 == 0 {
			if err := q.Ack(uint64(len(byID) / 2)); err != nil && core.ErrorCode(err) != core.CodeInvalid {
				t.Error(err)
			}
		}
	}
	cancel()
	putting.Wait()
	taking.Wait()
	next := make([]int, putters)
	for id := uint64(1); id <= putters*each; id++ {
		p, i := byID[id]/each, byID[id]%each
		if i != next[p] {
			t.Fatalf("item %d is number %d of goroutine %d, want %d", id, i, p, next[p])
		}
		next[p]++
	}
}

// three makes a queue of three items in one file, and returns the file's
// content. Item 1 is acknowledged.
func three(t testing.TB, dir string) (path string, content []byte) {
	t.Helper()
	q := open(t, diskqueue.DiskQueueConfig{Folder: dir})
	put(t, q, "item 1", "item 2", "item 3")
	if _, err := q.Next(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(q.Ack(1), q.Close()); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, fmt.Sprintf("%020d.seg", 1))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, content
}

// A file that ends anywhere gives its whole items, and new ones come behind
// them, now and after another start.
func TestDiskQueue_TornAnywhere(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	_, content := three(t, base)
	record := len(content) / 3
	for cut := range content {
		dir := t.TempDir()
		path, _ := three(t, dir)
		if err := os.Truncate(path, int64(cut)); err != nil {
			t.Fatal(err)
		}
		var damage []diskqueue.DiskQueueDamage
		cfg := diskqueue.DiskQueueConfig{Folder: dir, OnDamage: func(d diskqueue.DiskQueueDamage) { damage = append(damage, d) }}
		whole := cut / record
		var want []string
		if whole == 2 {
			want = []string{"2:item 2"}
		}
		id := max(whole, 1) + 1
		for range 2 {
			q := open(t, cfg)
			if q.Status().Waiting == int64(len(want)) { // the first time
				put(t, q, fmt.Sprintf("item %d", id))
				want = append(want, fmt.Sprintf("%d:item %d", id, id))
			}
			if got := waiting(t, q); !slices.Equal(got, want) {
				t.Errorf("cut at %d: got %v, want %v", cut, got, want)
			}
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
			id++
		}
		if torn := cut%record != 0; torn != (len(damage) == 1) || torn && damage[0].Offset != int64(whole*record) {
			t.Errorf("cut at %d: damage %+v", cut, damage)
		}
	}
}

// A flipped bit loses the rest of its file at most, and is reported. What is in
// other files, and what comes later, is delivered.
func TestDiskQueue_FlippedBits(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	_, content := three(t, base)
	record := len(content) / 3
	for at := range content {
		dir := t.TempDir()
		path, content := three(t, dir)
		q := open(t, diskqueue.DiskQueueConfig{Folder: dir, SegmentBytes: 1})
		put(t, q, "item 4") // in a file of its own
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		content[at] ^= 0x10
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		var damage []diskqueue.DiskQueueDamage
		q = open(t, diskqueue.DiskQueueConfig{Folder: dir, OnDamage: func(d diskqueue.DiskQueueDamage) { damage = append(damage, d) }})
		want := append(numbered(2, at/record), "4:item 4")
		if got := waiting(t, q); !slices.Equal(got, want) {
			t.Errorf("flipped at %d: got %v, want %v", at, got, want)
		}
		lost := int64(3 - max(at/record, 1))
		if len(damage) != 1 || damage[0].Items != lost || damage[0].File != path {
			t.Errorf("flipped at %d: damage %+v, want %d items", at, damage, lost)
		}
		q.Rewind()
		if got := waiting(t, q); !slices.Equal(got, want) {
			t.Errorf("flipped at %d, after Rewind: %v", at, got)
		}
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A file that is damaged while it is written to does not hide what comes later.
func TestDiskQueue_DamagedWhileOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	damaged := 0
	q := open(t, diskqueue.DiskQueueConfig{Folder: dir, OnDamage: func(diskqueue.DiskQueueDamage) { damaged++ }})
	put(t, q, "item 1", "item 2", "item 3")
	path := filepath.Join(dir, fmt.Sprintf("%020d.seg", 1))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/3+9]++
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := waiting(t, q); !slices.Equal(got, numbered(1, 1)) || damaged != 1 {
		t.Errorf("%v, %d reports", got, damaged)
	}
	put(t, q, "item 4")
	for range 2 {
		if got := waiting(t, q); !slices.Contains(got, "4:item 4") {
			t.Errorf("%v", got)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		q = open(t, diskqueue.DiskQueueConfig{Folder: dir})
	}
}

// Lost acknowledgments and lost files don't stop the queue, nor give an ID
// twice.
func TestDiskQueue_FilesGone(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]string{"segment": "*.seg", "acknowledgments": "acked", "both": "[a0]*"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			three(t, dir)
			paths, err := filepath.Glob(filepath.Join(dir, gone))
			if err != nil || len(paths) == 0 {
				t.Fatal(paths, err)
			}
			for _, path := range paths {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			q := open(t, diskqueue.DiskQueueConfig{Folder: dir})
			want := map[string][]string{"segment": {"2:new"}, "acknowledgments": {"1:item 1", "2:item 2", "3:item 3", "4:new"}, "both": {"1:new"}}[name]
			put(t, q, "new")
			if got := waiting(t, q); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func BenchmarkDiskQueue_Put(b *testing.B) {
	for _, c := range []struct {
		name      string
		batch     int
		parallel  int
		itemBytes int
	}{{"one", 1, 1, 200}, {"batch100", 100, 1, 200}, {"goroutines64", 1, 64, 200}} {
		b.Run(c.name, func(b *testing.B) {
			q := open(b, diskqueue.DiskQueueConfig{Folder: b.TempDir(), MaxBytes: 1 << 40})
			items := make([][]byte, c.batch)
			for i := range items {
				items[i] = make([]byte, c.itemBytes)
			}
			b.SetParallelism(c.parallel)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := q.Put(items...); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N*c.batch)/b.Elapsed().Seconds(), "items/s")
		})
	}
}

func BenchmarkDiskQueue_Next(b *testing.B) {
	q := open(b, diskqueue.DiskQueueConfig{Folder: b.TempDir(), MaxBytes: 1 << 40})
	items := make([][]byte, 10_000)
	for i := range items {
		items[i] = make([]byte, 200)
	}
	if err := q.Put(items...); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		if n++; n > len(items) {
			n = 1
			q.Rewind()
		}
		if _, err := q.Next(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

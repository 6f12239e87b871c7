package diskqueue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"fnregistry.dev/functions/core"
)

// faulty is a file of which some calls fail.
type faulty struct {
	storage
	short            bool // writes half and fails
	write, sync, cut error
}

func (f *faulty) Write(p []byte) (int, error) {
	if f.short {
		p = p[:len(p)/2]
	}
	n, err := f.storage.Write(p)
	return n, errors.Join(err, f.write)
}

func (f *faulty) Sync() error { return errors.Join(f.storage.Sync(), f.sync) }

func (f *faulty) Truncate(size int64) error {
	if f.cut != nil {
		return f.cut
	}
	return f.storage.Truncate(size)
}

// After a write, a flush or the repair of it has failed, what was put before is
// there, the failed item is not, and later Puts work: now, and after a restart.
func TestDiskQueue_FailedWrites(t *testing.T) {
	t.Parallel()
	bad := errors.New("input/output error")
	for name, f := range map[string]faulty{
		"write":             {write: bad, short: true},
		"flush":             {sync: bad},
		"write and repair":  {write: bad, short: true, cut: bad},
		"flush and repair":  {sync: bad, cut: bad},
		"whole, and repair": {write: bad, cut: bad},
	} {
		for _, before := range []int{0, 2} {
			t.Run(fmt.Sprintf("%s after %d", name, before), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				q, err := DiskQueue(DiskQueueConfig{Folder: dir})
				if err != nil {
					t.Fatal(err)
				}
				id := uint64(0)
				put := func() {
					t.Helper()
					id++
					if err := q.Put(fmt.Appendf(nil, "item %d", id)); err != nil {
						t.Fatal(err)
					}
				}
				for range before {
					put()
				}
				good := q.writeFile // the writer waits, and Put's lock orders this before its next look
				q.writeFile = &faulty{storage: good, short: f.short, write: f.write, sync: f.sync, cut: f.cut}
				if err := q.Put([]byte("failed")); !errors.Is(err, bad) {
					t.Fatalf("%v", err)
				}
				q.writeFile.(*faulty).cut, q.writeFile.(*faulty).write, q.writeFile.(*faulty).sync, q.writeFile.(*faulty).short = nil, nil, nil, false
				put()
				put()
				for range 2 {
					q.Rewind()
					for want := range id {
						item, err := q.Next(context.Background())
						if text := fmt.Sprintf("item %d", want+1); err != nil || item.ID != want+1 || string(item.Data) != text {
							t.Fatalf("got %d %q, %v, want %s", item.ID, item.Data, err, text)
						}
					}
					if q.Status().Waiting != int64(id) {
						t.Errorf("%+v", q.Status())
					}
					if err := q.Close(); err != nil && core.ErrorCode(err) != core.CodeInternal {
						t.Fatal(err)
					}
					if q, err = DiskQueue(DiskQueueConfig{Folder: dir, OnDamage: func(d DiskQueueDamage) { t.Errorf("%+v", d) }}); err != nil {
						t.Fatal(err)
					}
				}
				_ = q.Close()
			})
		}
	}
}

// Whatever a file holds, its records are a prefix of it.
func FuzzDiskQueue_Records(f *testing.F) {
	f.Add(appendRecord(appendRecord(nil, []byte("item 1")), nil))
	f.Add(make([]byte, 100))
	f.Add(append(appendRecord(nil, []byte("x")), 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5))
	f.Fuzz(func(t *testing.T, content []byte) {
		from := bytes.NewReader(content)
		var again []byte
		for {
			item, err := readRecord(from, int64(len(content)-len(again)))
			if err != nil {
				if !errors.Is(err, errRecord) {
					t.Fatal(err)
				}
				break
			}
			again = appendRecord(again, item)
		}
		if !bytes.HasPrefix(content, again) {
			t.Errorf("%x became %x", content, again)
		}
	})
}

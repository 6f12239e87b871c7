package diskqueue

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"sync"

	"fnregistry.dev/functions/core"
)

// MaxItemBytes is the most that one item may have.
const MaxItemBytes = 64 << 20

// DiskQueueConfig says where a queue is and how large it may become. The zero
// value of an optional field is its default.
type DiskQueueConfig struct {
	// Folder holds the queue and nothing else. It is made if missing, readable
	// for this user alone. Required.
	Folder string
	// SegmentBytes is the size at which another file is begun: acknowledged
	// items go file by file. Default: 16 MiB.
	SegmentBytes int64
	// MaxBytes is the most that the files have together; beyond it Put
	// refuses. Default: 1 GiB.
	MaxBytes int64
	// OnDamage is called when items can't be read, while the queue opens and by
	// Next. It must not call the queue. Default nil: that is not reported.
	OnDamage func(DiskQueueDamage)
}

// DiskQueueDamage is a part of a file that holds no whole item.
type DiskQueueDamage struct {
	File   string
	Offset int64
	Bytes  int64 // from Offset to the end of what was written
	// Items is how many items are lost. It is -1 at the end of the last file
	// when the queue opens: most likely a kill or a power cut tore a write that
	// no Put had acknowledged, but that can't be told from other damage.
	Items int64
}

// DiskQueueItem is an item of a queue.
type DiskQueueItem struct {
	ID   uint64 // from 1, in the order of Put, for the queue's whole life
	Data []byte // the caller's
}

// DiskQueueStatus is what a queue holds.
type DiskQueueStatus struct {
	Waiting int64 // items that are not acknowledged
	Bytes   int64 // of its files
}

// DiskQueueHandle is an open queue. Its methods may be called from several
// goroutines at once.
type DiskQueueHandle struct {
	cfg  DiskQueueConfig
	op   string
	lock *os.File

	reading chan struct{} // capacity 1: who holds its value calls Next
	wake    chan struct{} // capacity 1: there is something to write
	quit    chan struct{} // closed by Close
	done    chan struct{} // the writer has ended

	mu        sync.Mutex // guards what follows
	segments  []*segment // the last one is written to
	pending   *commit    // what waits to be written
	reserved  int64      // bytes of pending and of the commit that is being written
	acked     uint64     // the last acknowledged item
	next      uint64     // the item that Next returns
	acks      *ackFile
	grown     chan struct{} // closed when next may be there
	closed    bool
	closeErr  error
	reader    *reader // nil: to be opened
	writeFile storage // the last segment's
	broken    bool    // the last segment is not to be written to any more
}

// DiskQueue opens the queue in cfg.Folder, or makes it. Put returns when its
// items are on the disk (fsync); concurrent Puts share that. Items are
// delivered in order, at least once: what was not acknowledged is delivered
// again after a restart or Rewind. A process that is killed at any moment loses
// nothing that Put has acknowledged; what was being written then may be there
// or not, in part.
//
// One process has the queue open: another gets CodeConflict, as does a second
// call in the same one. The lock ends with the process.
//
// Errors are *core.Error: CodeInvalid for a bad config, CodeConflict where it
// is open elsewhere, and those of the file system. The caller closes it.
//
// More in disk_queue.md:
//   - At least once: after a kill between delivery and Ack the item comes
//     again.
//   - Ack is for all items up to one, so several consumers acknowledge in the
//     order of IDs, the lowest unfinished one first.
func DiskQueue(cfg DiskQueueConfig) (*DiskQueueHandle, error) {
	op := "disk_queue folder=" + cfg.Folder
	if cfg.Folder == "" || cfg.SegmentBytes < 0 || cfg.MaxBytes < 0 {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "no Folder, or a negative size"}
	}
	cfg.SegmentBytes = cmp.Or(cfg.SegmentBytes, 16<<20)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 1<<30)
	h := &DiskQueueHandle{
		cfg: cfg, op: op,
		reading: make(chan struct{}, 1), wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		grown: make(chan struct{}),
	}
	if err := h.open(); err != nil {
		h.closeFiles()
		return nil, h.coded("open", err)
	}
	go h.write()
	return h, nil
}

// Put appends items and returns when they are on the disk. With an error none
// of them counts as acknowledged; if the process ends before the next Put, they
// may still be delivered after that.
//
// Errors: CodeUnavailable for a full queue, a full disk and a closed queue,
// CodeTooLarge for an item beyond [MaxItemBytes].
func (h *DiskQueueHandle) Put(items ...[]byte) error {
	var need int64
	for _, item := range items {
		if len(item) > MaxItemBytes {
			return &core.Error{Code: core.CodeTooLarge, Op: h.op + " put", Message: fmt.Sprintf("an item of %d bytes, %d at most", len(item), MaxItemBytes)}
		}
		need += recordBytes(item)
	}
	if len(items) == 0 {
		return nil
	}
	c, err := h.enqueue(items, need)
	if err != nil {
		return err
	}
	<-c.done
	if c.err != nil {
		return h.coded("put", c.err)
	}
	return nil
}

func (h *DiskQueueHandle) enqueue(items [][]byte, need int64) (*commit, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, h.errClosed("put")
	}
	if have := h.bytes() + h.reserved; have+need > h.cfg.MaxBytes {
		return nil, &core.Error{
			Code: core.CodeUnavailable, Op: h.op + " put", Message: fmt.Sprintf("the queue is full: %d of %d bytes", have, h.cfg.MaxBytes),
			Hint: "acknowledge items, or raise MaxBytes",
		}
	}
	if h.pending == nil {
		h.pending = &commit{done: make(chan struct{})}
	}
	h.pending.items = append(h.pending.items, items...)
	h.reserved += need
	notify(h.wake)
	return h.pending, nil
}

// Next returns the next item, and waits for it until ctx is done. Several
// goroutines may call it; each item goes to one of them. Items that can't be
// read are left out and reported to OnDamage.
//
// Errors: CodeCanceled and CodeTimeout for ctx, CodeUnavailable after Close,
// those of the file system.
func (h *DiskQueueHandle) Next(ctx context.Context) (DiskQueueItem, error) {
	select {
	case h.reading <- struct{}{}:
		defer func() { <-h.reading }()
	case <-ctx.Done():
		return DiskQueueItem{}, &core.Error{Op: h.op + " next", Err: context.Cause(ctx)}
	}
	for {
		item, grown, err := h.tryNext()
		if err != nil {
			return DiskQueueItem{}, h.coded("next", err)
		}
		if grown == nil {
			return item, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return DiskQueueItem{}, &core.Error{Op: h.op + " next", Err: context.Cause(ctx)}
		}
	}
}

// Ack acknowledges the item with this ID and all before it: they are not
// delivered again, and files that hold nothing else are removed. An item that
// was acknowledged before is fine; CodeInvalid for one that was not delivered
// yet.
func (h *DiskQueueHandle) Ack(id uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return h.errClosed("ack")
	case id >= h.next:
		return &core.Error{Code: core.CodeInvalid, Op: h.op + " ack", Message: fmt.Sprintf("item %d was not delivered yet", id)}
	case id <= h.acked:
		return nil
	}
	if err := h.acks.write(id); err != nil {
		return h.coded("ack", err)
	}
	h.acked = id
	if err := h.removeAcked(); err != nil {
		return h.coded("ack", err)
	}
	return nil
}

// Rewind makes Next return what was delivered and not acknowledged once more,
// from the first such item on.
func (h *DiskQueueHandle) Rewind() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reader.close()
	h.reader, h.next = nil, h.acked+1
	h.announce()
}

// Status returns what the queue holds now.
func (h *DiskQueueHandle) Status() DiskQueueStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	return DiskQueueStatus{Waiting: int64(h.end() - h.acked - 1), Bytes: h.bytes()}
}

// Close writes what Puts wait for, wakes those who wait in Next, and frees the
// folder. It may be called more than once.
func (h *DiskQueueHandle) Close() error {
	h.mu.Lock()
	first := !h.closed
	if first {
		h.closed = true
		close(h.quit)
		h.announce()
	}
	h.mu.Unlock()
	<-h.done
	h.mu.Lock()
	defer h.mu.Unlock()
	if first {
		if err := h.closeFiles(); err != nil {
			h.closeErr = h.coded("close", err)
		}
	}
	return h.closeErr
}

func (h *DiskQueueHandle) errClosed(verb string) error {
	return &core.Error{Code: core.CodeUnavailable, Op: h.op + " " + verb, Message: "the queue is closed"}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

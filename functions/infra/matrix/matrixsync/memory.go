package matrixsync

import (
	"context"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/id"
)

// What a store remembers of events that are done with. Beyond either, the ID is
// forgotten.
const (
	defaultDedupeTTL   = 7 * 24 * time.Hour
	defaultDedupeCount = 50_000
)

// memoryWaitingLimit is how many undecryptable events, of up to 64 KiB each,
// syncMemory keeps for their keys.
const memoryWaitingLimit = 1000

// syncMemory is the storage of a service without one. An event counts as
// acknowledged when it was received, so nothing is ever pending, and what the
// process forgets when it ends comes again with the next initial sync.
type syncMemory struct {
	seen    map[id.EventID]struct{}
	order   []syncSeen // of seen, the oldest first; from head on
	head    int
	waiting []MatrixSyncRecord
	seq     int64
	count   int           // defaultDedupeCount
	ttl     time.Duration // defaultDedupeTTL
}

type syncSeen struct {
	id id.EventID
	at time.Time
}

var _ MatrixSyncStorage = (*syncMemory)(nil)

func newSyncMemory() *syncMemory {
	return &syncMemory{seen: map[id.EventID]struct{}{}, count: defaultDedupeCount, ttl: defaultDedupeTTL}
}

func (m *syncMemory) remembers() (count int, ttl time.Duration) { return m.count, m.ttl }

func (m *syncMemory) Begin(context.Context, id.UserID) (MatrixSyncPosition, error) {
	return MatrixSyncPosition{Rooms: map[id.RoomID]MatrixSyncRoom{}}, nil
}

func (m *syncMemory) Known(_ context.Context, ids []id.EventID) ([]bool, error) {
	known := make([]bool, len(ids))
	for i, event := range ids {
		_, known[i] = m.seen[event]
	}
	return known, nil
}

// TakeIn keeps neither the token nor the rooms: the service has both, and they
// are as short-lived as this store.
func (m *syncMemory) TakeIn(_ context.Context, batch *MatrixSyncBatch) error {
	now := time.Now()
	for i := range batch.Records {
		record := &batch.Records[i]
		record.Seq = 0
		if record.EventID != "" {
			if _, ok := m.seen[record.EventID]; ok {
				continue
			}
			event := id.EventID(strings.Clone(string(record.EventID))) // it may be a part of the whole event
			m.seen[event] = struct{}{}
			m.order = append(m.order, syncSeen{event, now})
		}
		m.seq++
		record.Seq = m.seq
		if record.Session != "" {
			m.waiting = append(m.waiting, *record)
		}
	}
	m.forget(now)
	return nil
}

func (m *syncMemory) forget(now time.Time) {
	for m.head < len(m.order) && (len(m.order)-m.head > m.count || now.Sub(m.order[m.head].at) > m.ttl) {
		delete(m.seen, m.order[m.head].id)
		m.order[m.head] = syncSeen{}
		m.head++
	}
	if m.head > len(m.order)/2 {
		m.order = slices.Clone(m.order[m.head:])
		m.head = 0
	}
	if over := len(m.waiting) - memoryWaitingLimit; over > 0 {
		m.waiting = slices.Clone(m.waiting[over:])
	}
}

func (m *syncMemory) Pending(context.Context, int64, int) ([]MatrixSyncRecord, error) {
	return nil, nil
}

func (m *syncMemory) Waiting(
	_ context.Context,
	key MatrixSessionKey,
	after int64,
	limit int,
) ([]MatrixSyncRecord, error) {
	var found []MatrixSyncRecord
	for _, record := range m.waiting {
		wanted := key == MatrixSessionKey{} || key == MatrixSessionKey{record.RoomID, record.Session}
		if wanted && record.Seq > after && len(found) < limit {
			found = append(found, record)
		}
	}
	return found, nil
}

func (m *syncMemory) Release(_ context.Context, seq int64) (int64, error) {
	m.waiting = slices.DeleteFunc(m.waiting, func(r MatrixSyncRecord) bool { return r.Seq == seq })
	m.seq++
	return m.seq, nil
}

func (m *syncMemory) Acknowledge(context.Context, []int64) error { return nil }

package matrixsync_test

import (
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// TestMatrixSyncStorage is the conformance test of a storage. durable is false
// for the one that treats an event as acknowledged when it was received.
func TestMatrixSyncStorage(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		testStorage(t, true, func(t *testing.T, ttl time.Duration, count int) matrixsync.MatrixSyncStorage {
			store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: newDB(t).Writer, DedupeTTL: ttl, DedupeCount: count})
			if err != nil {
				t.Fatal(err)
			}
			return store
		})
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		testStorage(t, false, func(_ *testing.T, ttl time.Duration, count int) matrixsync.MatrixSyncStorage {
			return matrixsync.NewSyncMemory(ttl, count)
		})
	})
}

func testStorage(t *testing.T, durable bool, open func(t *testing.T, ttl time.Duration, count int) matrixsync.MatrixSyncStorage) {
	begin := func(t *testing.T, ttl time.Duration, count int) matrixsync.MatrixSyncStorage {
		t.Helper()
		s := open(t, ttl, count)
		position, err := s.Begin(t.Context(), "@bot:x")
		if err != nil || position.Token != "" || position.Rooms == nil || len(position.Rooms) != 0 {
			t.Fatalf("begins at %+v, %v", position, err)
		}
		return s
	}
	t.Run("numbers rise and duplicates have none", func(t *testing.T) {
		s := begin(t, time.Hour, 100)
		first := takeIn(t, s, "t1", "$a", "$b", "$a", "")
		if want := []bool{true, true, false, true}; !reflect.DeepEqual(taken(first), want) || !rising(first) {
			t.Errorf("got %+v", first)
		}
		second := takeIn(t, s, "t2", "$b", "$c", "")
		if want := []bool{false, true, true}; !reflect.DeepEqual(taken(second), want) || second[1].Seq <= first[3].Seq {
			t.Errorf("got %+v after %+v", second, first)
		}
		known, err := s.Known(t.Context(), []id.EventID{"$x", "$c", "$a", "", `$"'\`})
		if err != nil || !reflect.DeepEqual(known, []bool{false, true, true, false, false}) {
			t.Errorf("known %v, %v", known, err)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		s := begin(t, time.Hour, 1000)
		var ids []id.EventID
		for i := range 500 {
			ids = append(ids, id.EventID(fmt.Sprint("$", i%400)))
		}
		for i, r := range takeIn(t, s, "t", ids...) {
			if (r.Seq != 0) != (i < 400) {
				t.Fatalf("%d has %d", i, r.Seq)
			}
		}
	})
	t.Run("dedupe is bounded by count", func(t *testing.T) {
		s := begin(t, time.Hour, 50)
		for i := range 500 {
			records := takeIn(t, s, "t", id.EventID(fmt.Sprint("$", i)))
			acknowledge(t, s, records)
		}
		known, err := s.Known(t.Context(), []id.EventID{"$0", "$400", "$455", "$499"})
		if err != nil || known[0] || known[1] || !known[2] || !known[3] {
			t.Errorf("known %v, %v", known, err)
		}
	})
	t.Run("waiting and release", func(t *testing.T) {
		s := begin(t, time.Hour, 100)
		batch := &matrixsync.MatrixSyncBatch{Token: "t", Records: []matrixsync.MatrixSyncRecord{
			{RoomID: "!r", EventID: "$1", Session: "s", Kind: matrixsync.MatrixSyncEncrypted, Replayed: true, Join: matrix.MatrixMomentAfter, Start: matrix.MatrixMomentBefore, Data: []byte(`{"n":1}`)},
			{RoomID: "!r", EventID: "$2", Session: "other", Kind: matrixsync.MatrixSyncEncrypted, Data: []byte(`{}`)},
			{RoomID: "!q", EventID: "$3", Session: "s", Kind: matrixsync.MatrixSyncEncrypted, Data: []byte(`{}`)},
		}}
		if err := s.TakeIn(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		acknowledge(t, s, batch.Records) // as "encrypted": they wait on
		key := matrixsync.MatrixSessionKey{RoomID: "!r", SessionID: "s"}
		waiting := waitingFor(t, s, key)
		if len(waiting) != 1 || waiting[0].EventID != "$1" || string(waiting[0].Data) != `{"n":1}` || !waiting[0].Replayed || waiting[0].Join != matrix.MatrixMomentAfter || waiting[0].Start != matrix.MatrixMomentBefore {
			t.Fatalf("waiting %+v", waiting)
		}
		if all := waitingFor(t, s, matrixsync.MatrixSessionKey{}); len(all) != 3 {
			t.Errorf("%d wait in all", len(all))
		}
		seq, err := s.Release(t.Context(), waiting[0].Seq)
		if err != nil || seq <= batch.Records[2].Seq {
			t.Fatalf("released as %d, %v", seq, err)
		}
		if waiting := waitingFor(t, s, key); len(waiting) != 0 {
			t.Errorf("still waiting: %+v", waiting)
		}
		pending, err := s.Pending(t.Context(), 0, 10)
		if err != nil || (durable && (len(pending) != 1 || pending[0].Seq != seq || pending[0].Kind != matrixsync.MatrixSyncDecrypted || string(pending[0].Data) != `{"n":1}` || !pending[0].Replayed || pending[0].Join != matrix.MatrixMomentAfter || pending[0].Start != matrix.MatrixMomentBefore)) {
			t.Errorf("pending %+v, %v", pending, err)
		}
		if err := s.Acknowledge(t.Context(), []int64{seq}); err != nil {
			t.Error(err)
		}
		if left, err := s.Pending(t.Context(), 0, 10); err != nil || len(left) != 0 {
			t.Errorf("pending after all %+v, %v", left, err)
		}
		if after := takeIn(t, s, "t2", "$4"); after[0].Seq <= seq {
			t.Errorf("%d after %d", after[0].Seq, seq)
		}
	})
	t.Run("acknowledge what is not there", func(t *testing.T) {
		s := begin(t, time.Hour, 100)
		if err := s.Acknowledge(t.Context(), []int64{7, 1, 7, 1 << 40}); err != nil {
			t.Error(err)
		}
		if err := s.Acknowledge(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
}

// Time passes in a bubble. The process's clock is used, not SQLite's.
func TestMatrixSyncStorage_DedupeTTL(t *testing.T) {
	t.Parallel()
	db := newDB(t).Writer
	for name, open := range map[string]func(t *testing.T) matrixsync.MatrixSyncStorage{
		"memory": func(*testing.T) matrixsync.MatrixSyncStorage { return matrixsync.NewSyncMemory(time.Hour, 100) },
		"SQLite": func(t *testing.T) matrixsync.MatrixSyncStorage {
			store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: db, DedupeTTL: time.Hour, DedupeCount: 100})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Begin(t.Context(), "@bot:x"); err != nil {
				t.Fatal(err)
			}
			return store
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				acknowledge(t, s, takeIn(t, s, "t1", "$old"))
				time.Sleep(58 * time.Minute)
				acknowledge(t, s, takeIn(t, s, "t2", "$new"))
				if known, _ := s.Known(t.Context(), []id.EventID{"$old"}); !known[0] {
					t.Error("forgotten too early")
				}
				time.Sleep(3 * time.Minute)
				acknowledge(t, s, takeIn(t, s, "t3", "$newest"))
				if known, _ := s.Known(t.Context(), []id.EventID{"$old", "$new"}); known[0] || !known[1] {
					t.Errorf("known %v", known)
				}
				// A batch without events, when all known ones are too old.
				time.Sleep(2 * time.Hour)
				if again := takeIn(t, s, "t4", "$newest"); again[0].Seq != 0 {
					t.Errorf("a known event is taken in again: %+v", again)
				}
				time.Sleep(2 * time.Hour)
				takeIn(t, s, "t5")
				if known, _ := s.Known(t.Context(), []id.EventID{"$new", "$newest"}); known[0] || known[1] {
					t.Errorf("known %v", known)
				}
			})
		})
	}
}

func takeIn(t *testing.T, s matrixsync.MatrixSyncStorage, token string, ids ...id.EventID) []matrixsync.MatrixSyncRecord {
	t.Helper()
	batch := &matrixsync.MatrixSyncBatch{Token: token}
	for _, event := range ids {
		batch.Records = append(batch.Records, matrixsync.MatrixSyncRecord{RoomID: "!r", EventID: event, Data: []byte(`{"event_id":"` + event + `"}`)})
	}
	if err := s.TakeIn(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return batch.Records
}

func taken(records []matrixsync.MatrixSyncRecord) []bool {
	var taken []bool
	for _, r := range records {
		taken = append(taken, r.Seq != 0)
	}
	return taken
}

func rising(records []matrixsync.MatrixSyncRecord) bool {
	var last int64
	for _, r := range records {
		if r.Seq != 0 && r.Seq <= last {
			return false
		}
		last = max(last, r.Seq)
	}
	return true
}

func acknowledge(t *testing.T, s matrixsync.MatrixSyncStorage, records []matrixsync.MatrixSyncRecord) {
	t.Helper()
	var seqs []int64
	for _, r := range records {
		seqs = append(seqs, r.Seq)
	}
	if err := s.Acknowledge(t.Context(), seqs); err != nil {
		t.Fatal(err)
	}
}

func waitingFor(t *testing.T, s matrixsync.MatrixSyncStorage, key matrixsync.MatrixSessionKey) (all []matrixsync.MatrixSyncRecord) {
	t.Helper()
	for after := int64(0); ; {
		records, err := s.Waiting(t.Context(), key, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			return all
		}
		all = append(all, records...)
		after = records[len(records)-1].Seq
	}
}

package matrixsync_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

func TestMatrixSyncStore_GoesOn(t *testing.T) {
	t.Parallel()
	db := newDB(t).Writer
	open := func() (*matrixsync.MatrixSyncStoreHandle, matrixsync.MatrixSyncPosition) {
		store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: db})
		if err != nil {
			t.Fatal(err)
		}
		position, err := store.Begin(t.Context(), "@bot:x")
		if err != nil {
			t.Fatal(err)
		}
		return store, position
	}
	store, _ := open()
	room := matrixsync.MatrixSyncRoom{RoomID: "!r", Membership: "join", Last: "$2"}
	batch := &matrixsync.MatrixSyncBatch{Token: "t1", Rooms: []matrixsync.MatrixSyncRoom{{RoomID: "!r", Membership: "invite", Inviter: "@x:x"}, room}, Records: []matrixsync.MatrixSyncRecord{
		{RoomID: "!r", EventID: "$1", Data: []byte("1")},
		{RoomID: "!r", EventID: "$2", Data: []byte("2"), Replayed: true},
		{RoomID: "!r", Kind: matrixsync.MatrixSyncHole, Data: []byte("3")},
	}}
	if err := store.TakeIn(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	acknowledge(t, store, batch.Records[:1])

	store, position := open()
	if want := (matrixsync.MatrixSyncPosition{Token: "t1", Rooms: map[id.RoomID]matrixsync.MatrixSyncRoom{"!r": room}}); !reflect.DeepEqual(position, want) {
		t.Errorf("goes on at %+v, want %+v", position, want)
	}
	pending, err := store.Pending(t.Context(), 0, 10)
	if err != nil || !reflect.DeepEqual(pending, batch.Records[1:]) {
		t.Errorf("pending %+v, %v\nwant %+v", pending, err, batch.Records[1:])
	}
	if pending, err = store.Pending(t.Context(), pending[0].Seq, 10); err != nil || len(pending) != 1 {
		t.Errorf("behind the first %+v, %v", pending, err)
	}
	if again := takeIn(t, store, "t2", "$1", "$2", "$3"); again[0].Seq != 0 || again[1].Seq != 0 || again[2].Seq <= batch.Records[2].Seq {
		t.Errorf("taken in again: %+v", again)
	}
}

func TestMatrixSyncStore_OneOwner(t *testing.T) {
	t.Parallel()
	db := newDB(t).Writer
	cfg := matrixsync.MatrixSyncStoreConfig{DB: db}
	var stores [2]*matrixsync.MatrixSyncStoreHandle
	for i := range stores {
		store, err := matrixsync.MatrixSyncStore(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Begin(t.Context(), "@bot:x"); err != nil {
			t.Fatal(err)
		}
		stores[i] = store
	}
	batch := &matrixsync.MatrixSyncBatch{Token: "t", Records: []matrixsync.MatrixSyncRecord{{RoomID: "!r", EventID: "$1"}}}
	if err := stores[0].TakeIn(t.Context(), batch); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("the one that was taken over takes in: %v", err)
	}
	if _, err := stores[0].Release(t.Context(), 1); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("and releases: %v", err)
	}
	takeIn(t, stores[1], "t", "$1")
	if _, err := stores[1].Begin(t.Context(), "@other:x"); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("another user begins: %v", err)
	}
	cfg.Prefix = "another"
	other, err := matrixsync.MatrixSyncStore(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Begin(t.Context(), "@other:x"); err != nil {
		t.Error(err)
	}
}

func TestMatrixSyncStore_BadConfig(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	for _, prefix := range []string{"a b", "1a", "x;--", "é", strings.Repeat("x", 51)} {
		_, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: db.Writer, Prefix: prefix})
		if core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%q: %v", prefix, err)
		}
	}
	if _, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{}); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("no DB: %v", err)
	}
	if _, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: db.Reader}); core.ErrorCode(err) != core.CodeForbidden {
		t.Errorf("a DB that can't write: %v", err)
	}
}

func TestMatrixSyncStore_NewerVersion(t *testing.T) {
	t.Parallel()
	db := newDB(t).Writer
	cfg := matrixsync.MatrixSyncStoreConfig{DB: db}
	store, err := matrixsync.MatrixSyncStore(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Begin(t.Context(), "@bot:x"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE matrix_sync_state SET version = 99"); err != nil {
		t.Fatal(err)
	}
	if _, err := matrixsync.MatrixSyncStore(t.Context(), cfg); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("got %v", err)
	}
}

// Tables of version 1, with a position and without one, lack columns.
func TestMatrixSyncStore_OldVersion(t *testing.T) {
	t.Parallel()
	for _, used := range []bool{false, true} {
		db := newDB(t).Writer
		cfg := matrixsync.MatrixSyncStoreConfig{DB: db}
		store, err := matrixsync.MatrixSyncStore(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		want := matrixsync.MatrixSyncPosition{}
		if used {
			if _, err := store.Begin(t.Context(), "@bot:x"); err != nil {
				t.Fatal(err)
			}
			takeIn(t, store, "t1", "$1")
			want.Token = "t1"
		}
		for _, statement := range []string{
			"ALTER TABLE matrix_sync_state DROP COLUMN trusted", "ALTER TABLE matrix_sync_room DROP COLUMN invitation",
			"ALTER TABLE matrix_sync_event DROP COLUMN joined", "ALTER TABLE matrix_sync_event DROP COLUMN started",
			"UPDATE matrix_sync_state SET version = 1",
		} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // the second finds it done
			if store, err = matrixsync.MatrixSyncStore(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
		}
		got, err := store.Begin(t.Context(), "@bot:x")
		if err != nil || got.Token != want.Token || got.Trusted != "" {
			t.Errorf("used=%t: position %+v, %v", used, got, err)
		}
		pending, err := store.Pending(t.Context(), 0, 10)
		if err != nil || (len(pending) == 1) != used || used && pending[0].Join != matrix.MatrixMomentUnknown {
			t.Errorf("used=%t: pending %+v, %v", used, pending, err)
		}
	}
}

// Programs that share a database are often updated together: each finds the old
// tables, one adds the missing columns, and none fails.
func TestMatrixSyncStore_OldVersionAtOnce(t *testing.T) {
	t.Parallel()
	for range 10 {
		path := filepath.Join(t.TempDir(), "test.db")
		var dbs []*sql.DB
		for range 4 {
			db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			dbs = append(dbs, db.Writer)
		}
		open := func(i int) error {
			client, err := mautrix.NewClient("http://recorded.invalid", id.UserID(fmt.Sprintf("@bot%d:x", i)), "token")
			if err != nil {
				return err
			}
			outbox, err := matrixoutbox.MatrixOutbox(t.Context(), matrixoutbox.MatrixOutboxConfig{Client: client, DB: dbs[i]})
			if err != nil {
				return err
			}
			matrixtest.Stop(t, outbox)
			_, err = matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: dbs[i]})
			return err
		}
		if err := open(0); err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{
			"matrix_sync_state DROP COLUMN trusted", "matrix_sync_event DROP COLUMN joined", "matrix_outbox DROP COLUMN shown_at", "matrix_outbox DROP COLUMN shown_date",
			"matrix_outbox_owner DROP COLUMN slowest", "matrix_outbox_owner DROP COLUMN requeued",
		} {
			if _, err := dbs[0].ExecContext(t.Context(), "ALTER TABLE "+statement); err != nil {
				t.Fatal(err)
			}
		}
		errs := make(chan error)
		for i := range dbs {
			go func() { errs <- open(i) }()
		}
		for range dbs {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	}
}

// Unacknowledged events are never deleted, however old; acknowledged ones leave
// the file.
func TestMatrixSyncStore_PruningKeepsPending(t *testing.T) {
	t.Parallel()
	db := newDB(t).Writer
	store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: db, DedupeCount: 20, DedupeTTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Begin(t.Context(), "@bot:x"); err != nil {
		t.Fatal(err)
	}
	takeIn(t, store, "t", "$kept")
	for i := range 300 {
		acknowledge(t, store, takeIn(t, store, "t", id.EventID(fmt.Sprint("$", i))))
	}
	pending, err := store.Pending(t.Context(), 0, 10)
	if err != nil || len(pending) != 1 || pending[0].EventID != "$kept" {
		t.Errorf("pending %+v, %v", pending, err)
	}
	var rows, filled int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*), count(data) FROM matrix_sync_event").Scan(&rows, &filled); err != nil {
		t.Fatal(err)
	}
	if rows > 25 || filled != 1 {
		t.Errorf("%d rows, %d with data", rows, filled)
	}
}

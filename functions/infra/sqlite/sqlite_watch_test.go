package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/functions/internal/errtest"
)

func TestSQLiteWatch_Commits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db := openPath(t, path, "CREATE TABLE t (a)")
	other := openPath(t, path) // as another process would
	changes := make(chan struct{}, 100)
	w, err := sqlite.SQLiteWatch(t.Context(), sqlite.SQLiteWatchConfig{DB: db.Reader, Interval: time.Millisecond, OnChange: func() { changes <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	for _, writer := range []*sqliteopen.SQLiteOpenHandle{db, other, db} {
		tx, err := writer.Writer.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		select { // nothing is committed yet
		case <-changes:
			t.Error("a change before the commit")
		case <-time.After(20 * time.Millisecond):
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changes:
		case <-time.After(time.Minute):
			t.Fatal("a commit was not reported")
		}
	}
	if err := w.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := db.Writer.ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	if len(changes) != 0 {
		t.Errorf("%d changes after the end", len(changes))
	}
}

func TestSQLiteWatch_Errors(t *testing.T) {
	t.Parallel()
	db := open(t)
	for _, cfg := range []sqlite.SQLiteWatchConfig{{}, {DB: db.Reader}, {DB: db.Reader, OnChange: func() {}, Interval: -1}} {
		_, err := sqlite.SQLiteWatch(t.Context(), cfg)
		errtest.Want(t, err, core.CodeInvalid, "sqlite_watch")
	}
	closed := open(t)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.SQLiteWatch(t.Context(), sqlite.SQLiteWatchConfig{DB: closed.Reader, OnChange: func() {}}); err == nil {
		t.Error("a closed database is watched")
	}
}

func TestSQLiteWatch_Service(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (a)")
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		return sqlite.SQLiteWatch(ctx, sqlite.SQLiteWatchConfig{DB: db.Reader, Interval: time.Millisecond, OnChange: func() {}})
	})
}

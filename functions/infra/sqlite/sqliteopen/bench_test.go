package sqliteopen

import (
	"context"
	"database/sql"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Ten goroutines on one file, where one operation in ten is a transaction that
// reads and then writes: the two pools of SQLiteOpen compared with what
// sql.Open returns with the same pragmas, as one unlimited pool and as a single
// connection.
func BenchmarkSQLiteOpen(b *testing.B) {
	b.Run("twoPools", func(b *testing.B) {
		db := mustOpen(b, SQLiteOpenConfig{Path: newFile(b)})
		mixedLoad(b, db.Writer, db.Reader)
	})
	b.Run("onePool", func(b *testing.B) {
		db := onePool(b)
		mixedLoad(b, db, db)
	})
	b.Run("oneConnection", func(b *testing.B) {
		db := onePool(b)
		db.SetMaxOpenConns(1)
		mixedLoad(b, db, db)
	})
}

func onePool(b *testing.B) *sql.DB {
	s, err := newSettings(SQLiteOpenConfig{Path: newFile(b)})
	if err != nil {
		b.Fatal(err)
	}
	s.uri = strings.TrimSuffix(s.uri, "?") + "?_txlock=deferred" // the driver's default
	drv, open, err := linkedDriver(s.uri)
	if err != nil {
		b.Fatal(err)
	}
	db := sql.OpenDB(&connector{driver: drv, open: open, pragmas: s.pragmas(false)})
	b.Cleanup(func() { db.Close() })
	exec(b, db, "PRAGMA journal_mode = WAL")
	return db
}

func mixedLoad(b *testing.B, writer, reader *sql.DB) {
	exec(b, writer, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER); "+
		"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x < 1000) INSERT INTO t SELECT x, 0 FROM c")
	var operations, failed, slowest atomic.Int64
	ctx := context.Background()
	b.SetParallelism(5) // times GOMAXPROCS
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			start := time.Now()
			i := operations.Add(1)
			err := read(ctx, reader, i%1000+1)
			if i%10 == 0 {
				err = readAndWrite(ctx, writer, i%1000+1)
			}
			if err != nil {
				failed.Add(1)
			}
			if took := int64(time.Since(start)); took > slowest.Load() {
				slowest.Store(took)
			}
		}
	})
	b.ReportMetric(100*float64(failed.Load())/float64(operations.Load()), "%failed")
	b.ReportMetric(float64(slowest.Load())/1e6, "ms-slowest")
}

func read(ctx context.Context, db *sql.DB, id int64) error {
	var sum int64
	return db.QueryRowContext(ctx, "SELECT sum(n) FROM t WHERE id BETWEEN ? AND ?", id, id+20).Scan(&sum)
}

func readAndWrite(ctx context.Context, db *sql.DB, id int64) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var n int64
	if err := tx.QueryRowContext(ctx, "SELECT n FROM t WHERE id = ?", id).Scan(&n); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE t SET n = ? WHERE id = ?", n+1, id); err != nil {
		return err
	}
	return tx.Commit()
}

package clickhouse_test

import (
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fnregistry.dev/functions/infra/clickhouse"
)

type benchRow struct {
	ID    uint64    `ch:"id"`
	At    time.Time `ch:"at"`
	Name  string    `ch:"name"`
	Price float64   `ch:"price"`
}

const (
	benchBatch  = 100_000
	benchInsert = "INSERT INTO t (id, at, name, price)"
)

func benchRowOf(i int) benchRow {
	return benchRow{uint64(i), time.Unix(1_700_000_000, 0), "a name as long as names are", float64(i) * 1.25}
}

// Every variant builds the rows, as a program reads them from a source that has
// no columns.
var benchWays = []struct {
	name string
	run  func(*testing.B, driver.Conn, int)
}{
	{"byHandRows", func(b *testing.B, conn driver.Conn, batches int) {
		for k := range batches {
			batch, err := conn.PrepareBatch(b.Context(), benchInsert)
			if err != nil {
				b.Fatal(err)
			}
			for i := range benchBatch {
				r := benchRowOf(k*benchBatch + i)
				if err := batch.Append(r.ID, r.At, r.Name, r.Price); err != nil {
					b.Fatal(err)
				}
			}
			if err := batch.Send(); err != nil {
				b.Fatal(err)
			}
		}
	}},
	{"byHandColumns", func(b *testing.B, conn driver.Conn, batches int) {
		for k := range batches {
			batch, err := conn.PrepareBatch(b.Context(), benchInsert)
			if err != nil {
				b.Fatal(err)
			}
			ids, ats := make([]uint64, 0, benchBatch), make([]time.Time, 0, benchBatch)
			names, prices := make([]string, 0, benchBatch), make([]float64, 0, benchBatch)
			for i := range benchBatch {
				r := benchRowOf(k*benchBatch + i)
				ids, ats, names, prices = append(ids, r.ID), append(ats, r.At), append(names, r.Name), append(prices, r.Price)
			}
			for i, values := range []any{ids, ats, names, prices} {
				if err := batch.Column(i).Append(values); err != nil {
					b.Fatal(err)
				}
			}
			if err := batch.Send(); err != nil {
				b.Fatal(err)
			}
		}
	}},
	{"unitStructs", func(b *testing.B, conn driver.Conn, batches int) {
		benchUnit(b, conn, batches, clickhouse.ClickHouseBatchInsertConfig{Table: "t"}, benchRowOf)
	}},
	{"unitValues", func(b *testing.B, conn driver.Conn, batches int) {
		benchUnit(b, conn, batches, clickhouse.ClickHouseBatchInsertConfig{Table: "t", Columns: []string{"id", "at", "name", "price"}},
			func(i int) []any { r := benchRowOf(i); return []any{r.ID, r.At, r.Name, r.Price} })
	}},
}

func benchUnit[T any](b *testing.B, conn driver.Conn, batches int, cfg clickhouse.ClickHouseBatchInsertConfig, row func(int) T) {
	const chunk = 500
	rows := make(chan []T, 16)
	cfg.MaxRows = benchBatch
	h, err := clickhouse.ClickHouseBatchInsert(b.Context(), conn, rows, cfg, nil)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; i < batches*benchBatch; i += chunk {
		some := make([]T, chunk)
		for k := range some {
			some[k] = row(i + k)
		}
		rows <- some
	}
	close(rows)
	if err := h.Stop(b.Context()); err != nil || h.Result().Written != int64(batches*benchBatch) {
		b.Fatal(h.Result(), err)
	}
}

// The variants take turns, so that other load on the machine affects all of
// them alike. The fastest round of each counts, since noise can only add to it.
// The bound is unitStructs-x-of-by-hand of at least 0.95, against the faster of
// the variants by hand.
func BenchmarkClickHouseBatchInsert(b *testing.B) {
	const batches = 10
	conn := open(b)
	best := make([]float64, len(benchWays))
	for b.Loop() {
		for i, way := range benchWays {
			exec(b, conn, "DROP TABLE IF EXISTS t", "CREATE TABLE t (id UInt64, at DateTime, name String, price Float64) ENGINE = MergeTree ORDER BY id")
			start := time.Now()
			way.run(b, conn, batches)
			if took := time.Since(start).Seconds(); best[i] == 0 || took < best[i] {
				best[i] = took
			}
			if n := count(b, conn, "SELECT count() FROM t"); n != batches*benchBatch {
				b.Fatalf("%s: %d rows", way.name, n)
			}
		}
	}
	for i, way := range benchWays {
		b.ReportMetric(batches*benchBatch/best[i], way.name+"-rows/s")
	}
	for i, way := range benchWays[2:] {
		b.ReportMetric(best[0]/best[i+2], way.name+"-x-of-by-hand-rows")
		b.ReportMetric(min(best[0], best[1])/best[i+2], way.name+"-x-of-by-hand")
	}
	b.ReportMetric(0, "ns/op")
}

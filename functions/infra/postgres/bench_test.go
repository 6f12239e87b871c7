package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/functions/infra/postgres/internal/pgtest"
)

const benchRows = 200_000

// handSource is what a user of pgx would write by hand: a source that reuses
// one slice.
type handSource struct {
	n   int
	row []any
}

func (s *handSource) Next() bool {
	if s.n == benchRows {
		return false
	}
	fillRow(s.row, s.n)
	s.n++
	return true
}
func (s *handSource) Values() ([]any, error) { return s.row, nil }
func (s *handSource) Err() error             { return nil }

var benchTime = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

// fillRow fills a row as of a log: a number, a time, two texts, a measurement.
func fillRow(row []any, i int) {
	row[0], row[1], row[2], row[3], row[4] = i, benchTime.Add(time.Duration(i)*time.Second), "service-name", "a message of a usual length, as a log has it", float64(i)/3
}

var benchColumns = []string{"n", "at", "source", "message", "value"}

// Rows per second of PostgresCopy, and their ratio to pgx's own CopyFrom with a
// source written by hand. The two take turns, so that noise of the machine
// affects both; the median of the rounds counts, so that a spike in one of them
// does not.
func BenchmarkPostgresCopy(b *testing.B) {
	pool := pgtest.Open(b, pgtest.NewDatabase(b), "CREATE UNLOGGED TABLE bench (n int, at timestamptz, source text, message text, value float8)")
	var unit, hand, ratio []float64 // rows per second
	for b.Loop() {
		var u, h time.Duration
		if len(unit)%2 == 0 { // who goes first changes, too
			u, h = copyByUnit(b, pool), copyByHand(b, pool)
		} else {
			h, u = copyByHand(b, pool), copyByUnit(b, pool)
		}
		unit, hand = append(unit, benchRows/u.Seconds()), append(hand, benchRows/h.Seconds())
		ratio = append(ratio, h.Seconds()/u.Seconds())
	}
	b.ReportMetric(median(unit), "rows/s")
	b.ReportMetric(median(hand), "rows/s-by-hand")
	b.ReportMetric(median(ratio), "x-of-by-hand")
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func copyByUnit(b *testing.B, pool *pgxpool.Pool) time.Duration {
	pgtest.Exec(b, pool, "TRUNCATE bench")
	start := time.Now()
	n, err := postgres.PostgresCopy(b.Context(), pool, postgres.PostgresCopyConfig{Table: "bench", Columns: benchColumns}, func(yield func([]any, error) bool) {
		row := make([]any, 5)
		for i := range benchRows {
			fillRow(row, i)
			if !yield(row, nil) {
				return
			}
		}
	})
	if err != nil || n != benchRows {
		b.Fatal(n, err)
	}
	return time.Since(start)
}

func copyByHand(b *testing.B, pool *pgxpool.Pool) time.Duration {
	pgtest.Exec(b, pool, "TRUNCATE bench")
	start := time.Now()
	n, err := pool.CopyFrom(b.Context(), pgx.Identifier{"bench"}, benchColumns, &handSource{row: make([]any, 5)})
	if err != nil || n != benchRows {
		b.Fatal(n, err)
	}
	return time.Since(start)
}

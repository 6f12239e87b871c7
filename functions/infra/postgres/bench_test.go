package postgres_test

import (
	"testing"
	"time"

	"fnregistry.dev/functions/infra/postgres"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const benchRows = 200_000

// handSource is what a user of pgx writes by hand: a source that fills one slice over and over.
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

// fillRow makes a row as of a log: a number, a time, two texts, a measure.
func fillRow(row []any, i int) {
	row[0], row[1], row[2], row[3], row[4] = i, benchTime.Add(time.Duration(i)*time.Second), "service-name", "a message of a usual length, as a log has it", float64(i)/3
}

var benchColumns = []string{"n", "at", "source", "message", "value"}

// Rows per second of PostgresCopy, and as a ratio to pgx's own CopyFrom with a source written by hand. Both take turns,
// so that noise of the machine hits both.
func BenchmarkPostgresCopy(b *testing.B) {
	pool := open(b, newDatabase(b), "CREATE UNLOGGED TABLE bench (n int, at timestamptz, source text, message text, value float8)")
	var unit, hand time.Duration
	round := 0
	for b.Loop() {
		// Who goes first changes, too.
		if round%2 == 0 {
			unit += copyByUnit(b, pool)
			hand += copyByHand(b, pool)
		} else {
			hand += copyByHand(b, pool)
			unit += copyByUnit(b, pool)
		}
		round++
	}
	rows := float64(benchRows * round)
	b.ReportMetric(rows/unit.Seconds(), "rows/s")
	b.ReportMetric(rows/hand.Seconds(), "rows/s-by-hand")
	b.ReportMetric(hand.Seconds()/unit.Seconds(), "x-of-by-hand")
}

func copyByUnit(b *testing.B, pool *pgxpool.Pool) time.Duration {
	exec(b, pool, "TRUNCATE bench")
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
	exec(b, pool, "TRUNCATE bench")
	start := time.Now()
	n, err := pool.CopyFrom(b.Context(), pgx.Identifier{"bench"}, benchColumns, &handSource{row: make([]any, 5)})
	if err != nil || n != benchRows {
		b.Fatal(n, err)
	}
	return time.Since(start)
}

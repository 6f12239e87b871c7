package matrixoutbox

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

func TestPace(t *testing.T) {
	t.Parallel()
	var p pace
	start := time.Unix(1_800_000_000, 0)
	for _, step := range []struct {
		at   time.Duration
		took time.Duration // 0: nothing happens
		want time.Duration
	}{
		{0, time.Second, time.Second},
		{10 * time.Second, 3 * time.Second, 3 * time.Second},
		{59 * time.Second, 2 * time.Second, 3 * time.Second},
		{61 * time.Second, time.Second, 3 * time.Second},
		{119 * time.Second, 0, 3 * time.Second},
		{122 * time.Second, 0, time.Second},
		{300 * time.Second, 0, 0},
	} {
		now := start.Add(step.at)
		if step.took > 0 {
			p.note(step.took, now)
		}
		if got := p.slowest(now); got != step.want {
			t.Errorf("after %v: slowest %v, want %v", step.at, got, step.want)
		}
	}
}

// A check may take minutes, but that does not lengthen any send's Settle, not
// even after a restart.
func TestPace_IsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: filepath.Join(t.TempDir(), "test.db")})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		store, err := openStore(t.Context(), db.Writer, "@bot:x")
		if err == nil {
			err = store.own(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		cfg := MatrixOutboxConfig{Settle: 10 * time.Second, RequestTimeout: time.Minute}
		first := &sender{cfg: cfg, store: store}
		err = first.requestWithin(t.Context(), transactionsTimeout, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		next := &sender{cfg: cfg, store: store}
		if err := next.recallPace(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := 10*time.Second + paceFactor*time.Minute
		if err == nil || first.settle() != want || next.settle() != want {
			t.Errorf("settle is %v, and %v after a restart, want %v; %v", first.settle(), next.settle(), want, err)
		}
	})
}

func TestPace_Stored(t *testing.T) {
	t.Parallel()
	var p pace
	start := time.Unix(1_800_000_000, 0)
	for _, step := range []struct {
		at, took, want time.Duration // want 0: nothing is stored
	}{
		{0, 100 * time.Millisecond, 0},
		{time.Second, time.Second, time.Second},
		{2 * time.Second, 1200 * time.Millisecond, 0},
		{3 * time.Second, 10 * time.Second, 10 * time.Second},
		{4 * time.Second, time.Second, 0},
		{62 * time.Second, time.Second, 0},
		{64 * time.Second, time.Second, 10 * time.Second}, // the slow minute is not over yet
		{130 * time.Second, time.Second, time.Second},
	} {
		now := start.Add(step.at)
		p.note(step.took, now)
		var got time.Duration
		if p.isToStore(now) {
			got = p.slowest(now)
			p.noteStored(got, now)
		}
		if got != step.want {
			t.Errorf("after %v: stores %v, want %v", step.at, got, step.want)
		}
	}
}

package postgres_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	osexec "os/exec"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// rowsOf yields n rows (i, text) and then err, if there is one, always in the
// same slice.
func rowsOf(n int, text string, err error) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		row := make([]any, 2)
		for i := range n {
			row[0], row[1] = i+1, text
			if !yield(row, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

var copyT = postgres.PostgresCopyConfig{Table: "t", Columns: []string{"n", "text"}}

const tableT = "CREATE TABLE t (n int PRIMARY KEY, text text, made timestamptz DEFAULT now())"

func TestPostgresCopy_Stores(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t), tableT)
	n, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(100_000, "x\ty\\N", nil))
	if err != nil || n != 100_000 {
		t.Fatalf("%d, %v", n, err)
	}
	if got := get[int](t, pool, "SELECT count(*) FROM t WHERE text = E'x\\ty\\\\N' AND made IS NOT NULL"); got != 100_000 {
		t.Errorf("%d rows, want 100,000", got)
	}
	if got := get[int](t, pool, "SELECT sum(n) FROM t"); got != 100_000*100_001/2 {
		t.Errorf("sum %d: a row was read again after the slice was used anew", got)
	}
	if n, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(0, "", nil)); n != 0 || err != nil {
		t.Errorf("no rows: %d, %v", n, err)
	}
}

func TestPostgresCopy_AllOrNothing(t *testing.T) {
	t.Parallel()
	broken := errors.New("line 7 of the file is broken")
	coded := &core.Error{Code: core.CodeLimited, Op: "source"}
	for _, c := range []struct {
		name string
		rows iter.Seq2[[]any, error]
		code core.Code
		text string
		is   error
	}{
		{"rows fail", rowsOf(50_000, "x", broken), core.CodeInternal, "postgres_copy table=t row=50001: line 7", broken},
		{"rows fail first", rowsOf(0, "x", broken), core.CodeInternal, "row=1: line 7", broken},
		{"coded", rowsOf(3, "x", coded), core.CodeLimited, "source", coded},
		{"rows end with EOF", rowsOf(50_000, "x", io.EOF), core.CodeInternal, "row=50001: EOF", io.EOF}, // pgx alone stores them
		{"rows end with wrapped EOF", rowsOf(9, "x", io.ErrUnexpectedEOF), core.CodeInternal, "row=10: unexpected EOF", io.ErrUnexpectedEOF},
		{"same key", twice(rowsOf(30_000, "x", nil)), core.CodeConflict, "duplicate key", nil},
		{"wrong type", then(rowsOf(20_000, "x", nil), []any{"no number", "x"}), core.CodeInvalid, "postgres_copy table=t row=20001", nil},
		{"too short", then(rowsOf(4, "x", nil), []any{5}), core.CodeInvalid, "row=5", nil},
		{"NUL", then(rowsOf(4, "x", nil), []any{5, "a\x00b"}), core.CodeInvalid, "", nil},
		{"not UTF-8", then(rowsOf(4, "x", nil), []any{5, "\xff"}), core.CodeInvalid, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pool := open(t, newDatabase(t), tableT)
			n, err := postgres.PostgresCopy(t.Context(), pool, copyT, c.rows)
			wantError(t, err, c.code, c.text)
			if n != 0 || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%d rows, lost its cause: %v", n, err)
			}
			if got := get[int](t, pool, "SELECT count(*) FROM t"); got != 0 {
				t.Errorf("%d rows stayed", got)
			}
			if n, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(2, "y", nil)); n != 2 || err != nil {
				t.Errorf("the next copy: %d, %v", n, err)
			}
		})
	}
}

func then(rows iter.Seq2[[]any, error], last []any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for row, err := range rows {
			if !yield(row, err) {
				return
			}
		}
		yield(last, nil)
	}
}

func twice(rows iter.Seq2[[]any, error]) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for range 2 {
			for row, err := range rows {
				if !yield(row, err) {
					return
				}
			}
		}
	}
}

func TestPostgresCopy_InATransaction(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t), tableT)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := postgres.PostgresCopy(t.Context(), tx, copyT, rowsOf(10, "x", nil)); n != 10 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := get[int](t, pool, "SELECT count(*) FROM t"); got != 0 {
		t.Errorf("%d rows after a rollback", got)
	}
}

func TestPostgresCopy_Canceled(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t), tableT)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := false
	endless := func(yield func([]any, error) bool) {
		defer func() { ended = true }()
		for i := 0; yield([]any{i, "x"}, nil); i++ {
			if i == 50_000 {
				cancel()
			}
		}
	}
	_, err := postgres.PostgresCopy(ctx, pool, copyT, endless)
	wantError(t, err, core.CodeCanceled, "postgres_copy table=t: context canceled")
	if !ended {
		t.Error("the rows' iterator was left hanging")
	}
	if got := get[int](t, pool, "SELECT count(*) FROM t"); got != 0 {
		t.Errorf("%d rows stayed", got)
	}
}

func TestPostgresCopy_PanicComesBack(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t), tableT)
	defer func() {
		if p := recover(); p != "in the rows" {
			t.Errorf("recovered %v", p)
		}
		if got := get[int](t, pool, "SELECT count(*) FROM t"); got != 0 {
			t.Errorf("%d rows stayed", got)
		}
	}()
	_, err := postgres.PostgresCopy(t.Context(), pool, copyT, func(yield func([]any, error) bool) {
		for i := range 10_000 {
			yield([]any{i, "x"}, nil)
		}
		panic("in the rows")
	})
	t.Errorf("no panic, but %v", err)
}

func TestPostgresCopy_ServerKilled(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "postgres")
	pool := open(t, server.Postgres(t), tableT)
	if _, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(1000, "kept", nil)); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.PostgresCopy(t.Context(), pool, copyT, func(yield func([]any, error) bool) {
		for i := range 2_000_000 {
			if i == 20_000 {
				server.Kill(t)
			}
			if !yield([]any{2000 + i, strings.Repeat("x", 100)}, nil) {
				return
			}
		}
	})
	wantError(t, err, core.CodeUnavailable, "postgres_copy table=t")
	server.Restart(t)
	within(t, "the pool finds the server again", func() bool { return pool.Ping(t.Context()) == nil })
	if got := get[int](t, pool, "SELECT count(*) FROM t"); got != 1000 {
		t.Errorf("%d rows, want the 1000 that were acknowledged", got)
	}
}

func TestPostgresCopy_ConnectionCut(t *testing.T) {
	t.Parallel()
	text := newDatabase(t)
	direct := open(t, text, tableT)
	proxy := fault.TCP(t, hostOf(t, text))
	pool := open(t, withHost(t, text, proxy.Addr()))
	proxy.CutAfter(1 << 20)
	_, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(1_000_000, "xxxxxxxxxx", nil))
	wantError(t, err, core.CodeUnavailable, "postgres_copy table=t")
	if got := get[int](t, direct, "SELECT count(*) FROM t"); got != 0 {
		t.Errorf("%d rows stayed", got)
	}
	proxy.Heal()
	within(t, "the pool works again", func() bool { return pool.Ping(t.Context()) == nil })
	if n, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(10, "x", nil)); n != 10 || err != nil {
		t.Errorf("the next copy: %d, %v", n, err)
	}
}

// The server stores all, but its answer is lost: the error must not say that
// nothing is there.
func TestPostgresCopy_AnswerLost(t *testing.T) {
	t.Parallel()
	text := newDatabase(t)
	direct := open(t, text, tableT)
	proxy := fault.TCP(t, hostOf(t, text))
	pool := open(t, withHost(t, text, proxy.Addr()))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := postgres.PostgresCopy(ctx, pool, copyT, func(yield func([]any, error) bool) {
			for i := range 10 {
				if i == 9 {
					proxy.OneWay(fault.ToClient)
				}
				yield([]any{i, "x"}, nil)
			}
		})
		done <- err
	}()
	within(t, "the rows are stored", func() bool { return get[int](t, direct, "SELECT count(*) FROM t") == 10 })
	cancel()
	wantError(t, receive(t, done, "the copy ends"), core.CodeCanceled, "postgres_copy table=t")
	proxy.Heal()
}

func TestPostgresCopy_BadConfig(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t), tableT)
	for _, c := range []struct {
		name string
		cfg  postgres.PostgresCopyConfig
		want string
	}{
		{"no table", postgres.PostgresCopyConfig{Columns: []string{"n"}}, "no table"},
		{"no columns", postgres.PostgresCopyConfig{Table: "t"}, "no columns"},
		{"nul", postgres.PostgresCopyConfig{Table: "t", Columns: []string{"n\x00"}}, "NUL"},
		{"not there", postgres.PostgresCopyConfig{Table: "T", Columns: []string{"n"}}, `relation "T" does not exist`},
		{"column not there", postgres.PostgresCopyConfig{Table: "t", Columns: []string{"m"}}, `column "m"`},
		{"schema not there", postgres.PostgresCopyConfig{Schema: "no", Table: "t", Columns: []string{"n"}}, "no.t"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := postgres.PostgresCopy(t.Context(), pool, c.cfg, rowsOf(1, "x", nil))
			wantError(t, err, core.CodeInvalid, c.want)
		})
	}
}

func TestPostgresCopy_HostileNamesAndValues(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t), tableT)
	quote := func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
	for _, name := range hostile {
		exec(t, pool, "CREATE SCHEMA "+quote(name))
		exec(t, pool, "CREATE TABLE "+quote(name)+"."+quote(name)+" ("+quote(name)+" text)")
		cfg := postgres.PostgresCopyConfig{Schema: name, Table: name, Columns: []string{name}}
		_, err := postgres.PostgresCopy(t.Context(), pool, cfg, func(yield func([]any, error) bool) { yield([]any{name}, nil) })
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if got := get[string](t, pool, "SELECT "+quote(name)+" FROM "+quote(name)+"."+quote(name)); got != name {
			t.Errorf("%q came back as %q", name, got)
		}
	}
	if got := get[int](t, pool, "SELECT count(*) FROM t"); got != 0 {
		t.Errorf("%d rows in t", got)
	}
}

func TestPostgresCopy_TenMegabyteValues(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t), tableT)
	big := strings.Repeat("0123456789", 1<<20)
	if n, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(3, big, nil)); n != 3 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if got := get[int](t, pool, "SELECT count(*) FROM t WHERE text = $1", big); got != 3 {
		t.Errorf("%d whole values, want 3", got)
	}
}

func TestPostgresCopy_StatementTimeout(t *testing.T) {
	t.Parallel()
	text := newDatabase(t)
	execURL(t, text, tableT)
	pool := openWith(t, postgres.PostgresOpenConfig{URL: text, StatementTimeout: 500 * time.Millisecond})
	_, err := postgres.PostgresCopy(t.Context(), pool, copyT, func(yield func([]any, error) bool) {
		for i := 0; yield([]any{i, "x"}, nil); i++ {
		}
	})
	wantError(t, err, core.CodeTimeout, "statement timeout")
}

// A tablespace on a file system of 4 MB fills up in the middle of the load.
func TestPostgresCopy_DiskFull(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "postgres")
	pool := open(t, server.Postgres(t))
	exec(t, pool, "CREATE TABLESPACE small LOCATION '"+smallDisk(t, get[string](t, pool, "SHOW data_directory"))+"'")
	exec(t, pool, tableT+" TABLESPACE small")
	if _, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(100, "kept", nil)); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.PostgresCopy(t.Context(), pool, copyT, func(yield func([]any, error) bool) {
		for i := range 100_000 {
			if !yield([]any{1000 + i, strings.Repeat("x", 1000)}, nil) {
				return
			}
		}
	})
	wantError(t, err, core.CodeUnavailable, "No space left on device")
	if got := get[int](t, pool, "SELECT count(*) FROM t"); got != 100 {
		t.Errorf("%d rows, want the 100 that were acknowledged", got)
	}
	exec(t, pool, "DROP TABLE t")
	exec(t, pool, "DROP TABLESPACE small")
}

// smallDisk mounts a file system of 4 MB that belongs to the owner of beside,
// and returns its folder.
func smallDisk(t *testing.T, beside string) string {
	t.Helper()
	dir := beside + "-small" // where the server's user gets to
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Skipf("SKIPPED: a full disk can only be made by root: %v", err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	if out, err := osexec.Command("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: a full disk can only be made where mount works: %v: %s", err, out)
	}
	t.Cleanup(func() {
		// Lazily: the server may still have it open, and ends after this.
		if out, err := osexec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	out, err := osexec.Command("chown", "--reference="+beside, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

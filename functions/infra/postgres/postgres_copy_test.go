package postgres_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/big"
	"net"
	"net/netip"
	"os"
	osexec "os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/functions/infra/postgres/internal/pgtest"
	"fnregistry.dev/functions/infra/sqltest"
	"fnregistry.dev/functions/internal/errtest"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// rowsOf yields n rows (i, text) and then err, if not nil, always in the same
// slice.
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
	pool := pgtest.Open(t, pgtest.NewDatabase(t), tableT)
	n, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(100_000, "x\ty\\N", nil))
	if err != nil || n != 100_000 {
		t.Fatalf("%d, %v", n, err)
	}
	if got := pgtest.Get[int](t, pool, "SELECT count(*) FROM t WHERE text = E'x\\ty\\\\N' AND made IS NOT NULL"); got != 100_000 {
		t.Errorf("%d rows, want 100,000", got)
	}
	if got := pgtest.Get[int](t, pool, "SELECT sum(n) FROM t"); got != 100_000*100_001/2 {
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
			pool := pgtest.Open(t, pgtest.NewDatabase(t), tableT)
			n, err := postgres.PostgresCopy(t.Context(), pool, copyT, c.rows)
			errtest.Want(t, err, c.code, c.text)
			if n != 0 || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%d rows, lost its cause: %v", n, err)
			}
			if got := pgtest.Get[int](t, pool, "SELECT count(*) FROM t"); got != 0 {
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
	pool := pgtest.Open(t, pgtest.NewDatabase(t), tableT)
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
	if got := pgtest.Get[int](t, pool, "SELECT count(*) FROM t"); got != 0 {
		t.Errorf("%d rows after a rollback", got)
	}
}

func TestPostgresCopy_Canceled(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t), tableT)
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
	errtest.Want(t, err, core.CodeCanceled, "postgres_copy table=t: context canceled")
	if !ended {
		t.Error("the rows' iterator was left hanging")
	}
	if got := pgtest.Get[int](t, pool, "SELECT count(*) FROM t"); got != 0 {
		t.Errorf("%d rows stayed", got)
	}
}

func TestPostgresCopy_PanicComesBack(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t), tableT)
	defer func() {
		if p := recover(); p != "in the rows" {
			t.Errorf("recovered %v", p)
		}
		if got := pgtest.Get[int](t, pool, "SELECT count(*) FROM t"); got != 0 {
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
	pool := pgtest.Open(t, server.Postgres(t), tableT)
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
	errtest.Want(t, err, core.CodeUnavailable, "postgres_copy table=t")
	server.Restart(t)
	pgtest.Within(t, "the pool finds the server again", func() bool { return pool.Ping(t.Context()) == nil })
	if got := pgtest.Get[int](t, pool, "SELECT count(*) FROM t"); got != 1000 {
		t.Errorf("%d rows, want the 1000 that were acknowledged", got)
	}
}

func TestPostgresCopy_ConnectionCut(t *testing.T) {
	t.Parallel()
	text := pgtest.NewDatabase(t)
	direct := pgtest.Open(t, text, tableT)
	proxy := fault.TCP(t, hostOf(t, text))
	pool := pgtest.Open(t, withHost(t, text, proxy.Addr()))
	proxy.CutAfter(1 << 20)
	_, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(1_000_000, "xxxxxxxxxx", nil))
	errtest.Want(t, err, core.CodeUnavailable, "postgres_copy table=t")
	if got := pgtest.Get[int](t, direct, "SELECT count(*) FROM t"); got != 0 {
		t.Errorf("%d rows stayed", got)
	}
	proxy.Heal()
	pgtest.Within(t, "the pool works again", func() bool { return pool.Ping(t.Context()) == nil })
	if n, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(10, "x", nil)); n != 10 || err != nil {
		t.Errorf("the next copy: %d, %v", n, err)
	}
}

// The server stores everything, but its response is lost: the error must not
// claim that nothing was stored. Meanwhile a lock in a deferred trigger blocks
// the commit.
func TestPostgresCopy_AnswerLost(t *testing.T) {
	t.Parallel()
	text := pgtest.NewDatabase(t)
	direct := pgtest.Open(t, text, tableT,
		"CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END'",
		"CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()")
	proxy := fault.TCP(t, hostOf(t, text))
	pool := pgtest.Open(t, withHost(t, text, proxy.Addr()))
	lock, err := direct.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), "SELECT pg_advisory_xact_lock(7)"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := postgres.PostgresCopy(ctx, pool, copyT, rowsOf(10, "x", nil))
		done <- err
	}()
	pgtest.Within(t, "the commit is under way", func() bool {
		return pgtest.Get[int](t, direct, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "+
			"(SELECT oid FROM pg_database WHERE datname = current_database())") == 1
	})
	proxy.OneWay(fault.ToClient)
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	pgtest.Within(t, "the rows are stored", func() bool { return pgtest.Get[int](t, direct, "SELECT count(*) FROM t") == 10 })
	cancel()
	errtest.Want(t, receive(t, done, "the copy ends"), core.CodeCanceled, "postgres_copy table=t")
	proxy.Heal()
}

func TestPostgresCopy_BadConfig(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t), tableT)
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
			errtest.Want(t, err, core.CodeInvalid, c.want)
		})
	}
}

func TestPostgresCopy_HostileNamesAndValues(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t), tableT)
	quote := func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
	for _, name := range hostile {
		pgtest.Exec(t, pool, "CREATE SCHEMA "+quote(name))
		pgtest.Exec(t, pool, "CREATE TABLE "+quote(name)+"."+quote(name)+" ("+quote(name)+" text)")
		cfg := postgres.PostgresCopyConfig{Schema: name, Table: name, Columns: []string{name}}
		_, err := postgres.PostgresCopy(t.Context(), pool, cfg, func(yield func([]any, error) bool) { yield([]any{name}, nil) })
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if got := pgtest.Get[string](t, pool, "SELECT "+quote(name)+" FROM "+quote(name)+"."+quote(name)); got != name {
			t.Errorf("%q came back as %q", name, got)
		}
	}
	if got := pgtest.Get[int](t, pool, "SELECT count(*) FROM t"); got != 0 {
		t.Errorf("%d rows in t", got)
	}
}

func TestPostgresCopy_TenMegabyteValues(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t), tableT)
	big := strings.Repeat("0123456789", 1<<20)
	if n, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(3, big, nil)); n != 3 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if got := pgtest.Get[int](t, pool, "SELECT count(*) FROM t WHERE text = $1", big); got != 3 {
		t.Errorf("%d whole values, want 3", got)
	}
}

func TestPostgresCopy_StatementTimeout(t *testing.T) {
	t.Parallel()
	text := pgtest.NewDatabase(t)
	pgtest.ExecURL(t, text, tableT)
	pool := openWith(t, postgres.PostgresOpenConfig{URL: text, StatementTimeout: 500 * time.Millisecond})
	_, err := postgres.PostgresCopy(t.Context(), pool, copyT, func(yield func([]any, error) bool) {
		for i := 0; yield([]any{i, "x"}, nil); i++ {
		}
	})
	errtest.Want(t, err, core.CodeTimeout, "statement timeout")
}

// A tablespace on a file system of 4 MB fills up during the load.
func TestPostgresCopy_DiskFull(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "postgres")
	pool := pgtest.Open(t, server.Postgres(t))
	pgtest.Exec(t, pool, "CREATE TABLESPACE small LOCATION '"+smallDisk(t, pgtest.Get[string](t, pool, "SHOW data_directory"))+"'")
	pgtest.Exec(t, pool, tableT+" TABLESPACE small")
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
	errtest.Want(t, err, core.CodeUnavailable, "No space left on device")
	if got := pgtest.Get[int](t, pool, "SELECT count(*) FROM t"); got != 100 {
		t.Errorf("%d rows, want the 100 that were acknowledged", got)
	}
	pgtest.Exec(t, pool, "DROP TABLE t")
	pgtest.Exec(t, pool, "DROP TABLESPACE small")
}

// smallDisk mounts a file system of 4 MB, owned by the owner of beside, and
// returns its folder.
func smallDisk(t *testing.T, beside string) string {
	t.Helper()
	dir := beside + "-small" // where the server's user has access
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Skipf("SKIPPED: a full disk can only be made by root: %v", err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	if out, err := osexec.Command("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: a full disk can only be made where mount works: %v: %s", err, out)
	}
	t.Cleanup(func() {
		// Lazily: the server, which is stopped later, may still have it open.
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

func TestPostgresCopy_Conformance(t *testing.T) {
	t.Parallel()
	sqltest.InsertConformance(t, func(t *testing.T) sqltest.InsertConformanceConfig {
		pool := pgtest.Open(t, pgtest.NewDatabase(t))
		return sqltest.InsertConformanceConfig{
			Int16: "smallint", Int64: "bigint", Float32: "real", Float64: "double precision", Bool: "boolean", Text: "text",
			Date: "date", Timestamp: "timestamp", Int32s: "int[]",
			Store: func(t *testing.T, typ string, rows ...[]any) (sql.Null[string], error) {
				return store(t, pool, typ, rows...)
			},
		}
	})
}

// store inserts rows into a new table with a column v of a type and returns the
// last one's text.
func store(t *testing.T, pool *pgxpool.Pool, typ string, rows ...[]any) (text sql.Null[string], err error) {
	t.Helper()
	pgtest.Exec(t, pool, "DROP TABLE IF EXISTS stored")
	pgtest.Exec(t, pool, "CREATE TABLE stored (v "+typ+", row serial)")
	_, err = postgres.PostgresCopy(t.Context(), pool, postgres.PostgresCopyConfig{Table: "stored", Columns: []string{"v"}},
		func(yield func([]any, error) bool) {
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
		})
	if err != nil {
		if n := pgtest.Get[int](t, pool, "SELECT count(*) FROM stored"); n != 0 {
			t.Errorf("%v, and %d rows are there", err, n)
		}
		return text, err
	}
	return pgtest.Get[sql.Null[string]](t, pool, "SELECT v::text FROM stored ORDER BY row DESC LIMIT 1 -- "+typ), nil
}

// Values that pgx's CopyFrom refuses, or stores differently.
func TestPostgresCopy_Values(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t), "CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE TYPE pair AS (n int, t text)",
		"CREATE DOMAIN small AS int CHECK (VALUE < 10)")
	east := time.FixedZone("east", 2*60*60)
	id := [16]byte{0, 0x11, 15: 0xff}
	for _, c := range []struct {
		typ   string
		value any
		want  string
	}{
		{"int", "17", "17"},
		{"small", 7, "7"},
		{"oid", uint32(1 << 31), "2147483648"},
		{"numeric(5,2)", 1.5, "1.50"},
		{"numeric", json.Number("123456789012345678901234567890.5"), "123456789012345678901234567890.5"},
		{"numeric", new(big.Int).Lsh(big.NewInt(1), 100), "1267650600228229401496703205376"},
		{"numeric", math.NaN(), "NaN"},
		{"numeric", uint64(math.MaxUint64), "18446744073709551615"},
		{"numeric", 0.1, "0.1"},
		{"numeric", float32(0.1), "0.1"},
		{"numeric", "1e3", "1000"},
		{"numeric", pgtype.Numeric{Int: big.NewInt(15), Exp: -1, Valid: true}, "1.5"},
		{"money", "$12.50", "$12.50"},
		{"bool", "yes", "true"},
		{"timestamptz", "infinity", "infinity"},
		{"timestamptz", time.Date(2024, 2, 29, 1, 2, 3, 4000, east), "2024-02-28 23:02:03.000004+00"},
		{"timestamptz", time.Date(1999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), "1999-12-31 23:59:59.999999+00"},
		{"timestamptz", pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}, "-infinity"},
		{"timestamp", time.Date(2024, 2, 29, 1, 2, 3, 0, east), "2024-02-29 01:02:03"},
		{"timestamp", time.Date(-43, 3, 15, 0, 0, 0, 0, time.UTC), "0044-03-15 00:00:00 BC"},
		{"timestamp[]", []time.Time{time.Date(-43, 3, 15, 1, 2, 3, 0, time.UTC), time.Date(12024, 3, 15, 0, 0, 0, 0, east)},
			`{"0044-03-15 01:02:03 BC","12024-03-15 00:00:00"}`},
		{"timestamptz[]", []time.Time{time.Date(2024, 3, 15, 1, 2, 3, 0, east)}, `{"2024-03-14 23:02:03+00"}`},
		{"date", time.Date(2024, 2, 29, 1, 0, 0, 0, east), "2024-02-29"},
		{"date", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(-1, 0, 0), "0001-01-01 BC"},
		{"date", "infinity", "infinity"},
		{"date[]", []time.Time{{}}, "{0001-01-01}"},
		{"time", time.Date(2024, 2, 29, 1, 2, 3, 500_000_000, east), "01:02:03.5"},
		{"timetz", time.Date(2024, 2, 29, 1, 2, 3, 0, east), "01:02:03+02"},
		{"interval", "P1Y", "1 year"},
		{"interval", -90 * time.Minute, "-01:30:00"},
		{"interval[]", []time.Duration{-90 * time.Minute}, "{-01:30:00}"},
		{"interval", pgtype.Interval{Months: 1, Days: 2, Microseconds: 3_000_000, Valid: true}, "1 mon 2 days 00:00:03"},
		{"int4range", "[1,5)", "[1,5)"},
		{"int4range", pgtype.Range[int]{Lower: 1, Upper: 4, LowerType: pgtype.Inclusive, UpperType: pgtype.Inclusive, Valid: true}, "[1,5)"},
		{"int4range", pgtype.Range[int]{LowerType: pgtype.Unbounded, UpperType: pgtype.Unbounded, Valid: true}, "(,)"},
		{"int4multirange", pgtype.Multirange[pgtype.Range[int]]{{Lower: 1, Upper: 2, LowerType: pgtype.Inclusive, UpperType: pgtype.Exclusive, Valid: true}}, "{[1,2)}"},
		{"uuid", id, "00110000-0000-0000-0000-0000000000ff"},
		{"uuid", id[:], "00110000-0000-0000-0000-0000000000ff"},
		{"uuid", "{00110000-0000-0000-0000-0000000000FF}", "00110000-0000-0000-0000-0000000000ff"},
		{"uuid[]", [][16]byte{id}, "{00110000-0000-0000-0000-0000000000ff}"},
		{"bytea", []byte{0, 255, '\\'}, `\x00ff5c`},
		{"bytea", `\xdead`, `\xdead`},
		{"bytea[]", [][]byte{{1}, nil}, `{"\\x01",NULL}`},
		{"json", map[string]any{"a\n": 1}, `{"a\n":1}`},
		{"jsonb", `{"b":1}`, `{"b": 1}`},
		{"jsonb", json.RawMessage(`[9007199254740993]`), `[9007199254740993]`},
		{"jsonb", []int{1, 2}, `[1, 2]`},
		{"jsonb[]", []string{`{"b":1}`}, `{"{\"b\": 1}"}`},
		{"mood", "ok", "ok"},
		{"mood[]", []string{"ok", "sad"}, "{ok,sad}"},
		{"pair", `(1,"a b")`, `(1,"a b")`},
		{"inet", netip.MustParseAddr("::1"), "::1/128"},
		{"inet", netip.MustParsePrefix("10.0.0.0/8"), "10.0.0.0/8"},
		{"inet", net.ParseIP("10.0.0.1"), "10.0.0.1/32"},
		{"point", pgtype.Point{P: pgtype.Vec2{X: 0.1, Y: 2}, Valid: true}, "(0.1,2)"},
		{"text[]", []string{`a"b\c`, "NULL", "", "é,"}, `{"a\"b\\c","NULL","","é,"}`},
		{"text[]", []*string{nil}, "{NULL}"},
		{"text[]", pgtype.FlatArray[string]{"x"}, "{x}"},
		{"int[]", [][]int{{1, 2}, {3, 4}}, "{{1,2},{3,4}}"},
		{"int[]", [2]int{1, 2}, "{1,2}"},
		{"int[]", []any{[]int{1}, []any{nil}}, "{{1},{NULL}}"},
		{"int[]", "{1,2}", "{1,2}"},
		{"int[]", pgtype.Array[int]{Elements: []int{1, 2}, Dims: []pgtype.ArrayDimension{{Length: 2, LowerBound: 0}}, Valid: true}, "[0:1]={1,2}"},
		{"varchar(3)", "abc", "abc"},
		{"name", "a", "a"},
		{"xml", []byte("<a/>"), "<a/>"},
	} {
		t.Run(fmt.Sprintf("%s %T", c.typ, c.value), func(t *testing.T) {
			got, err := store(t, pool, c.typ, []any{nil}, []any{c.value})
			if err != nil || got.V != c.want {
				t.Errorf("got %q, %v; want %q", got.V, err, c.want)
			}
		})
	}
}

func TestPostgresCopy_Refused(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t), "CREATE TYPE mood AS ENUM ('sad', 'ok')")
	for _, c := range []struct {
		typ   string
		value any
		want  string
	}{
		{"int", "1.5", "row=2"},
		{"int[]", [][]int{{1, 2}, {3}}, `row=2 column="v": `},
		{"int[]", [][]int{{1}, nil}, "different lengths"},
		{"int[]", [][]int{{}, {}}, "different lengths"},
		{"int[]", []any{1, []int{2}}, "different lengths"},
		{"int[]", []float64{1.5}, "element 1: the number is not whole"},
		{"int[]", pgtype.FlatArray[float64]{1.5}, "not whole"},
		{"int[]", pgtype.Array[float64]{Elements: []float64{1.5}, Dims: []pgtype.ArrayDimension{{Length: 1, LowerBound: 1}}, Valid: true}, "not whole"},
		{"int[]", []byte{1, 2}, "want array"},
		{"int4range", pgtype.Range[float64]{Lower: 1.5, LowerType: pgtype.Inclusive, UpperType: pgtype.Unbounded, Valid: true}, "not whole"},
		{"numeric(5,2)", 1000, "row=2"},
		{"numeric", true, "not a number"},
		{"money", 12, "use text"},
		{"money", 12.5, "use text"},
		{"money", "secret", "row=2"},
		{"mood", "glad", "row=2"},
		{"mood", 1, "use text"},
		{"uuid", []byte("secret"), "6 bytes"},
		{"uuid", 7, "want UUID"},
		{"interval", 7, "want INTERVAL"},
		{"inet", 7, "want inet"},
		{"varchar(3)", "abcd", "too long"},
		{"timestamp", "soon", "row=2"},
		{"text", "\xff", "row=2"},
		{"json", func() {}, "unsupported type"},
		{"json", "{", "row=2"},
		{"timestamptz", time.Date(294_277, 1, 1, 0, 0, 0, 0, time.UTC), "the year 294277"},
		{"timestamptz[]", []time.Time{time.Date(294_278, 1, 1, 0, 0, 0, 0, time.UTC)}, "row=2"},
		{"date", time.Date(-4714, 1, 1, 0, 0, 0, 0, time.UTC), "the year -4714"},
	} {
		t.Run(fmt.Sprintf("%s %T", c.typ, c.value), func(t *testing.T) {
			_, err := store(t, pool, c.typ, []any{nil}, []any{c.value})
			errtest.Want(t, err, core.CodeInvalid, c.want)
			if err != nil && !strings.Contains(err.Error(), "row=2") {
				t.Errorf("%v: doesn't say where", err)
			}
		})
	}
}

// After many rows in the binary format a row has text, and errors after it
// still report the right row.
func TestPostgresCopy_TextComesLate(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t), "CREATE TABLE t (n int PRIMARY KEY, text timestamptz)")
	rows := func(last ...any) iter.Seq2[[]any, error] {
		return func(yield func([]any, error) bool) {
			for i := range 10_000 {
				at := any(time.Unix(int64(i), 0))
				if i%3000 == 2999 {
					at = "infinity"
				}
				if !yield([]any{i, at}, nil) {
					return
				}
			}
			yield(last, nil)
		}
	}
	_, err := postgres.PostgresCopy(t.Context(), pool, copyT, rows(10_000, "never"))
	errtest.Want(t, err, core.CodeInvalid, "postgres_copy table=t row=10001: ")
	_, err = postgres.PostgresCopy(t.Context(), pool, copyT, rows(7, nil))
	errtest.Want(t, err, core.CodeConflict, "postgres_copy table=t row=10001: ")
	if got := pgtest.Get[int](t, pool, "SELECT count(*) FROM t"); got != 0 {
		t.Errorf("%d rows stayed", got)
	}
	n, err := postgres.PostgresCopy(t.Context(), pool, copyT, rows(10_000, nil))
	if got := pgtest.Get[int](t, pool, "SELECT count(*) FROM t WHERE text = 'infinity'"); err != nil || n != 10_001 || got != 3 {
		t.Errorf("%d, %v; %d are infinite", n, err, got)
	}
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, pool, "CREATE TABLE u (n int, text timestamptz)")
	cfg := copyT
	cfg.Table = "u"
	if _, err := postgres.PostgresCopy(t.Context(), tx, cfg, rows(1, nil)); err != nil {
		t.Error(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	if got := pgtest.Get[int](t, pool, "SELECT count(*) FROM u"); got != 0 {
		t.Errorf("%d rows after the caller's rollback", got)
	}
}

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("in MarshalJSON") }

// No method of a value can crash the program, and the connection stays usable.
func TestPostgresCopy_PanickingValues(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	var nobody *valuer
	for typ, value := range map[string]any{"int": nobody, "numeric": nobody, "json": panicking{}, "text[]": []any{nobody}} {
		_, err := store(t, pool, typ, []any{nil}, []any{value})
		errtest.Want(t, err, core.CodeInvalid, "panicked")
	}
	if stat := pool.Stat(); stat.NewConnsCount() > 1 {
		t.Errorf("%d connections were made: one was lost", stat.NewConnsCount())
	}
}

type valuer struct{ n int64 }

func (v *valuer) Value() (driver.Value, error) { return v.n, nil }

// copyOnly can copy, but has no connection to encode for.
type copyOnly struct{ postgres.PostgresCopyTarget }

func TestPostgresCopy_Targets(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t), tableT)
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for i, target := range []postgres.PostgresCopyTarget{conn, conn.Conn(), pool} {
		if _, err := postgres.PostgresCopy(t.Context(), target, copyT, func(yield func([]any, error) bool) { yield([]any{i, "x"}, nil) }); err != nil {
			t.Errorf("%T: %v", target, err)
		}
	}
	_, err = postgres.PostgresCopy(t.Context(), copyOnly{pool}, copyT, rowsOf(1, "", nil))
	errtest.Want(t, err, core.CodeInvalid, "no connection")
}

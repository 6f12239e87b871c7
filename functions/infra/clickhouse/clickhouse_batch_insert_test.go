package clickhouse_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	sqldriver "database/sql/driver"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/clickhouse"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
	"fnregistry.dev/functions/infra/sqltest"
	"fnregistry.dev/functions/internal/errtest"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

type (
	event struct {
		ID   uint64 `ch:"id"`
		Name string `ch:"name"`
	}
	insertConfig = clickhouse.ClickHouseBatchInsertConfig
	eventBatch   = clickhouse.ClickHouseBatchInsertBatch[event]
	valueBatch   = clickhouse.ClickHouseBatchInsertBatch[[]any]
)

const (
	eventTable   = "CREATE TABLE t (id UInt64, name String) ENGINE = MergeTree ORDER BY id"
	tokenTable   = "CREATE TABLE t (id UInt64, name String, token UUID) ENGINE = MergeTree ORDER BY id"
	dailyTable   = "CREATE TABLE t (id UInt64, name String, token String) ENGINE = MergeTree PARTITION BY id % 2 ORDER BY id"
	countDistict = "SELECT uniqExact(id) FROM t"
)

func events(from, n int) []event {
	all := make([]event, n)
	for i := range all {
		all[i] = event{uint64(from + i), "event " + strconv.Itoa(from+i)}
	}
	return all
}

// bigEvents returns a megabyte of events that can't be compressed.
func bigEvents() []event {
	all := events(0, 10)
	for i := range all {
		text := make([]byte, 50_000)
		_, _ = rand.Read(text)
		all[i].Name = hex.EncodeToString(text)
	}
	return all
}

func start[T any](t testing.TB, conn driver.Conn, rows chan []T, cfg insertConfig, onBatch func(clickhouse.ClickHouseBatchInsertBatch[T])) *clickhouse.ClickHouseBatchInsertHandle[T] {
	t.Helper()
	cfg.Table = "t"
	h, err := clickhouse.ClickHouseBatchInsert(t.Context(), conn, rows, cfg, onBatch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = h.Stop(ctx) // a failed test may not have stopped it
	})
	return h
}

func mustStop[T any](t testing.TB, h *clickhouse.ClickHouseBatchInsertHandle[T], written int64) {
	t.Helper()
	err := h.Stop(t.Context())
	result := h.Result()
	if err != nil || result.Written != written || result.Failed != 0 || len(result.Unwritten) != 0 {
		t.Errorf("%d written, %d failed, %v; want %d written", result.Written, result.Failed, err, written)
	}
}

func wantCount(t testing.TB, conn driver.Conn, want uint64) {
	t.Helper()
	if n, ids := count(t, conn, "SELECT count() FROM t"), count(t, conn, countDistict); n != want || ids != want {
		t.Errorf("%d rows with %d ids in the table, want %d", n, ids, want)
	}
}

func TestClickHouseBatchInsert_Due(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		cfg   insertConfig
		sizes []int
	}{
		{"by rows", insertConfig{MaxRows: 4}, []int{4, 4, 2}},
		{"by bytes", insertConfig{MaxBytes: 3 * (16 + len("event 0"))}, []int{3, 3, 3, 1}},
		{"by default", insertConfig{}, []int{10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn := open(t)
			exec(t, conn, eventTable)
			rows := make(chan []event, 1)
			var sizes []int
			var ids []uint64
			c.cfg.MaxAge = time.Hour
			onBatch := func(b eventBatch) {
				sizes = append(sizes, len(b.Rows))
				for _, e := range b.Rows {
					ids = append(ids, e.ID)
				}
				if b.Err != nil || b.Unclear || b.Token != "" {
					t.Errorf("%+v", b)
				}
			}
			h := start(t, conn, rows, c.cfg, onBatch)
			rows <- events(0, 10)
			mustStop(t, h, 10)
			if !slices.Equal(sizes, c.sizes) || !slices.IsSorted(ids) || len(ids) != 10 {
				t.Errorf("batches of %v with %v, want %v", sizes, ids, c.sizes)
			}
			wantCount(t, conn, 10)
			mustStop(t, h, 10) // a second Stop
		})
	}
}

func TestClickHouseBatchInsert_Age(t *testing.T) {
	t.Parallel()
	conn := open(t)
	exec(t, conn, eventTable)
	rows := make(chan []event)
	batches := make(chan int, 10)
	const age = 100 * time.Millisecond
	h := start(t, conn, rows, insertConfig{MaxAge: age}, func(b eventBatch) { batches <- len(b.Rows) })
	for range 3 {
		sent := time.Now()
		rows <- events(0, 2)
		if n, took := <-batches, time.Since(sent); n != 2 || took < age {
			t.Errorf("%d rows after %v", n, took)
		}
	}
	mustStop(t, h, 6)
}

func TestClickHouseBatchInsert_EndOfChannel(t *testing.T) {
	t.Parallel()
	conn := open(t)
	exec(t, conn, eventTable)
	rows := make(chan []event, 4)
	h := start(t, conn, rows, insertConfig{MaxRows: 3, MaxAge: time.Hour}, nil)
	rows <- events(0, 5)
	rows <- nil
	rows <- events(5, 5)
	close(rows)
	<-h.Done() // without Stop
	mustStop(t, h, 10)
	wantCount(t, conn, 10)
	empty := start(t, conn, make(chan []event), insertConfig{}, nil)
	mustStop(t, empty, 0)
}

func TestClickHouseBatchInsert_Conformance(t *testing.T) {
	t.Parallel()
	conn := open(t)
	exec(t, conn, eventTable)
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		return clickhouse.ClickHouseBatchInsert(ctx, conn, make(chan []event), insertConfig{Table: "t"}, nil)
	})
}

// When the start's context ends, nothing is lost: accepted rows are written.
func TestClickHouseBatchInsert_ContextEnds(t *testing.T) {
	t.Parallel()
	conn := open(t)
	exec(t, conn, eventTable)
	ctx, cancel := context.WithCancel(t.Context())
	rows := make(chan []event)
	h, err := clickhouse.ClickHouseBatchInsert(ctx, conn, rows, insertConfig{Table: "t", MaxAge: time.Hour}, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows <- events(0, 10)
	cancel()
	<-h.Done()
	if result := h.Result(); h.Err() != nil || result.Written != 10 {
		t.Errorf("%+v, %v", result, h.Err())
	}
	wantCount(t, conn, 10)
}

// Every type of the server, as values and as fields, and texts of all kinds,
// are read back unchanged.
func TestClickHouseBatchInsert_Types(t *testing.T) {
	t.Parallel()
	const columns = "(i8 Int8, i16 Int16, i32 Int32, i64 Int64, u8 UInt8, u16 UInt16, u32 UInt32, u64 UInt64, f32 Float32, f64 Float64, " +
		"s String, fs FixedString(3), d Date, dt DateTime, u UUID, e Enum8('a' = 1), n Nullable(String), ns Nullable(Int64), arr Array(String), dec Decimal(9, 2), `odd name, é` String, named String)"
	type ID string
	type all struct {
		I8    int8      `ch:"i8"`
		I16   int16     `ch:"i16"`
		I32   int32     `ch:"i32"`
		I64   int64     `ch:"i64"`
		U8    uint8     `ch:"u8"`
		U16   uint16    `ch:"u16"`
		U32   uint32    `ch:"u32"`
		U64   uint64    `ch:"u64"`
		F32   float32   `ch:"f32"`
		F64   float64   `ch:"f64"`
		S     string    `ch:"s"`
		FS    string    `ch:"fs"`
		D     time.Time `ch:"d"`
		DT    time.Time `ch:"dt"`
		U     string    `ch:"u"`
		E     string    `ch:"e"`
		N     *string   `ch:"n"`
		NS    *int64    `ch:"ns"`
		Arr   []string  `ch:"arr"`
		Dec   string    `ch:"dec"`
		Odd   string    `ch:"odd name, é"`
		Named ID        `ch:"named"`
		Not   int
		skip  int
	}
	day, text, number := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), "o'\\\x00\xff\"`; DROP TABLE t; -- é😀", int64(-7)
	rows := []all{
		{-8, -16, -32, -64, 8, 16, 32, 1<<64 - 1, 0.5, -1e300, text, "abc", day, day.Add(time.Hour), "61f0c404-5cb3-11e7-907b-a6006ad3dba0", "a", &text, &number, []string{text, ""}, "-1234567.89", text, ID(text), 1, 2},
		{S: strings.Repeat("ten mega'\\", 1<<20), FS: "\x00\x00\x00", D: day, DT: day, U: "00000000-0000-0000-0000-000000000000", E: "a", Arr: []string{}, Dec: "0"},
	}
	conn := open(t)
	exec(t, conn, "CREATE TABLE t "+columns+" ENGINE = MergeTree ORDER BY i8", "CREATE TABLE t2 "+columns+" ENGINE = MergeTree ORDER BY i8")
	structs := make(chan []all, 1)
	structs <- rows
	mustStop(t, start(t, conn, structs, insertConfig{}, nil), 2)
	names := []string{"i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "s", "fs", "d", "dt", "u", "e", "n", "ns", "arr", "dec", "odd name, é", "named"}
	values := make(chan [][]any, 1)
	for _, r := range rows {
		values <- [][]any{{r.I8, r.I16, r.I32, r.I64, r.U8, r.U16, r.U32, r.U64, r.F32, r.F64, r.S, r.FS, r.D, r.DT, r.U, r.E, r.N, r.NS, r.Arr, r.Dec, r.Odd, string(r.Named)}}
		h, err := clickhouse.ClickHouseBatchInsert(t.Context(), conn, values, insertConfig{Table: "t2", Columns: names}, nil)
		if err != nil {
			t.Fatal(err)
		}
		mustStop(t, h, 1)
	}
	one, _ := mustQuery(t, conn, queryConfig{Query: "SELECT * FROM t ORDER BY i8"})
	two, _ := mustQuery(t, conn, queryConfig{Query: "SELECT * FROM t2 ORDER BY i8"})
	if one != two {
		t.Errorf("structs and values differ:\n%.2000s\n%.2000s", one, two)
	}
	if want := `[{"i8":-8,"i16":-16,"i32":-32,"i64":-64,"u8":8,"u16":16,"u32":32,"u64":"18446744073709551615","f32":0.5,"f64":-1e+300,"s":"o'\\\u0000\ufffd\"` + "`" + `; DROP TABLE t; -- é😀","fs":"abc",` +
		`"d":"2024-02-29","dt":"2024-02-29T01:00:00Z","u":"61f0c404-5cb3-11e7-907b-a6006ad3dba0","e":"a","n":"o'`; !strings.HasPrefix(one, want) {
		t.Errorf("got  %.700s\nwant %s", one, want)
	}
	if n := count(t, conn, "SELECT countIf(s = ? AND n = ? AND arr[1] = ? AND `odd name, é` = ? AND named = ?) FROM t", text, text, text, text, text); n != 1 {
		t.Error("the hostile text has changed")
	}
	if n := count(t, conn, "SELECT length(s) FROM t WHERE i8 = 0"); n != uint64(len(rows[1].S)) {
		t.Errorf("10 MB came as %d bytes", n)
	}
}

func TestClickHouseBatchInsert_RefusedRows(t *testing.T) {
	t.Parallel()
	conn := open(t)
	exec(t, conn, "CREATE TABLE t (id UInt64, u UUID) ENGINE = MergeTree ORDER BY id")
	const good = "61f0c404-5cb3-11e7-907b-a6006ad3dba0"
	mixed := [][]any{{uint64(1), good}, {"x", good}, {uint64(2), good}, {uint64(3)}, {uint64(4), "no UUID"}, nil, {uint64(5), good, 1}, {uint64(6), good}}
	var batches []valueBatch
	rows := make(chan [][]any, 2)
	rows <- mixed
	rows <- mixed[:1]
	onBatch := func(b valueBatch) { batches = append(batches, b) }
	insert := start(t, conn, rows, insertConfig{Columns: []string{"id", "u"}}, onBatch)
	err := insert.Stop(t.Context())
	result := insert.Result()
	errtest.Want(t, err, core.CodeInvalid, "5 of 9 rows failed")
	if result.Written != 4 || result.Failed != 5 || result.Unwritten != nil || len(batches) != 2 || len(batches[0].Rows) != 5 || batches[0].Unclear || len(batches[1].Rows) != 4 {
		t.Errorf("%+v\n%+v", result, batches)
	}
	errtest.Want(t, batches[0].Err, core.CodeInvalid, "column id")
	if n := count(t, conn, "SELECT sum(id) FROM t"); n != 1+2+6+1 {
		t.Errorf("other rows are in the table: sum %d", n)
	}
	// With structs, and without onBatch: the intake ends.
	type row struct {
		ID uint64 `ch:"id"`
		U  string `ch:"u"`
	}
	structs := make(chan []row)
	h := start(t, conn, structs, insertConfig{MaxAge: time.Millisecond}, nil)
	structs <- []row{{10, good}, {11, "no UUID"}}
	<-h.Done()
	err = h.Stop(t.Context())
	ended := h.Result()
	errtest.Want(t, err, core.CodeInvalid, "1 of 2 rows failed")
	if len(ended.Unwritten) != 1 || len(ended.Unwritten[0].Rows) != 1 || ended.Unwritten[0].Rows[0].ID != 11 {
		t.Errorf("%+v", ended)
	}
	if n := count(t, conn, "SELECT count() FROM t WHERE id >= 10"); n != 1 {
		t.Errorf("%d of the good rows are there", n)
	}
}

func TestClickHouseBatchInsert_BadStart(t *testing.T) {
	t.Parallel()
	conn := open(t)
	exec(t, conn, tokenTable, "CREATE TABLE log (id UInt64, name String, token String) ENGINE = Log",
		"CREATE TABLE replacing (id UInt64, name String, token String) ENGINE = ReplacingMergeTree ORDER BY id")
	type untagged struct{ ID uint64 }
	fields := []string{"id", "name"}
	hostile := "t` (id) VALUES (1); DROP TABLE t; --"
	for _, c := range []struct {
		name string
		cfg  insertConfig
		code core.Code
		want string
	}{
		{"no table", insertConfig{Columns: fields}, core.CodeInvalid, "need a name"},
		{"no columns", insertConfig{Table: "t"}, core.CodeInvalid, "no Columns"},
		{"unknown table", insertConfig{Table: "nowhere", Columns: fields}, core.CodeNotFound, "nowhere"},
		{"unknown table with token", insertConfig{Table: "nowhere", Columns: fields, TokenColumn: "token"}, core.CodeNotFound, "nowhere"},
		{"unknown database", insertConfig{Database: "nowhere", Table: "t", Columns: fields}, core.CodeNotFound, "nowhere"},
		{"unknown column", insertConfig{Table: "t", Columns: []string{"id", "nowhere"}}, core.CodeInvalid, "nowhere"},
		{"column twice", insertConfig{Table: "t", Columns: []string{"id", "id"}}, core.CodeInvalid, "twice"},
		{"token is a column", insertConfig{Table: "t", Columns: fields, TokenColumn: "id"}, core.CodeInvalid, "twice"},
		{"unknown token column", insertConfig{Table: "t", Columns: fields, TokenColumn: "nowhere"}, core.CodeInvalid, "nowhere"},
		{"token type", insertConfig{Table: "t", Columns: []string{"name"}, TokenColumn: "id"}, core.CodeInvalid, "not a String or a UUID"},
		{"engine", insertConfig{Table: "log", Columns: fields, TokenColumn: "token"}, core.CodeUnsupported, "engine Log"},
		{"merging engine", insertConfig{Table: "replacing", Columns: fields, TokenColumn: "token"}, core.CodeUnsupported, "ReplacingMergeTree"},
		{"hostile table", insertConfig{Table: hostile, Columns: fields}, core.CodeInvalid, "bad name"},
		{"hostile database", insertConfig{Database: hostile, Table: "t", Columns: fields}, core.CodeInvalid, "bad name"},
		{"hostile column", insertConfig{Table: "t", Columns: []string{hostile}}, core.CodeInvalid, "bad name"},
		{"hostile token column", insertConfig{Table: "t", Columns: fields, TokenColumn: hostile}, core.CodeInvalid, "bad name"},
	} {
		_, err := clickhouse.ClickHouseBatchInsert(t.Context(), conn, make(chan [][]any), c.cfg, nil)
		if core.ErrorCode(err) != c.code || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: got %v (%s), want %s, %q", c.name, err, core.ErrorCode(err), c.code, c.want)
		}
	}
	_, err := clickhouse.ClickHouseBatchInsert[event](t.Context(), conn, nil, insertConfig{Table: "t"}, nil)
	errtest.Want(t, err, core.CodeInvalid, "no channel")
	_, err = clickhouse.ClickHouseBatchInsert(t.Context(), conn, make(chan []untagged), insertConfig{Table: "t"}, nil)
	errtest.Want(t, err, core.CodeInvalid, "tag ch")
	_, err = clickhouse.ClickHouseBatchInsert(t.Context(), conn, make(chan []int), insertConfig{Table: "t"}, nil)
	errtest.Want(t, err, core.CodeInvalid, "want []any or a struct")
	_, err = clickhouse.ClickHouseBatchInsert(t.Context(), conn, make(chan []event), insertConfig{Table: "t", Columns: fields}, nil)
	errtest.Want(t, err, core.CodeInvalid, "by tags")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = clickhouse.ClickHouseBatchInsert(canceled, conn, make(chan []event), insertConfig{Table: "t"}, nil)
	errtest.Want(t, err, core.CodeCanceled, "")
	cfg := config(servers.ClickHouse(t))
	cfg.Addresses = []string{cfg.Addresses[0], cfg.Addresses[0]}
	_, err = clickhouse.ClickHouseBatchInsert(t.Context(), openConfig(t, cfg), make(chan []event), insertConfig{Table: "t", TokenColumn: "token"}, nil)
	errtest.Want(t, err, core.CodeUnsupported, "one address")
	wantCount(t, conn, 0)
}

// slowInsert is an insert of ten rows, a megabyte, that would take 20 s to get
// through a proxy.
type slowInsert struct {
	*fault.TCPProxy
	database string
	direct   driver.Conn // bypassing the proxy
	insert   *clickhouse.ClickHouseBatchInsertHandle[event]
}

func newSlowInsert(t testing.TB, server servers.ClickHouseServer, table string, cfg insertConfig) slowInsert {
	t.Helper()
	own := config(server)
	own.Database = newDatabase(t, server)
	s := slowInsert{TCPProxy: fault.TCP(t, server.Addr), database: own.Database, direct: openConfig(t, own)}
	exec(t, s.direct, table)
	own.Addresses = []string{s.Addr()}
	cfg.Database = own.Database
	rows := make(chan []event, 1)
	s.insert = start(t, openConfig(t, own), rows, cfg, nil)
	s.Bandwidth(50_000)
	rows <- bigEvents()
	poll(t, func() bool { return s.Counts().ToServer > 10_000 }) // part of the data: what precedes it is about a kilobyte
	return s
}

// loseAnswer waits until all rows are in the table, and drops the server's
// answer: rows are visible before it is sent.
func (s slowInsert) loseAnswer(t testing.TB) {
	t.Helper()
	s.OneWay(fault.ToClient)
	s.Bandwidth(0)
	poll(t, func() bool { return count(t, s.direct, "SELECT count() FROM t") == 10 && s.Counts().Vanished > 0 })
}

func (s slowInsert) wantUnclear(t testing.TB, code core.Code, want string) {
	t.Helper()
	err := s.insert.Stop(t.Context())
	result := s.insert.Result()
	errtest.Want(t, err, code, want)
	if result.Written != 0 || len(result.Unwritten) != 1 || !result.Unwritten[0].Unclear || len(result.Unwritten[0].Rows) != 10 {
		t.Errorf("%d written, %d batches unwritten, %v", result.Written, len(result.Unwritten), err)
	}
}

// The batch is in the table, but the server's answer is lost.
func TestClickHouseBatchInsert_AnswerLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ table, token string }{
		"no token":     {eventTable, ""},
		"UUID token":   {tokenTable, "token"},
		"String token": {dailyTable, "token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSlowInsert(t, servers.ClickHouse(t), c.table, insertConfig{TokenColumn: c.token})
			s.loseAnswer(t)
			s.Heal()
			if c.token == "" {
				s.wantUnclear(t, core.CodeUnavailable, "not known whether")
			} else {
				mustStop(t, s.insert, 10)
			}
			wantCount(t, s.direct, 10)
		})
	}
}

// The connection breaks in the middle of the batch, so that none of it reaches
// the table.
func TestClickHouseBatchInsert_CutInBatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		table, token string
		want         uint64
	}{"no token": {eventTable, "", 0}, "token": {tokenTable, "token", 10}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSlowInsert(t, servers.ClickHouse(t), c.table, insertConfig{TokenColumn: c.token})
			s.Cut()
			s.Heal()
			if c.token == "" {
				s.wantUnclear(t, core.CodeUnavailable, "not known whether")
			} else { // known not to be written, and sent again
				mustStop(t, s.insert, 10)
			}
			wantCount(t, s.direct, c.want)
		})
	}
}

// The client gives up while its data are still in transit, and they arrive
// later: the batch must not be sent again.
func TestClickHouseBatchInsert_DataArriveLate(t *testing.T) {
	t.Parallel()
	s := newSlowInsert(t, servers.ClickHouse(t), tokenTable, insertConfig{TokenColumn: "token", Timeout: time.Second})
	poll(t, func() bool { return s.Counts().Accepted >= 2 }) // it looks up the first try
	for until := time.Now().Add(500 * time.Millisecond); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if n := count(t, s.direct, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO `"+s.database+"`.`t` %'"); n != 1 {
			t.Fatalf("%d INSERTs at once", n)
		}
	}
	s.Bandwidth(0)
	mustStop(t, s.insert, 10)
	wantCount(t, s.direct, 10)
}

// The server is killed with half of the batch received, or with all of it
// written but not acknowledged.
func TestClickHouseBatchInsert_KilledInBatch(t *testing.T) {
	t.Parallel()
	for _, written := range []bool{false, true} {
		t.Run(fmt.Sprint("written ", written), func(t *testing.T) {
			t.Parallel()
			server := servers.Start(t, "clickhouse")
			s := newSlowInsert(t, server.ClickHouse(t), tokenTable, insertConfig{TokenColumn: "token"})
			if written {
				s.loseAnswer(t)
			}
			server.Kill(t)
			server.Restart(t)
			s.Heal()
			mustStop(t, s.insert, 10)
			wantCount(t, s.direct, 10)
		})
	}
}

// Only one of a batch's two partitions is in the table.
func TestClickHouseBatchInsert_HalfThere(t *testing.T) {
	t.Parallel()
	s := newSlowInsert(t, servers.ClickHouse(t), dailyTable, insertConfig{TokenColumn: "token"})
	s.loseAnswer(t)
	s.Down() // so that it can't be looked up
	exec(t, s.direct, "ALTER TABLE t DROP PARTITION 1")
	s.Heal()
	s.wantUnclear(t, core.CodeConflict, "5 of 10 rows are in the table")
	wantCount(t, s.direct, 5)
}

func poll(t testing.TB, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the condition does not hold after 30 s")
		}
	}
}

// The server is repeatedly killed and restarted while rows are inserted. Every
// accepted row is there once.
func TestClickHouseBatchInsert_ServerKilled(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "clickhouse")
	conn := openConfig(t, config(server.ClickHouse(t)))
	exec(t, conn, tokenTable)
	rows := make(chan []event)
	var tokens sync.Map
	h := start(t, conn, rows, insertConfig{TokenColumn: "token", MaxRows: 50_000}, func(b eventBatch) {
		if _, again := tokens.LoadOrStore(b.Token, true); again || b.Err != nil {
			t.Errorf("token %s: %v", b.Token, b.Err)
		}
	})
	const chunk = 1000
	sent, flows, stop := 0, make(chan struct{}), make(chan struct{})
	var producer sync.WaitGroup
	producer.Go(func() {
		for {
			select {
			case rows <- events(sent, chunk): // blocks while the server is down
				sent += chunk
				select {
				case flows <- struct{}{}:
				default:
				}
			case <-stop:
				return
			}
		}
	})
	for range 3 {
		for range 100 {
			<-flows
		}
		server.Kill(t)
		server.Restart(t)
	}
	close(stop)
	producer.Wait()
	mustStop(t, h, int64(sent))
	wantCount(t, conn, uint64(sent))
	t.Logf("%d rows across three kills", sent)
}

// While the server is down, back-pressure reaches the producer, and Stop gives
// up when its context ends: it reports every accepted row.
func TestClickHouseBatchInsert_StopGivesUp(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "clickhouse")
	conn := openConfig(t, config(server.ClickHouse(t)))
	exec(t, conn, eventTable)
	rows := make(chan []event)
	h := start(t, conn, rows, insertConfig{MaxRows: 10, MaxAge: time.Hour, RetryFor: -1}, nil)
	server.Stop(t)
	rows <- events(0, 10)
	rows <- events(10, 10) // collected while the first is tried
	select {
	case rows <- events(20, 10):
		t.Error("a third batch was accepted")
	case <-time.After(300 * time.Millisecond): // too short a wait can only pass, never fail
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := h.Stop(ctx)
	result := h.Result()
	errtest.Want(t, err, core.ErrorCode(err), "20 of 20 rows failed")
	if result.Written != 0 || len(result.Unwritten) != 2 {
		t.Fatalf("%+v", result)
	}
	for i, b := range result.Unwritten {
		if !slices.Equal(b.Rows, events(10*i, 10)) || b.Err == nil || b.Unclear { // its data were never sent
			t.Errorf("%+v", b)
		}
	}
	select {
	case rows <- events(20, 10):
		t.Error("rows are accepted after Stop")
	case <-h.Closed():
	}
	server.Restart(t)
	wantCount(t, conn, 0)
}

// RetryFor ends the retries; with onBatch the insert continues with the next
// batch.
func TestClickHouseBatchInsert_RetryFor(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "clickhouse")
	conn := openConfig(t, config(server.ClickHouse(t)))
	exec(t, conn, eventTable)
	rows, batches := make(chan []event), make(chan eventBatch)
	h := start(t, conn, rows, insertConfig{MaxRows: 10, RetryFor: 300 * time.Millisecond}, func(b eventBatch) { batches <- b })
	server.Kill(t)
	rows <- events(0, 10)
	b := <-batches
	errtest.Want(t, b.Err, core.CodeUnavailable, "refused")
	if b.Unclear || len(b.Rows) != 10 {
		t.Errorf("%+v", b)
	}
	server.Restart(t)
	rows <- b.Rows // the caller's decision
	if b := <-batches; b.Err != nil {
		t.Error(b.Err)
	}
	err := h.Stop(t.Context())
	result := h.Result()
	errtest.Want(t, err, core.CodeUnavailable, "10 of 20 rows failed")
	if result.Unwritten != nil || result.Written != 10 {
		t.Errorf("%+v", result)
	}
	wantCount(t, conn, 10)
}

// What the server refuses for good is not retried.
func TestClickHouseBatchInsert_Refused(t *testing.T) {
	t.Parallel()
	conn := open(t)
	exec(t, conn, eventTable)
	rows := make(chan []event, 1)
	h := start(t, conn, rows, insertConfig{MaxAge: time.Millisecond}, nil)
	exec(t, conn, "DROP TABLE t")
	rows <- events(0, 3)
	<-h.Done()
	err := h.Stop(t.Context())
	result := h.Result()
	errtest.Want(t, err, core.CodeNotFound, "3 of 3 rows failed")
	if len(result.Unwritten) != 1 || result.Unwritten[0].Unclear {
		t.Errorf("%+v", result)
	}
}

func TestClickHouseBatchInsert_ExactValues(t *testing.T) {
	t.Parallel()
	conn := open(t)
	sqltest.InsertConformance(t, func(t *testing.T) sqltest.InsertConformanceConfig {
		table := "t_" + strings.ToLower(rand.Text())
		return sqltest.InsertConformanceConfig{
			Int16: "Nullable(Int16)", Int64: "Nullable(Int64)", Float32: "Nullable(Float32)", Float64: "Nullable(Float64)",
			Bool: "UInt8", Text: "Nullable(String)", Date: "Nullable(Date)", Timestamp: "Nullable(DateTime('UTC'))", Int32s: "Array(Int32)",
			Store: func(t *testing.T, typ string, rows ...[]any) (sql.Null[string], error) {
				return store(t, conn, table, typ, rows...)
			},
		}
	})
}

// store inserts rows into a new table with a column v of type typ and returns
// the last one's text.
func store(t *testing.T, conn driver.Conn, table, typ string, rows ...[]any) (text sql.Null[string], err error) {
	t.Helper()
	exec(t, conn, "DROP TABLE IF EXISTS "+table, "CREATE TABLE "+table+" (v "+typ+") ENGINE = Log")
	values := make(chan [][]any, 1)
	values <- rows
	insert, err := clickhouse.ClickHouseBatchInsert(t.Context(), conn, values, insertConfig{Table: table, Columns: []string{"v"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := insert.Stop(t.Context()); err != nil {
		want := len(rows) - int(insert.Result().Failed)
		if n := count(t, conn, "SELECT count() FROM "+table); n != uint64(want) {
			t.Errorf("%v, and %d rows are there, want %d", err, n, want)
		}
		return text, err
	}
	if count(t, conn, "SELECT isNull(v) FROM "+table) == 1 {
		return text, nil
	}
	text.Valid = true
	return text, conn.QueryRow(t.Context(), "SELECT toString(assumeNotNull(v)) FROM "+table).Scan(&text.V)
}

type wrongDay struct {
	D time.Time `ch:"d"`
	N int64     `ch:"n"`
}

type byPointer struct{ n int64 }

func (v *byPointer) Value() (sqldriver.Value, error) { return v.n, nil }

// With structs, whose fields take another path, and with values whose methods
// panic.
func TestClickHouseBatchInsert_WrongStructs(t *testing.T) {
	t.Parallel()
	conn := open(t)
	exec(t, conn, "CREATE TABLE t (d Date, n UInt8) ENGINE = Log", "CREATE TABLE v (n Int64) ENGINE = Log")
	good := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	rows := make(chan []wrongDay, 1)
	rows <- []wrongDay{{good, 255}, {good, 256}, {good, -1}, {time.Time{}, 1}, {time.Date(2150, 1, 1, 0, 0, 0, 0, time.UTC), 1}}
	insert := start(t, conn, rows, insertConfig{}, nil)
	errtest.Want(t, insert.Stop(t.Context()), core.CodeInvalid, "4 of 5 rows failed")
	if n := count(t, conn, "SELECT sum(n) FROM t"); n != 255 {
		t.Errorf("sum %d, want that of the good row", n)
	}
	type panicking struct {
		N *byPointer `ch:"n"`
	}
	panics := make(chan []panicking, 1)
	panics <- []panicking{{&byPointer{7}}, {nil}}
	h, err := clickhouse.ClickHouseBatchInsert(t.Context(), conn, panics, insertConfig{Table: "v"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = h.Stop(t.Context())
	errtest.Want(t, err, core.CodeInvalid, "1 of 2 rows failed")
	errtest.Want(t, err, core.CodeInvalid, "panicked")
	if n := count(t, conn, "SELECT sum(n) FROM v"); n != 7 {
		t.Errorf("sum %d, want that of the good row", n)
	}
}

package sqlite_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/functions/internal/errtest"
)

// rowsQuery reads a table's URL: filters, order, select.
func rowsQuery(t testing.TB, table sqlite.SQLiteSchemaTable, query string) (sqlite.SQLiteRowsQueryConfig, error) {
	t.Helper()
	cfg := sqlite.SQLiteRowsQueryConfig{Table: table}
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	for name, all := range values {
		for _, value := range all {
			switch name {
			case "order":
				cfg.Order, err = rowquery.RowOrderParse(value)
			case "select":
				cfg.Select, err = rowquery.RowSelectParse(value)
			default:
				var f rowquery.RowFilter
				f, err = rowquery.RowFilterParse(name, value)
				cfg.Filters = append(cfg.Filters, f)
			}
			if err != nil {
				return cfg, err
			}
		}
	}
	return cfg, nil
}

// page reads one page, without the extra columns, and those apart.
func page(t testing.TB, db *sql.DB, cfg sqlite.SQLiteRowsQueryConfig) (q sqlite.SQLiteRowsQueryResult, rows, extra [][]any) {
	t.Helper()
	q, err := sqlite.SQLiteRowsQuery(cfg)
	if err != nil {
		t.Fatal(err)
	}
	found, err := db.QueryContext(t.Context(), q.SQL, q.Args...)
	if err != nil {
		t.Fatalf("%s %v: %v", q.SQL, q.Args, err)
	}
	defer found.Close()
	for found.Next() {
		row := make([]any, len(q.Columns)+q.Extra)
		targets := make([]any, len(row))
		for i := range row {
			targets[i] = &row[i]
		}
		if err := found.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row[:len(q.Columns)])
		places := []any{}
		for _, i := range q.Places {
			places = append(places, row[i])
		}
		extra = append(extra, places)
	}
	if err := found.Err(); err != nil {
		t.Fatalf("%s %v: %v", q.SQL, q.Args, err)
	}
	if q.Reverse {
		slices.Reverse(rows)
		slices.Reverse(extra)
	}
	return q, rows, extra
}

func TestSQLiteRowsQuery_Filters(t *testing.T) {
	t.Parallel()
	db := open(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, age INTEGER, name TEXT, any, blob BLOB, at DATETIME, data TEXT, "a,b]""c" TEXT)`,
		`INSERT INTO t VALUES
		(1, 18, 'Anna', 18, x'00ff', '2026-01-02', '{"city":"Paris","n":[1,{"x.y":5}]}', 'odd'),
		(2, 9007199254740993, 'hanna', '18', 'text', 'soon', 'no json', ''),
		(3, NULL, '100%', 1.5, NULL, NULL, '{"city":"Rome","$.city":"x"}', NULL),
		(4, -5, 'a_b', 'x', x'', '2026', NULL, NULL),
		(5, 18, 'Änna', NULL, NULL, NULL, '{"city":null}', NULL)`)
	table := schemaOf(t, db)["t"]
	for query, want := range map[string]string{
		"age=eq.18":                           "1 5",
		"age=eq.9007199254740993":             "2",
		"age=eq.9007199254740992":             "",
		"age=gte.18&age=lt.100":               "1 5",
		"age=gt.-6&age=lt.0":                  "4",
		"age=neq.18":                          "2 4",
		"age=not.eq.18":                       "2 4",
		"age=is.null":                         "3",
		"age=not.is.null":                     "1 2 4 5",
		"age=is.not_null":                     "1 2 4 5",
		"age=in.(18,-5)":                      "1 4 5",
		"age=in.()":                           "",
		"age=not.in.()":                       "1 2 3 4 5",
		"age=eq.x":                            "",
		"name=like.*anna":                     "2",
		"name=like.Anna":                      "1",
		"name=ilike.*ANNA":                    "1 2",
		"name=like.%25%5C%25":                 "3",
		"name=ilike.%25%5C%25":                "3",
		"name=like.a%5C_b":                    "4",
		"name=ilike._nna":                     "1 5",
		"name=like.[A]nna":                    "",
		"any=eq.18":                           "1 2",
		"any=gt.1.2":                          "1 2 3 4",
		"any=eq.1.5":                          "3",
		"any=eq.0x12":                         "",
		"any=neq.18":                          "3 4",
		"blob=eq.%5Cx00ff":                    "1",
		"blob=eq.%5Cx":                        "4",
		"blob=eq.text":                        "2",
		"at=eq.soon":                          "2",
		"at=gte.2026-01-01&at=lt.2027-01-01":  "1",
		"data->>city=eq.Paris":                "1",
		"data->>city=is.null":                 "2 4 5",
		"data->>$.city=eq.x":                  "3",
		`data->n->1->>"x.y"=eq.5`:             "1",
		"data->n->>-2=eq.1":                   "1",
		"or=(age.lt.0,name.eq.Anna)":          "1 4",
		"not.or=(age.lt.0,name.eq.Anna)":      "2 5", // NULL < 0 is neither
		"and=(age.eq.18,or(id.eq.5,id.eq.2))": "5",
		`"a,b]""c"=eq.odd`:                    "error",
		`"a,b]\"c"=eq.odd`:                    "1",
		`a,b]"c=eq.odd`:                       "1",
		"NAME=eq.Anna":                        "1",
		"nmae=eq.Anna":                        "error",
		"x]=eq.1":                             "error",
		"rowid=eq.1":                          "error",
		"id=fts.x":                            "error",
	} {
		cfg, err := rowsQuery(t, table, query)
		cfg.Select = []rowquery.RowSelect{{Column: rowquery.RowColumn{Name: "id"}}}
		if err == nil && want != "error" {
			var ids []string
			_, rows, _ := page(t, db.Reader, cfg)
			for _, row := range rows {
				ids = append(ids, fmt.Sprint(row[0]))
			}
			if got := strings.Join(ids, " "); got != want {
				t.Errorf("%s: rows %s, want %s", query, got, want)
			}
			continue
		}
		if err == nil {
			_, err = sqlite.SQLiteRowsQuery(cfg)
		}
		if core.ErrorCode(err) != core.CodeInvalid || want != "error" {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestSQLiteRowsQuery_Select(t *testing.T) {
	t.Parallel()
	db := open(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, data, "x ""y" DATETIME, twice AS (id * 2))`, `INSERT INTO t VALUES (7, '{"a":{"b":1}}', 'soon')`)
	table := schemaOf(t, db)["t"]
	for query, want := range map[string]string{
		"":                           `[id data x "y twice] [7 {"a":{"b":1}} soon 14]`,
		"select=*":                   `[id data x "y twice] [7 {"a":{"b":1}} soon 14]`,
		"select=twice,n:id":          `[twice n] [14 7]`,
		"select=data->a,data->a->>b": `[a b] [{"b":1} 1]`,
		"select=data->0":             `[data] [<nil>]`,
		`select=x "y`:                `[x "y] [soon]`,
	} {
		cfg, err := rowsQuery(t, table, query)
		if err != nil {
			t.Fatal(err)
		}
		q, rows, _ := page(t, db.Reader, cfg)
		if got := fmt.Sprint(q.Columns, " ", rows[0]); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// Every order, over NULL, mixed types, ties and collations, in pages of any
// size, forwards and backwards, gives the rows of one query without pages.
func TestSQLiteRowsQuery_Pages(t *testing.T) {
	t.Parallel()
	db := open(t,
		"CREATE TABLE plain (id INTEGER PRIMARY KEY, a, b TEXT COLLATE NOCASE, c INTEGER NOT NULL, d REAL)",
		"CREATE TABLE bare (a, b TEXT COLLATE NOCASE, c INTEGER NOT NULL, d REAL)",
		"CREATE TABLE pair (a NOT NULL, b TEXT COLLATE NOCASE, c INTEGER NOT NULL, d REAL, PRIMARY KEY (c, a)) WITHOUT ROWID",
	)
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	values := []string{"NULL", "1", "2", "1.5", "-1", "9007199254740993", "9007199254740992", "9e999", "-9e999", "'None'", "'none'", "''", "'a'", "x''", "x'00'", "x'ff'", "'ü'"}
	exec := func(t *testing.T, db *sqliteopen.SQLiteOpenHandle, query string) {
		t.Helper()
		if _, err := db.Writer.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	for i := range 120 {
		pick := func() string { return values[random.IntN(len(values))] }
		c := random.IntN(5)
		exec(t, db, fmt.Sprintf("INSERT INTO plain (a, b, c, d) VALUES (%s, %s, %d, %s)", pick(), pick(), c, pick()))
		exec(t, db, fmt.Sprintf("INSERT INTO bare VALUES (%s, %s, %d, %s)", pick(), pick(), c, pick()))
		exec(t, db, fmt.Sprintf("INSERT INTO pair VALUES (%d, %s, %d, %s)", i, pick(), c, pick()))
	}
	tables := schemaOf(t, db)
	suffixes := []string{"", ".desc", ".nullsfirst", ".nullslast", ".desc.nullsfirst", ".desc.nullslast"}
	for range 150 {
		table := tables[[]string{"plain", "bare", "pair"}[random.IntN(3)]]
		var order []string
		for _, column := range []string{"a", "b", "c", "d"}[random.IntN(4):] {
			if random.IntN(2) == 0 {
				order = append(order, column+suffixes[random.IntN(len(suffixes))])
			}
		}
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		cfg, err := rowsQuery(t, table, "order="+strings.Join(order, ","))
		if err != nil {
			t.Fatal(err)
		}
		_, all, _ := page(t, db.Reader, cfg)
		if len(all) != 120 {
			t.Fatalf("%d rows", len(all))
		}
		cfg.Limit = 1 + random.IntN(50)
		for _, before := range []bool{false, true} {
			var got [][]any
			cfg.Cursor = nil
			if before { // the last page first, from an end that no row has
				q, _, extra := page(t, db.Reader, sqlite.SQLiteRowsQueryConfig{Table: table, Order: cfg.Order})
				got = all[119:]
				cfg.Cursor = &rowquery.RowCursor{Of: q.Of, Before: true, Values: extra[119]}
			}
			for {
				q, rows, extra := page(t, db.Reader, cfg)
				if len(rows) == 0 {
					break
				}
				next := extra[len(extra)-1]
				if got = append(got, rows...); before {
					got = append(rows, got[:len(got)-len(rows)]...)
					next = extra[0]
				}
				text := rowquery.RowCursor{Of: q.Of, Before: before, Values: next}.String()
				cursor, err := rowquery.RowCursorParse(text, q.Of)
				if err != nil {
					t.Fatal(err)
				}
				cfg.Cursor = &cursor
			}
			if !reflect.DeepEqual(got, all) {
				t.Fatalf("seed %d: %s order %v limit %d before %v:\n got %v\nwant %v", seed, table.Name, order, cfg.Limit, before, got, all)
			}
		}
	}
}

// planOf is the plan of a query.
func planOf(t *testing.T, db *sql.DB, q sqlite.SQLiteRowsQueryResult) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+q.SQL, q.Args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "; ")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}

func TestSQLiteRowsQuery_PagesUseTheIndex(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, m INTEGER)", "CREATE INDEX byn ON t (n)", "CREATE INDEX bym ON t (m)")
	table := schemaOf(t, db)["t"]
	for order, want := range map[string]string{"n": "SEARCH t USING INDEX byn (n>?)", "n.desc": "SEARCH t USING INDEX byn (n<?)", "m": "SEARCH t USING INDEX bym (m>?)", "": "SEARCH t USING INTEGER PRIMARY KEY (rowid>?)"} {
		cfg, err := rowsQuery(t, table, "order="+order)
		if err != nil {
			t.Fatal(err)
		}
		first, err := sqlite.SQLiteRowsQuery(cfg)
		if err != nil {
			t.Fatal(err)
		}
		cursor := rowquery.RowCursor{Of: first.Of, Values: []any{int64(1), int64(2)}[2-len(first.Places):]}
		cfg.Cursor, cfg.Limit = &cursor, 10
		q, err := sqlite.SQLiteRowsQuery(cfg)
		if err != nil {
			t.Fatal(err)
		}
		plan := planOf(t, db.Reader, q)
		if !strings.Contains(plan, want) {
			t.Errorf("order %q: plan %s, want %s\n%s", order, plan, want, q.SQL)
		}
	}
}

// The columns that are read don't change by what rows are sorted: a page of a
// large table isn't sorted as a whole, and an alias is not taken for a column.
func TestSQLiteRowsQuery_OrderIsOfTheTable(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, stock INT)",
		"INSERT INTO item VALUES (1, 'c', 7), (2, 'a', 7), (3, 'b', 7)")
	table := schemaOf(t, db)["item"]
	for _, query := range []string{"", "order=id", "stock=gte.5&order=id", "select=id:name", "select=id:name&order=id"} {
		cfg, err := rowsQuery(t, table, query)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Limit = 10
		q, _, extra := page(t, db.Reader, cfg)
		var ids []any
		for _, row := range extra {
			ids = append(ids, row[0])
		}
		if want := []any{int64(1), int64(2), int64(3)}; !reflect.DeepEqual(ids, want) {
			t.Errorf("%q: rows %v, want %v", query, ids, want)
		}
		if plan := planOf(t, db.Reader, q); strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%q sorts: %s", query, plan)
		}
	}
}

func TestSQLiteRowsQuery_Search(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT, secret TEXT)",
		"CREATE VIRTUAL TABLE note_fts USING fts5(body, content=note, content_rowid=id)",
		"INSERT INTO note VALUES (1, 'mail @nasa don''t a-b', 's'), (2, '50% NASA', 's'), (3, 'b a', 's')",
		"INSERT INTO note_fts(note_fts) VALUES ('rebuild')")
	full := []string{"note_fts"}
	// modernc.org/sqlite is built without FTS4.
	if _, err := db.Writer.ExecContext(t.Context(), "CREATE VIRTUAL TABLE old USING fts4(body); INSERT INTO old SELECT body FROM note"); err == nil {
		full = append(full, "old")
	} else if !strings.Contains(err.Error(), "no such module") {
		t.Fatal(err)
	}
	tables := schemaOf(t, db)
	for text, want := range map[string]string{
		"@nasa": "1 2", "don't": "1", "a-b": "1", "50%": "2", `"`: "", "": "", `" "`: "", "%": "", "nasa mail": "1",
		"body:nasa": "", "a OR b": "", "a NEAR b": "", "na*": "", "(": "", "a\" OR \"b": "", "ünï": "",
	} {
		_, rows, _ := page(t, db.Reader, sqlite.SQLiteRowsQueryConfig{
			Table: tables["note"], Search: &sqlite.SQLiteRowsQuerySearch{Table: tables["note_fts"], Text: text},
		})
		var ids []string
		for _, row := range rows {
			ids = append(ids, fmt.Sprint(row[0]))
		}
		if got := strings.Join(ids, " "); got != want && !(text == "a\" OR \"b" && got == "") {
			t.Errorf("%s: rows %s, want %s", text, got, want)
		}
		filter, err := rowquery.RowFilterParse("body", "fts."+text)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range full {
			_, rows, _ = page(t, db.Reader, sqlite.SQLiteRowsQueryConfig{Table: tables[table], Filters: []rowquery.RowFilter{filter}})
			if len(rows) != len(ids) {
				t.Errorf("%s fts.%s: %d rows, want %d", table, text, len(rows), len(ids))
			}
		}
	}
	_, err := sqlite.SQLiteRowsQuery(sqlite.SQLiteRowsQueryConfig{
		Table: tables["note"], Search: &sqlite.SQLiteRowsQuerySearch{Table: tables["note_fts"], Text: "x"},
		Allow: func(column string) bool { return column != "body" },
	})
	errtest.Want(t, err, core.CodeInvalid, "can't be searched")
}

// A column that may not be read is as if it were not there.
func TestSQLiteRowsQuery_Allow(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, secret TEXT, data TEXT)", "INSERT INTO t VALUES (1, 'x', '{}')")
	table := schemaOf(t, db)["t"]
	allow := func(hidden string) func(string) bool { return func(c string) bool { return c != hidden } }
	for _, query := range []string{"secret=eq.x", "SECRET=eq.x", "or=(id.eq.1,secret.eq.x)", "order=secret", "select=secret", "select=data,secret->a"} {
		cfg, err := rowsQuery(t, table, query)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Allow = allow("secret")
		_, err = sqlite.SQLiteRowsQuery(cfg)
		errtest.Want(t, err, core.CodeInvalid, "no column")
		missing, _ := rowsQuery(t, table, strings.ReplaceAll(strings.ToLower(query), "secret", "absent"))
		_, other := sqlite.SQLiteRowsQuery(missing)
		if a, b := strings.ReplaceAll(strings.ToLower(fmt.Sprint(err)), "secret", "absent"), fmt.Sprint(other); a != b {
			t.Errorf("%s: %q, a missing column: %q", query, a, b)
		}
	}
	q, err := sqlite.SQLiteRowsQuery(sqlite.SQLiteRowsQueryConfig{Table: table, Allow: allow("id")})
	if err != nil || q.Places != nil || strings.Contains(q.SQL, "id") {
		t.Errorf("a hidden key is in %s (%v)", q.SQL, err)
	}
	if _, err := sqlite.SQLiteRowsQuery(sqlite.SQLiteRowsQueryConfig{Table: table, Allow: func(string) bool { return false }}); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("no column at all: %v", err)
	}
}

func FuzzSQLiteRowsQuery(f *testing.F) {
	db, err := sqliteopen.SQLiteOpen(f.Context(), sqliteopen.SQLiteOpenConfig{Path: ":memory:"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close() })
	if _, err := db.Writer.ExecContext(f.Context(), `CREATE TABLE t (id INTEGER PRIMARY KEY, a, "b""c" TEXT); INSERT INTO t VALUES (1, 1, '{}'), (2, NULL, 'x')`); err != nil {
		f.Fatal(err)
	}
	tables, err := sqlite.SQLiteSchema(f.Context(), db.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("a", "eq.1", "a.desc", "*,x:a->b->>0")
	f.Add(`b"c`, "like.*%_\\", "id", "id")
	f.Add("or", `(a.in.(1,"x"),"b\"c"->>y.ilike.z)`, `"b\"c"->1.nullslast`, "a")
	f.Fuzz(func(t *testing.T, name, value, order, selected string) {
		cfg := sqlite.SQLiteRowsQueryConfig{Table: tables[0], Limit: 3}
		filter, err := rowquery.RowFilterParse(name, value)
		if err != nil {
			return
		}
		cfg.Filters = []rowquery.RowFilter{filter}
		if cfg.Order, err = rowquery.RowOrderParse(order); err != nil {
			return
		}
		if cfg.Select, err = rowquery.RowSelectParse(selected); err != nil {
			return
		}
		q, err := sqlite.SQLiteRowsQuery(cfg)
		if err != nil {
			return
		}
		rows, err := db.Reader.QueryContext(t.Context(), q.SQL, q.Args...)
		if err != nil {
			t.Fatalf("%s %v: %v", q.SQL, q.Args, err)
		}
		defer rows.Close()
		for rows.Next() {
		}
		if err := rows.Err(); err != nil && !strings.Contains(err.Error(), "too complex") {
			t.Fatalf("%s %v: %v", q.SQL, q.Args, err)
		}
	})
}

// One row by its key, with the types of the key's values: in a column without a
// type 1 and '1' are two keys.
func TestSQLiteRowsQuery_Key(t *testing.T) {
	t.Parallel()
	db := open(t, `CREATE TABLE a (id INTEGER PRIMARY KEY, v)`, `INSERT INTO a VALUES (1, 'one'), (2, 'two')`,
		`CREATE TABLE b (k, l BLOB, v, PRIMARY KEY (k, l))`, `INSERT INTO b VALUES (1, x'00', 'int'), ('1', x'00', 'text'), (NULL, x'00', 'null')`,
		`CREATE TABLE c (v)`, `INSERT INTO c VALUES ('only')`, `CREATE VIEW d AS SELECT * FROM a`)
	tables := schemaOf(t, db)
	for _, c := range []struct {
		table string
		key   []any
		want  string
	}{
		{"a", []any{int64(2)}, "two"}, {"a", []any{"2"}, "two"}, {"a", []any{int64(3)}, ""}, {"a", []any{"x"}, ""},
		{"b", []any{int64(1), []byte{0}}, "int"}, {"b", []any{"1", []byte{0}}, "text"}, {"b", []any{nil, []byte{0}}, "null"}, {"b", []any{int64(1), "\x00"}, ""},
		{"c", []any{int64(1)}, "only"},
	} {
		_, rows, _ := page(t, db.Reader, sqlite.SQLiteRowsQueryConfig{Table: tables[c.table], Key: c.key})
		got := ""
		for _, row := range rows {
			got += row[len(row)-1].(string)
		}
		if got != c.want {
			t.Errorf("%s %v: got %q, want %q", c.table, c.key, got, c.want)
		}
	}
	for table, key := range map[string][]any{"a": {int64(1), int64(2)}, "b": {int64(1)}, "d": {int64(1)}} {
		_, err := sqlite.SQLiteRowsQuery(sqlite.SQLiteRowsQueryConfig{Table: tables[table], Key: key})
		errtest.Want(t, err, core.CodeInvalid, "key")
	}
}

// Long values are left in the file; what stands for them can't be a value.
func TestSQLiteRowsQuery_Clip(t *testing.T) {
	t.Parallel()
	db := open(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, v)`,
		`INSERT INTO t VALUES (1, 'short'), (2, 'äöü' || 'long text'), (3, zeroblob(11)), (4, zeroblob(10)), (5, NULL), (6, 12345678901234), (7, 'mark text 99')`)
	clip := &sqlite.SQLiteRowsQueryClip{Bytes: 10, Mark: "secret mark"}
	_, rows, _ := page(t, db.Reader, sqlite.SQLiteRowsQueryConfig{Table: schemaOf(t, db)["t"], Clip: clip})
	got := ""
	for _, row := range rows {
		kind, bytes, ok := clip.Clipped(row[1])
		got += fmt.Sprintf("%v %s %d %t\n", row[0], kind, bytes, ok)
	}
	const want = "1  0 false\n2 text 15 true\n3 blob 11 true\n4  0 false\n5  0 false\n6 integer 14 true\n7 text 12 true\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	var none *sqlite.SQLiteRowsQueryClip
	if _, _, ok := none.Clipped("secret mark text 5"); ok {
		t.Error("clipped without a mark")
	}
}

// The query for people returns the same rows.
func TestSQLiteRowsQuery_Text(t *testing.T) {
	t.Parallel()
	db := open(t, `CREATE TABLE "a?1" (id INTEGER PRIMARY KEY, "x?2" TEXT, b BLOB, data TEXT)`,
		`INSERT INTO "a?1" VALUES (1, 'it''s', x'00', '{"n":1}'), (2, '?1', NULL, NULL), (3, 'z', NULL, NULL)`)
	table := schemaOf(t, db)["a?1"]
	for query, want := range map[string]string{
		"x?2=eq.it's":                          `SELECT "id", "x?2", "b", "data" FROM "a?1" WHERE ("x?2" IN ('it''s')) ORDER BY "a?1"."id"`,
		"b=eq.%5Cx00&select=n:data->n":         `SELECT CASE WHEN json_valid("data", 6) THEN "data" -> '$."n"' END AS "n" FROM "a?1" WHERE ("b" IN (x'00')) ORDER BY "a?1"."id"`,
		"id=in.(2,3)&order=x?2.desc&select=id": `SELECT "id" FROM "a?1" WHERE ("id" IN ('2', '3')) ORDER BY "a?1"."x?2" DESC, "a?1"."id"`,
	} {
		cfg, err := rowsQuery(t, table, strings.ReplaceAll(query, "?", "%3F"))
		if err != nil {
			t.Fatal(err)
		}
		q, rows, _ := page(t, db.Reader, cfg)
		if q.Text() != want {
			t.Errorf("%s:\n%s\nwant\n%s", query, q.Text(), want)
		}
		var n int
		if err := db.Reader.QueryRowContext(t.Context(), "SELECT count(*) FROM ("+q.Text()+")").Scan(&n); err != nil || n != len(rows) || n == 0 {
			t.Errorf("%s: %d rows, %v, want %d", q.Text(), n, err, len(rows))
		}
	}
}

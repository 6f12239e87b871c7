//go:build cgo

package duckdb

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/errtest"
)

func mustImport(t testing.TB, db *sql.DB, cfg DuckDBImportConfig, want int64) {
	t.Helper()
	if n, err := DuckDBImport(t.Context(), db, cfg); err != nil || n != want {
		t.Fatalf("%s: %d rows, %v; want %d", cfg.Path, n, err, want)
	}
}

// content returns a table's rows as JSON.
func content(t testing.TB, db *sql.DB, table string) string {
	t.Helper()
	out, _ := mustQuery(t, db, queryConfig{Query: "FROM " + table, NDJSON: true})
	return out
}

func TestDuckDBImport_Create(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file, content string
		cfg                 DuckDBImportConfig
		want                string
	}{
		{"csv", "x.csv", "id,name,\"a \"\"b\"\"\"\n1,é,\"x,\ny\"\n2,,\"\"\n", DuckDBImportConfig{},
			"{\"id\":1,\"name\":\"é\",\"a \\\"b\\\"\":\"x,\\ny\"}\n{\"id\":2,\"name\":null,\"a \\\"b\\\"\":\"\"}\n"},
		{"tsv", "x.TSV", "a\tb\n1\t2,5\n", DuckDBImportConfig{}, "{\"a\":1,\"b\":\"2,5\"}\n"},
		{"crlf", "x.csv", "a,b\r\n1,2\r\n", DuckDBImportConfig{}, "{\"a\":1,\"b\":2}\n"},
		{"no line break at the end", "x.csv", "a\n1\n2", DuckDBImportConfig{}, "{\"a\":1}\n{\"a\":2}\n"},
		{"delimiter", "x.txt", "a;b\n1;2\n", DuckDBImportConfig{Format: "CSV", Delimiter: ";"}, "{\"a\":1,\"b\":2}\n"},
		{"no header", "x.csv", "1,a\n2,b\n", DuckDBImportConfig{NoHeader: true}, "{\"column0\":1,\"column1\":\"a\"}\n{\"column0\":2,\"column1\":\"b\"}\n"},
		{"null", "x.csv", "a,b\nNA,\nx,NA\n", DuckDBImportConfig{Null: "NA"}, "{\"a\":null,\"b\":\"\"}\n{\"a\":\"x\",\"b\":null}\n"},
		{"types", "x.csv", "zip,n\n01234,1\n", DuckDBImportConfig{Types: map[string]string{"ZIP": "VARCHAR", "n": "DECIMAL(5,2)"}}, "{\"zip\":\"01234\",\"n\":1.00}\n"},
		{"comment sign", "x.csv", "a\n#1\n#2\n", DuckDBImportConfig{}, "{\"a\":\"#1\"}\n{\"a\":\"#2\"}\n"},
		{"no rows", "x.csv", "a,b\n", DuckDBImportConfig{}, ""},
		{"late type", "x.csv", "a\n" + strings.Repeat("1\n", 50000) + "x\n", DuckDBImportConfig{}, ""},
		{"ndjson", "x.jsonl", "{\"a\":1,\"b\":{\"c\":[1]}}\n\n{\"a\":null,\"d\":\"2024-02-29\"}\n", DuckDBImportConfig{},
			"{\"a\":1,\"b\":{\"c\":[1]},\"d\":null}\n{\"a\":null,\"b\":null,\"d\":\"2024-02-29\"}\n"},
		{"ndjson types", "x.ndjson", "{\"a\":1,\"b\":2}\n", DuckDBImportConfig{Types: map[string]string{"a": "VARCHAR"}}, "{\"a\":\"1\",\"b\":2}\n"},
		{"ndjson late key", "x.ndjson", strings.Repeat("{\"a\":1}\n", 50000) + "{\"late\":1}\n", DuckDBImportConfig{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			c.cfg.Path, c.cfg.Table = write(t, c.file, c.content), "t"
			n, err := DuckDBImport(t.Context(), db, c.cfg)
			if err != nil || n != one[int64](t, db, "SELECT count(*) FROM t") {
				t.Fatal(n, err)
			}
			if c.want != "" {
				if got := content(t, db, "t"); got != c.want || n != int64(strings.Count(c.want, "\n")) {
					t.Errorf("%d rows, got\n%s\nwant\n%s", n, got, c.want)
				}
			}
			switch c.name {
			case "late type":
				if typ := one[string](t, db, "SELECT typeof(a) FROM t LIMIT 1"); typ != "VARCHAR" || n != 50001 {
					t.Errorf("%d rows of %s", n, typ)
				}
			case "ndjson late key":
				if sum := one[int](t, db, "SELECT sum(late)::INTEGER FROM t"); sum != 1 {
					t.Error("the late key is lost")
				}
			}
			_, err = DuckDBImport(t.Context(), db, c.cfg)
			errtest.Want(t, err, core.CodeConflict, "already exists")
		})
	}
}

func TestDuckDBImport_Parquet(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE src AS SELECT range AS id, [range, NULL] AS l FROM range(1000)", "CREATE TABLE t (l INTEGER[], id VARCHAR, more INTEGER DEFAULT 7)")
	path := filepath.Join(t.TempDir(), "day=1") // which DuckDB would treat as a column
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(path, "x.parquet")
	if _, err := DuckDBExport(t.Context(), db, DuckDBExportConfig{Path: path, Table: "src"}); err != nil {
		t.Fatal(err)
	}
	mustImport(t, db, DuckDBImportConfig{Path: path, Table: "back"}, 1000)
	if one[int](t, db, "SELECT count(*) FROM (FROM src EXCEPT FROM back)") != 0 {
		t.Error("came back changed")
	}
	mustImport(t, db, DuckDBImportConfig{Path: path, Table: "t", Append: true}, 1000)
	if got := one[string](t, db, "SELECT concat_ws('/', id, l, more) FROM t WHERE id = '999'"); got != "999/[999, NULL]/7" {
		t.Error(got)
	}
	broken := write(t, "x.parquet", "PAR1 no more of it")
	_, err := DuckDBImport(t.Context(), db, DuckDBImportConfig{Path: broken, Table: "x"})
	errtest.Want(t, err, core.CodeInvalid, "magic bytes")
}

// A Parquet file's values are stored as they are, or refused.
func TestDuckDBImport_ParquetAppendKeeps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ value, typ, want string }{
		{"2.0::DOUBLE", "INTEGER", "2"}, {"1.5::DOUBLE", "INTEGER", ""}, {"-0.5::FLOAT", "BIGINT", ""}, {"2.50::DECIMAL(9,2)", "DECIMAL(9,1)", "2.5"},
		{"2.55::DECIMAL(9,2)", "DECIMAL(9,1)", ""}, {"2.5::DECIMAL(9,2)", "INTEGER", ""}, {"2.5::DECIMAL(9,2)", "DOUBLE", "2.5"}, {"9007199254740993::BIGINT", "DOUBLE", ""},
		{"7::BIGINT", "DOUBLE", "7.0"}, {"0.5::DOUBLE", "FLOAT", "0.5"}, {"16777217::DOUBLE", "FLOAT", ""}, {"7::BIGINT", "TINYINT", "7"},
		{"'2026-01-02 03:04:05'::TIMESTAMP", "DATE", ""}, {"'2026-01-02'::TIMESTAMP", "DATE", "2026-01-02"}, {"7::INTEGER", "VARCHAR", "7"}, {"NULL::DOUBLE", "INTEGER", "NULL"},
		{"'1.5'", "INTEGER", ""}, {"'7'", "INTEGER", "7"}, {"[1.5, 2]::DOUBLE[]", "INTEGER[]", ""}, {"[1.0, 2]::DOUBLE[]", "INTEGER[]", "[1, 2]"}, {"true", "INTEGER", "1"},
	} {
		db := open(t, "CREATE TABLE src AS SELECT "+c.value+" AS v", "CREATE TABLE t (v "+c.typ+")")
		path := filepath.Join(t.TempDir(), "x.parquet")
		if _, err := DuckDBExport(t.Context(), db, DuckDBExportConfig{Path: path, Table: "src"}); err != nil {
			t.Fatal(err)
		}
		_, err := DuckDBImport(t.Context(), db, DuckDBImportConfig{Path: path, Table: "t", Append: true})
		if c.want == "" {
			errtest.Want(t, err, core.CodeInvalid, "")
			if n := one[int](t, db, "SELECT count(*) FROM t"); n != 0 {
				t.Errorf("%s into %s: %d rows", c.value, c.typ, n)
			}
			continue
		}
		if got := one[string](t, db, "SELECT coalesce(v::VARCHAR, 'NULL') FROM t"); err != nil || got != c.want {
			t.Errorf("%s into %s: %s, %v", c.value, c.typ, got, err)
		}
	}
}

func TestDuckDBImport_Append(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE SCHEMA s", "CREATE TABLE s.t (zip VARCHAR, n INTEGER, note VARCHAR DEFAULT 'none')")
	cfg := DuckDBImportConfig{Schema: "s", Table: "t", Append: true}
	in := func(file, content string) DuckDBImportConfig {
		cfg := cfg
		cfg.Path = write(t, file, content)
		return cfg
	}
	mustImport(t, db, in("x.csv", "n,ZIP\n1,01234\n"), 1)
	mustImport(t, db, in("x.ndjson", `{"zip":"2024-02-29T10:00:00Z","n":2,"note":null}`), 1)
	noHeader := in("x.csv", "00001,3,x\n")
	noHeader.NoHeader = true
	mustImport(t, db, noHeader, 1)
	want := "{\"zip\":\"01234\",\"n\":1,\"note\":\"none\"}\n{\"zip\":\"2024-02-29T10:00:00Z\",\"n\":2,\"note\":null}\n{\"zip\":\"00001\",\"n\":3,\"note\":\"x\"}\n"
	if got := content(t, db, "s.t"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	short := in("x.csv", "1,2\n")
	short.NoHeader = true
	missing := in("x.csv", "a\n1\n")
	missing.Table = "nowhere"
	for _, c := range []struct {
		cfg  DuckDBImportConfig
		code core.Code
		want string
	}{
		{in("x.csv", "zip,other\n1,2\n"), core.CodeInvalid, `the table has no column "other"`},
		{in("x.csv", "zip,n\n1,2\n1,"+strings.Repeat("x", 1000)+"\n"), core.CodeInvalid, "x.csv line 3: Error when converting column \"n\""},
		{in("x.ndjson", "{\"n\":1}\n{\"n\":\"x\"}\n"), core.CodeInvalid, "x.ndjson line 2: "},
		{short, core.CodeInvalid, "the file has 2 columns, the table 3"},
		{missing, core.CodeNotFound, "nowhere does not exist"},
	} {
		n, err := DuckDBImport(t.Context(), db, c.cfg)
		errtest.Want(t, err, c.code, c.want)
		if n != 0 || len(err.Error()) > 600 {
			t.Errorf("%d rows, %v", n, err)
		}
	}
	if got := content(t, db, "s.t"); got != want {
		t.Errorf("afterwards\n%s", got)
	}
}

// Every fault is reported with its line; DuckDB's detection would skip most of
// these lines.
func TestDuckDBImport_FaultyLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file, content string
		line                int
	}{
		{"too many columns", "x.csv", "a,b\n1,2\n3,4,5\n6,7\n", 3},
		{"too few columns", "x.csv", "a,b\n1,2\n3\n6,7\n", 3},
		{"open quote", "x.csv", "a,b\n1,2\n3,\"x\n6,7\n", 3},
		{"text behind a quote", "x.csv", "a,b\n1,2\n3,\"x\"y\n6,7\n", 3},
		{"not UTF-8", "x.csv", "a,b\n1,x\n3,\xff\xfe\n6,7\n", 3},
		{"late", "x.csv", "a,b\n" + strings.Repeat("1,2\n", 60000) + "1,2,3\n", 60002},
		{"ndjson", "x.ndjson", "{\"a\":1}\n{\"a\":}\n{\"a\":2}\n", 2},
		{"ndjson first", "x.ndjson", "{\"a\":1\n{\"a\":2}\n", 1},
		{"ndjson late", "x.ndjson", strings.Repeat("{\"a\":1}\n", 60000) + "{\"a\":x}\n", 60001},
		{"ndjson, no object", "x.ndjson", "{\"a\":1}\n[1]\n", 2},
		{"ndjson, not UTF-8", "x.ndjson", "{\"a\":\"x\"}\n{\"a\":\"\xff\"}\n", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			_, err := DuckDBImport(t.Context(), db, DuckDBImportConfig{Path: write(t, c.file, c.content), Table: "t"})
			errtest.Want(t, err, core.CodeInvalid, fmt.Sprintf("%s line %d: ", c.file, c.line))
			t.Log(err)
			if n := one[int](t, db, "SELECT count(*) FROM duckdb_tables()"); n != 0 {
				t.Error("a table was made")
			}
		})
	}
}

func TestDuckDBImport_Config(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE keep (n INTEGER)")
	csv := write(t, "x.csv", "a\n1\n")
	for _, c := range []struct {
		cfg  DuckDBImportConfig
		code core.Code
		want string
	}{
		{DuckDBImportConfig{Path: csv}, core.CodeInvalid, "Table is empty"},
		{DuckDBImportConfig{Table: "t"}, core.CodeInvalid, "Path is empty"},
		{DuckDBImportConfig{Table: "t", Path: csv + "x"}, core.CodeInvalid, "no known format"},
		{DuckDBImportConfig{Table: "t", Path: csv, Format: "xml"}, core.CodeInvalid, `bad Format "xml"`},
		{DuckDBImportConfig{Table: "t", Path: csv, Delimiter: "ab"}, core.CodeInvalid, "bad Delimiter"},
		{DuckDBImportConfig{Table: "t", Path: csv, Delimiter: `"`}, core.CodeInvalid, "bad Delimiter"},
		{DuckDBImportConfig{Table: "t", Path: csv, Format: "ndjson", NoHeader: true}, core.CodeInvalid, "for CSV"},
		{DuckDBImportConfig{Table: "t", Path: csv, Types: map[string]string{"x": "INTEGER"}}, core.CodeInvalid, `a column "x" that the file doesn't have`},
		{DuckDBImportConfig{Table: "t", Path: csv, Types: map[string]string{"a": "INTEGER'}); DROP TABLE keep; --"}}, core.CodeInvalid, ""},
		{DuckDBImportConfig{Table: "t", Path: csv, Types: map[string]string{"a": "NOTYPE"}}, core.CodeInvalid, "NOTYPE"},
		{DuckDBImportConfig{Table: "t", Path: csv, Types: map[string]string{"a": "INTEGER"}, Append: true}, core.CodeInvalid, "Types is for"},
		{DuckDBImportConfig{Table: "t", Path: "/nowhere/x.csv"}, core.CodeNotFound, "no such file"},
		{DuckDBImportConfig{Table: "t", Path: "/nowhere/*.csv", Glob: true}, core.CodeNotFound, "No files found"},
		{DuckDBImportConfig{Table: "t", Path: filepath.Dir(csv), Format: "csv"}, core.CodeInvalid, "is a folder"},
		{DuckDBImportConfig{Table: "t", Path: "https://localhost:1/x.csv"}, core.CodeNotFound, "no such file"},
		{DuckDBImportConfig{Table: "t\x00", Path: csv}, core.CodeInvalid, "NUL"},
		{DuckDBImportConfig{Table: "t", Schema: "\x00", Path: csv}, core.CodeInvalid, "NUL"},
		{DuckDBImportConfig{Table: "t", Path: csv + "\x00"}, core.CodeInvalid, "NUL"},
		{DuckDBImportConfig{Table: "t", Path: csv, Null: "\x00"}, core.CodeInvalid, "NUL"},
		{DuckDBImportConfig{Table: "t", Schema: "nowhere", Path: csv}, core.CodeInvalid, "does not exist"},
	} {
		_, err := DuckDBImport(t.Context(), db, c.cfg)
		errtest.Want(t, err, c.code, c.want)
	}
	one[int](t, db, "SELECT count(*) FROM keep")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := DuckDBImport(ctx, db, DuckDBImportConfig{Table: "t", Path: csv})
	errtest.Want(t, err, core.CodeCanceled, "canceled")
}

func TestDuckDBImport_Hostile(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE keep (n INTEGER)")
	dir := t.TempDir()
	for i, name := range append(hostile, "*", "?", "[x]", "{a,b}", "~", "$HOME", "-") {
		folder := filepath.Join(dir, fmt.Sprint(i), strings.ReplaceAll(name, "/", "_"))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, filepath.Base(folder)+".csv")
		var csv strings.Builder
		fmt.Fprintf(&csv, "\"%s\"\n\"%s\"\n", strings.ReplaceAll(name, `"`, `""`), strings.ReplaceAll(name, `"`, `""`))
		if err := os.WriteFile(path, []byte(csv.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		exec(t, db, "CREATE SCHEMA "+quoteName(name))
		if name == " " {
			continue // DuckDB replaces blank CSV column names, by column0
		}
		cfg := DuckDBImportConfig{Path: path, Schema: name, Table: name, Types: map[string]string{name: "VARCHAR"}}
		mustImport(t, db, cfg, 1)
		cfg.Append, cfg.Types = true, nil
		mustImport(t, db, cfg, 1)
		if got := one[string](t, db, "SELECT string_agg(x, '|') FROM "+quoteTable(name, name)+" AS t(x)"); got != name+"|"+name {
			t.Errorf("%q came back as %q", name, got)
		}
	}
	one[int](t, db, "SELECT count(*) FROM keep")
}

func TestDuckDBImport_Glob(t *testing.T) {
	t.Parallel()
	db := open(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"a1.csv": "x,y\n1,2\n", "a2.csv": "y,x\n4,3\n", "a*.csv": "x,y\n5,6\n", "b.csv": "x\n9\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pattern := filepath.Join(dir, "a*.csv")
	mustImport(t, db, DuckDBImportConfig{Path: pattern, Table: "literal"}, 1)
	mustImport(t, db, DuckDBImportConfig{Path: pattern, Table: "globbed", Glob: true}, 3)
	if got := one[string](t, db, "SELECT concat_ws('/', sum(x), sum(y)) FROM globbed"); got != "9/12" {
		t.Error(got)
	}
}

func TestDuckDBImport_Compressed(t *testing.T) {
	t.Parallel()
	db := open(t)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	fmt.Fprint(w, "a,b\n1,2\n3,4,5\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := DuckDBImport(t.Context(), db, DuckDBImportConfig{Path: write(t, "x.csv.gz", zipped.String()), Table: "t"})
	errtest.Want(t, err, core.CodeInvalid, "line 3")
	mustImport(t, db, DuckDBImportConfig{Path: write(t, "y.csv.gz", gzipped(t, "a,b\n1,2\n")), Table: "t"}, 1)
	mustImport(t, db, DuckDBImportConfig{Path: write(t, "y.ndjson.gz", gzipped(t, "{\"a\":1}\n")), Table: "u"}, 1)
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	fmt.Fprint(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return zipped.String()
}

func TestDuckDBImport_LargeValues(t *testing.T) {
	t.Parallel()
	db := openWith(t, DuckDBOpenConfig{Path: ":memory:", Threads: 1}) // each thread has its own buffers
	large := strings.Repeat("é", 5<<20)                               // 10 MB, beyond DuckDB's default for CSV
	larger := strings.Repeat("1", 17<<20)
	mustImport(t, db, DuckDBImportConfig{Path: write(t, "x.csv", "a,b\n1,"+large+"\n2,x\n"), Table: "c"}, 2)
	mustImport(t, db, DuckDBImportConfig{Path: write(t, "x.ndjson", "{\"b\":\""+large+"\",\"a\":\"\"}\n{\"b\":\"x\"}\n"), Table: "j"}, 2)
	mustImport(t, db, DuckDBImportConfig{Path: write(t, "y.ndjson", "{\"b\":\"x\"}\n{\"a\":\""+larger+"\"}\n"), Table: "j", Append: true}, 2)
	if n := one[int](t, db, "SELECT max(strlen(a)) FROM j"); n != len(larger) {
		t.Errorf("%d bytes", n)
	}
	for _, table := range []string{"c", "j"} {
		if n := one[int](t, db, "SELECT max(strlen(b)) FROM "+table); n != len(large) {
			t.Errorf("%s: %d bytes", table, n)
		}
	}
}

// The memory that the largest line needs must not be used for every file.
func TestDuckDBImport_LittleMemory(t *testing.T) {
	t.Parallel()
	db := openWith(t, DuckDBOpenConfig{Path: ":memory:", Threads: 2, MemoryLimit: 100 << 20})
	mustImport(t, db, DuckDBImportConfig{Path: write(t, "x.csv", "a\n1\n"), Table: "c"}, 1)
	mustImport(t, db, DuckDBImportConfig{Path: write(t, "x.ndjson", "{\"a\":1}\n"), Table: "j"}, 1)
}

func TestDuckDBImport_Cancel(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (a INTEGER)")
	path := write(t, "x.csv", "a\n"+strings.Repeat("1234567\n", 8<<20)) // 64 MiB, some seconds
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := DuckDBImport(ctx, db, DuckDBImportConfig{Path: path, Table: "t", Append: true})
	errtest.Want(t, err, core.CodeTimeout, "deadline")
	if n := one[int](t, db, "SELECT count(*) FROM t"); n != 0 {
		t.Errorf("%d rows are in", n)
	}
}

// Whatever a file holds, an import loads all of it or reports why not, and
// leaves the database usable.
func FuzzDuckDBImport(f *testing.F) {
	for _, text := range []string{"a,b\n1,2\n", "a\n\"x\ny\"\n", "a,b\n1\n", "{\"a\":1}\n{\"b\":[1,{}]}\n", "\xff\n", "PAR1", "", "a\n\x00\n", "\"\n", "{\"a\":\n"} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, csv bool) {
		db := openWith(t, DuckDBOpenConfig{Path: ":memory:", Threads: 1})
		format := map[bool]string{true: "csv", false: "ndjson"}[csv]
		n, err := DuckDBImport(t.Context(), db, DuckDBImportConfig{Path: write(t, "x", text), Format: format, Table: "t"})
		tables := one[int64](t, db, "SELECT count(*) FROM duckdb_tables()")
		if err != nil && (core.ErrorCode(err) == core.CodeInternal || tables != 0) {
			t.Errorf("%v (%s), %d tables", err, core.ErrorCode(err), tables)
		}
		if err == nil && one[int64](t, db, "SELECT count(*) FROM t") != n {
			t.Errorf("says %d rows", n)
		}
	})
}

// Changes that DuckDB's own detection makes silently.
func TestDuckDBImport_StrictTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file, values string
		cfg                DuckDBImportConfig
		typ, want          string
	}{
		{"long IDs", "x.csv", "12345678901234567890 12345678901234567891", DuckDBImportConfig{}, "VARCHAR", "12345678901234567890 12345678901234567891"},
		{"IDs of 19 digits", "x.csv", "1234567890123456789", DuckDBImportConfig{}, "BIGINT", "1234567890123456789"},
		{"beyond BIGINT", "x.csv", "9223372036854775808", DuckDBImportConfig{}, "VARCHAR", "9223372036854775808"},
		{"leading zeros", "x.csv", "1 007", DuckDBImportConfig{}, "VARCHAR", "1 007"},
		{"plus", "x.csv", "+1", DuckDBImportConfig{}, "VARCHAR", "+1"},
		{"fractions", "x.csv", "1 -0.5 1e3", DuckDBImportConfig{}, "DOUBLE", "1.0 -0.5 1000.0"},
		{"long fractions", "x.csv", "0.12345678901234567", DuckDBImportConfig{}, "VARCHAR", "0.12345678901234567"},
		{"huge", "x.csv", "1e999", DuckDBImportConfig{}, "VARCHAR", "1e999"},
		{"nan", "x.csv", "1.5 nan", DuckDBImportConfig{}, "VARCHAR", "1.5 nan"},
		{"local dates", "x.csv", "01/02/2026", DuckDBImportConfig{}, "VARCHAR", "01/02/2026"},
		{"dashed local dates", "x.csv", "01-02-2026", DuckDBImportConfig{}, "VARCHAR", "01-02-2026"},
		{"ISO dates", "x.csv", "2026-02-01", DuckDBImportConfig{}, "DATE", "2026-02-01"},
		{"no such date", "x.csv", "2026-02-30", DuckDBImportConfig{}, "VARCHAR", "2026-02-30"},
		{"dates as configured", "x.csv", "01/02/2026 31/12/2026", DuckDBImportConfig{DateFormat: "%d/%m/%Y"}, "DATE", "2026-02-01 2026-12-31"},
		{"not as configured", "x.csv", "01/02/2026 12/31/2026", DuckDBImportConfig{DateFormat: "%d/%m/%Y"}, "VARCHAR", "01/02/2026 12/31/2026"},
		{"times", "x.csv", "2026-02-01T10:00:00 2026-02-01T10:00:00.25", DuckDBImportConfig{}, "TIMESTAMP", "2026-02-01 10:00:00 2026-02-01 10:00:00.25"},
		{"nanoseconds", "x.csv", "2026-02-01T10:00:00.123456789", DuckDBImportConfig{}, "VARCHAR", "2026-02-01T10:00:00.123456789"},
		{"offset", "x.csv", "2026-02-01T10:00:00+02:00", DuckDBImportConfig{}, "VARCHAR", "2026-02-01T10:00:00+02:00"},
		{"clock", "x.csv", "10:00:00", DuckDBImportConfig{}, "TIME", "10:00:00"},
		{"short clock", "x.csv", "10:00", DuckDBImportConfig{}, "VARCHAR", "10:00"},
		{"t and f", "x.csv", "t f", DuckDBImportConfig{}, "VARCHAR", "t f"},
		{"yes and no", "x.csv", "yes no", DuckDBImportConfig{}, "VARCHAR", "yes no"},
		{"true and false", "x.csv", "true false", DuckDBImportConfig{}, "BOOLEAN", "true false"},
		{"0 and 1", "x.csv", "0 1", DuckDBImportConfig{}, "BIGINT", "0 1"},
		{"no values", "x.csv", "", DuckDBImportConfig{}, "VARCHAR", ""},
		{"JSON dates", "x.ndjson", `"01/02/2026"`, DuckDBImportConfig{}, "VARCHAR", "01/02/2026"},
		{"JSON dashed dates", "x.ndjson", `"01-02-2026"`, DuckDBImportConfig{}, "VARCHAR", "01-02-2026"},
		{"JSON ISO dates", "x.ndjson", `"2026-02-01"`, DuckDBImportConfig{}, "DATE", "2026-02-01"},
		{"JSON long IDs", "x.ndjson", `12345678901234567890 12345678901234567891`, DuckDBImportConfig{}, "VARCHAR", "12345678901234567890 12345678901234567891"},
		{"JSON fractions", "x.ndjson", `1 -0.5`, DuckDBImportConfig{}, "DOUBLE", "1.0 -0.5"},
		{"JSON t and f", "x.ndjson", `"t" "f"`, DuckDBImportConfig{}, "VARCHAR", "t f"},
		{"JSON text of digits", "x.ndjson", `"007"`, DuckDBImportConfig{}, "VARCHAR", "007"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			var text strings.Builder
			if c.file == "x.csv" {
				text.WriteString("v,other\n")
			}
			for _, v := range append(strings.Fields(c.values), "") {
				switch {
				case c.file == "x.csv":
					text.WriteString(v + ",x\n")
				case v != "":
					text.WriteString("{\"v\":" + v + "}\n")
				}
			}
			c.cfg.Path, c.cfg.Table = write(t, c.file, text.String()), "t"
			var columns []DuckDBImportColumn
			c.cfg.OnColumns = func(all []DuckDBImportColumn) { columns = all }
			if _, err := DuckDBImport(t.Context(), db, c.cfg); err != nil {
				t.Fatal(err)
			}
			typ := one[string](t, db, "SELECT data_type FROM duckdb_columns() WHERE table_name = 't' AND column_name = 'v'")
			got := one[sql.Null[string]](t, db, "SELECT string_agg(v::VARCHAR, ' ') FROM t")
			if typ != c.typ || got.V != c.want {
				t.Errorf("%s %q, want %s %q", typ, got.V, c.typ, c.want)
			}
			if len(columns) == 0 || columns[0] != (DuckDBImportColumn{Name: "v", Type: typ}) {
				t.Errorf("reported %+v", columns)
			}
		})
	}
}

// Given types are no licence to guess or round either.
func TestDuckDBImport_StrictGiven(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ typ, value, want string }{
		{"INTEGER", "1.5", `column "v" has a number that is not whole`},
		{"BIGINT", "1e-1", "not whole"},
		{"DATE", "01/02/2026", "a date that is not ISO"},
		{"DATE", "01-02-2026", "a date that is not ISO"},
		{"TIMESTAMP", "01/02/2026 10:00:00", "a time that is not ISO"},
	} {
		file := write(t, "x.csv", "v\n"+c.value+"\n")
		db := open(t, "CREATE TABLE t (v "+c.typ+")")
		_, err := DuckDBImport(t.Context(), db, DuckDBImportConfig{Path: file, Table: "t", Append: true})
		errtest.Want(t, err, core.CodeInvalid, c.want)
		_, err = DuckDBImport(t.Context(), db, DuckDBImportConfig{Path: file, Table: "new", Types: map[string]string{"v": c.typ}})
		errtest.Want(t, err, core.CodeInvalid, c.want)
	}
	db := open(t, "CREATE TABLE t (v DATE, n INTEGER)")
	var columns []DuckDBImportColumn
	mustImport(t, db, DuckDBImportConfig{
		Path: write(t, "x.csv", "v,n\n01/02/2026,7\n"), Table: "t", Append: true, DateFormat: "%d/%m/%Y",
		OnColumns: func(all []DuckDBImportColumn) { columns = all },
	}, 1)
	if got := one[string](t, db, "SELECT concat_ws(' ', v, n) FROM t"); got != "2026-02-01 7" {
		t.Error(got)
	}
	if len(columns) != 2 || columns[0] != (DuckDBImportColumn{"v", "DATE", true}) {
		t.Errorf("%+v", columns)
	}
}

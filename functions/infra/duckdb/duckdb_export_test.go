//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/errtest"
)

// files returns the names in a folder, which must hold no temporary file.
func files(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestDuckDBExport_Written(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE SCHEMA s", "CREATE TABLE s.t AS SELECT range AS id, 'text ' || range AS x FROM range(5000)")
	for _, c := range []struct {
		cfg         DuckDBExportConfig
		rows        int64
		compression string
	}{
		{DuckDBExportConfig{Schema: "s", Table: "t"}, 5000, "ZSTD"},
		{DuckDBExportConfig{Schema: "s", Table: "t", Compression: "snappy"}, 5000, "SNAPPY"},
		{DuckDBExportConfig{Schema: "s", Table: "t", Compression: "gzip"}, 5000, "GZIP"},
		{DuckDBExportConfig{Schema: "s", Table: "t", Compression: "brotli"}, 5000, "BROTLI"},
		{DuckDBExportConfig{Schema: "s", Table: "t", Compression: "lz4"}, 5000, "LZ4_RAW"},
		{DuckDBExportConfig{Schema: "s", Table: "t", Compression: "uncompressed"}, 5000, "UNCOMPRESSED"},
		{DuckDBExportConfig{Query: "SELECT * FROM s.t WHERE id < ? ; -- the first", Args: []any{10}}, 10, "ZSTD"},
		{DuckDBExportConfig{Query: "FROM s.t SELECT id, $x AS x WHERE id < $n", Named: map[string]any{"n": 3, "x": "y"}}, 3, "ZSTD"},
		{DuckDBExportConfig{Query: "SELECT 1 AS id, 2 AS id, 3 AS x"}, 1, "ZSTD"},
		{DuckDBExportConfig{Query: "SELECT 1 AS id, 'x' AS x WHERE false"}, 0, "ZSTD"},
	} {
		dir := t.TempDir()
		c.cfg.Path = filepath.Join(dir, "x.parquet")
		for range 2 { // the second replaces the first
			n, err := DuckDBExport(t.Context(), db, c.cfg)
			if err != nil || n != c.rows {
				t.Fatalf("%+v: %d, %v", c.cfg, n, err)
			}
		}
		if n := one[int64](t, db, "SELECT count(id) + count(x) FROM "+quoteText(c.cfg.Path)); n != 2*c.rows {
			t.Errorf("%+v: %d values are in the file", c.cfg, n)
		}
		if c.rows > 100 {
			if got := one[string](t, db, "SELECT max(compression) FROM parquet_metadata("+quoteText(c.cfg.Path)+")"); got != c.compression {
				t.Errorf("%s, want %s", got, c.compression)
			}
		}
		if got := files(t, dir); got != "x.parquet" {
			t.Errorf("the folder holds %s", got)
		}
	}
}

func TestDuckDBExport_Refused(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE keep (n INTEGER)", "INSERT INTO keep VALUES (1)", "CREATE SEQUENCE seq")
	dir := t.TempDir()
	path := filepath.Join(dir, "x.parquet")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cfg  DuckDBExportConfig
		code core.Code
		want string
	}{
		{DuckDBExportConfig{Table: "keep"}, core.CodeInvalid, "Path is empty"},
		{DuckDBExportConfig{Path: path}, core.CodeInvalid, "either Table or Query"},
		{DuckDBExportConfig{Path: path, Table: "keep", Query: "SELECT 1"}, core.CodeInvalid, "either Table or Query"},
		{DuckDBExportConfig{Path: path, Table: "keep", Compression: "zip"}, core.CodeInvalid, `bad Compression "zip"`},
		{DuckDBExportConfig{Path: path, Table: "keep", Compression: "zstd); DROP TABLE keep; --"}, core.CodeInvalid, "bad Compression"},
		{DuckDBExportConfig{Path: path, Table: "keep", Args: []any{1}}, core.CodeInvalid, "go with Query"},
		{DuckDBExportConfig{Path: path, Query: "SELECT 1", Schema: "s"}, core.CodeInvalid, "goes with Table"},
		{DuckDBExportConfig{Path: path, Table: "nowhere"}, core.CodeNotFound, "nowhere does not exist"},
		{DuckDBExportConfig{Path: path, Query: "SELECT * FROM nowhere"}, core.CodeInvalid, "nowhere does not exist"},
		{DuckDBExportConfig{Path: path, Query: "SELECT 1; DROP TABLE keep"}, core.CodeInvalid, "several statements"},
		{DuckDBExportConfig{Path: path, Query: "SELECT 1) TO '" + dir + "/y.csv'; DROP TABLE keep; --"}, core.CodeInvalid, ""},
		{DuckDBExportConfig{Path: path, Query: "DELETE FROM keep RETURNING n"}, core.CodeInvalid, "not a SELECT"},
		{DuckDBExportConfig{Path: path, Query: "EXPORT DATABASE '" + dir + "/y'"}, core.CodeInvalid, "not a SELECT"},
		{DuckDBExportConfig{Path: path, Query: "SELECT nextval('seq')"}, core.CodeForbidden, "read-only"},
		{DuckDBExportConfig{Path: path, Query: "SELECT ?"}, core.CodeInvalid, "1 parameters"},
		{DuckDBExportConfig{Path: path, Query: "SELECT error('late') FROM range(10000)"}, core.CodeInvalid, "late"},
		{DuckDBExportConfig{Path: dir, Table: "keep"}, core.CodeInvalid, "not a regular file"},
		{DuckDBExportConfig{Path: os.DevNull, Table: "keep"}, core.CodeInvalid, "not a regular file"},
		{DuckDBExportConfig{Path: "/nowhere/x.parquet", Table: "keep"}, core.CodeNotFound, "folder /nowhere does not exist"},
		{DuckDBExportConfig{Path: path + "\x00", Table: "keep"}, core.CodeInvalid, "NUL"},
		{DuckDBExportConfig{Path: path, Table: "a\x00"}, core.CodeInvalid, "NUL"},
		{DuckDBExportConfig{Path: path, Query: "SELECT 1\x00"}, core.CodeInvalid, "NUL"},
	} {
		_, err := DuckDBExport(t.Context(), db, c.cfg)
		errtest.Want(t, err, c.code, c.want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := DuckDBExport(ctx, db, DuckDBExportConfig{Path: path, Query: "SELECT range FROM range(1000000000000)"})
	errtest.Want(t, err, core.CodeTimeout, "deadline")
	if old, err := os.ReadFile(path); err != nil || string(old) != "old" || files(t, dir) != "x.parquet" {
		t.Errorf("%q, %v; the folder holds %s", old, err, files(t, dir))
	}
	if n := one[int](t, db, "SELECT count(*) FROM keep"); n != 1 {
		t.Errorf("%d rows in the table", n)
	}
}

func TestDuckDBExport_Hostile(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE keep (n INTEGER)")
	for _, name := range hostile {
		exec(t, db, "CREATE SCHEMA "+quoteName(name), "CREATE TABLE "+quoteTable(name, name)+" AS SELECT "+quoteText(name)+" AS "+quoteName(name))
		path := filepath.Join(t.TempDir(), strings.ReplaceAll(name, "/", "_")+".parquet")
		if n, err := DuckDBExport(t.Context(), db, DuckDBExportConfig{Path: path, Schema: name, Table: name}); err != nil || n != 1 {
			t.Fatalf("%q: %d, %v", name, n, err)
		}
		mustImport(t, db, DuckDBImportConfig{Path: path, Schema: name, Table: "back"}, 1)
		if got := one[string](t, db, "SELECT "+quoteName(name)+" FROM "+quoteTable(name, "back")); got != name {
			t.Errorf("%q came back as %q", name, got)
		}
	}
	one[int](t, db, "SELECT count(*) FROM keep")
}

func TestDuckDBExport_SymbolicLink(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t AS SELECT 1 AS n")
	dir := t.TempDir()
	link, target := filepath.Join(dir, "link"), write(t, "target", "old")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if _, err := DuckDBExport(t.Context(), db, DuckDBExportConfig{Path: link, Table: "t"}); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != target {
		t.Error(to, err)
	}
	mustImport(t, db, DuckDBImportConfig{Path: target, Format: "parquet", Table: "back"}, 1)
}

func TestDuckDBExport_Sandbox(t *testing.T) {
	t.Parallel()
	db := openWith(t, DuckDBOpenConfig{Path: ":memory:", Sandbox: true}, "CREATE TABLE t AS SELECT 1 AS n")
	dir := t.TempDir()
	_, err := DuckDBExport(t.Context(), db, DuckDBExportConfig{Path: filepath.Join(dir, "x.parquet"), Table: "t"})
	errtest.Want(t, err, core.CodeForbidden, "disabled by configuration")
	if _, err := os.Stat(filepath.Join(dir, "x.parquet")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

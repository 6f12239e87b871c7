//go:build cgo

package duckdb

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
)

// DuckDBExportConfig says what [DuckDBExport] writes, and where.
type DuckDBExportConfig struct {
	Path        string         // the Parquet file; an existing file is replaced; its folder must exist; required
	Table       string         // a table's or view's bare name, unquoted; this or Query is required
	Schema      string         // of Table; default: the connection's, main
	Query       string         // one SELECT; a trailing ; is fine
	Args        []any          // for ? and $1 in Query, by position
	Named       map[string]any // for $name in Query, without the prefix; a query uses Args or Named, not both
	Compression string         // "zstd", "snappy", "gzip", "brotli", "lz4" or "uncompressed"; default zstd
}

const exportOp = "duckdb_export"

var compressions = []string{"zstd", "snappy", "gzip", "brotli", "lz4", "uncompressed"}

// DuckDBExport writes a table or the rows of a query to a Parquet file and
// returns how many rows there were. They go to a temporary file in the same
// folder, which is flushed to the disk and then renamed: anyone who opens Path
// sees the old file or all of the new one, after a power cut too. On an error,
// and at the end of ctx, which stops it within about half a second, Path is as
// it was and the temporary file is gone.
//
// The query can't write: it runs in a read-only transaction. If Path is a
// symbolic link, the file that it leads to is replaced.
//
// Errors: CodeNotFound for a missing table or folder, CodeInvalid for bad SQL
// or a bad config, CodeForbidden where the folder can't be written,
// CodeUnavailable on a full disk, CodeTimeout and CodeCanceled for ctx, what
// [DuckDBError] gives for the rest.
//
// More in duckdb_export.md:
//   - The query runs in a read-only transaction, so nextval() fails.
//   - The disk must have room for both the old file and the new one.
func DuckDBExport(ctx context.Context, db *sql.DB, cfg DuckDBExportConfig) (int64, error) {
	if err := checkExport(&cfg); err != nil {
		return 0, err
	}
	target, err := exportTarget(cfg.Path)
	if err != nil {
		return 0, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, queryError(ctx, exportOp, err)
	}
	defer conn.Close()
	temp := filepath.Join(filepath.Dir(target), ".duckdb_export-"+rand.Text())
	defer os.Remove(temp) // after the rename it no longer exists
	rows, err := copyTo(ctx, conn, cfg, temp)
	if err != nil {
		return 0, queryError(ctx, exportOp, err)
	}
	if err := atomicfile.FileReplace(temp, target); err != nil {
		return 0, fileError(exportOp, err)
	}
	return rows, nil
}

// fileError wraps errors of the operating system.
func fileError(op string, err error) error {
	coded := &core.Error{Op: op, Err: err}
	if errors.Is(err, syscall.ENOSPC) {
		coded.Code, coded.Hint = core.CodeUnavailable, "the disk is full: free space"
	}
	return coded
}

// checkExport checks the config and applies the defaults.
func checkExport(cfg *DuckDBExportConfig) error {
	fail := func(message string) error {
		return &core.Error{Code: core.CodeInvalid, Op: exportOp, Message: message}
	}
	if cfg.Compression == "" {
		cfg.Compression = "zstd"
	}
	switch {
	case cfg.Path == "":
		return fail("Path is empty")
	case (cfg.Table == "") == (cfg.Query == ""):
		return fail("give either Table or Query")
	case cfg.Table == "" && cfg.Schema != "":
		return fail("Schema goes with Table")
	case cfg.Table != "" && len(cfg.Args)+len(cfg.Named) > 0:
		return fail("Args and Named go with Query")
	case !slices.Contains(compressions, cfg.Compression):
		return fail(fmt.Sprintf("bad Compression %q: %s", cfg.Compression, strings.Join(compressions, ", ")))
	}
	if cfg.Table != "" {
		return checkTable(exportOp, cfg.Schema, cfg.Table)
	}
	return errors.Join(checkText(exportOp, "the query", cfg.Query), checkText(exportOp, "the path", cfg.Path))
}

// exportTarget returns the file that Path leads to, which is a regular file or
// does not exist yet.
func exportTarget(path string) (string, error) {
	if err := checkText(exportOp, "the path", path); err != nil {
		return "", err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", &core.Error{Code: core.CodeInternal, Op: exportOp, Err: err}
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return "", &core.Error{Code: core.CodeInvalid, Op: exportOp, Message: path + " is not a regular file"}
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return "", fileError(exportOp, err)
	}
	return path, findFolder(exportOp, filepath.Dir(path))
}

// copyTo lets DuckDB write the file. The parentheses make sure that the query
// is a single SELECT.
func copyTo(ctx context.Context, conn *sql.Conn, cfg DuckDBExportConfig, path string) (int64, error) {
	end, err := beginReadOnly(ctx, conn)
	if err != nil {
		return 0, err
	}
	defer end()
	query := cfg.Query
	if cfg.Table != "" {
		query = "SELECT * FROM " + quoteTable(cfg.Schema, cfg.Table)
	}
	s, err := prepare(conn, exportOp, query, true)
	switch {
	case err != nil && cfg.Table != "":
		return 0, notFound(exportOp, err)
	case err != nil:
		return 0, err
	case !s.selects:
		return 0, &core.Error{Code: core.CodeInvalid, Op: exportOp, Message: "the query is not a SELECT"}
	}
	args, err := bindArgs(exportOp, s.params, cfg.Args, cfg.Named)
	if err != nil {
		return 0, err
	}
	return countedExec(ctx, conn, fmt.Sprintf("COPY (%s\n) TO %s (FORMAT parquet, COMPRESSION %s, USE_TMP_FILE false)",
		s.text, quoteText(path), cfg.Compression), args...)
}

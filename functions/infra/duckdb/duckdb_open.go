//go:build cgo

package duckdb

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	driver "github.com/duckdb/duckdb-go/v2"

	"fnregistry.dev/functions/core"
)

// DuckDBOpenConfig says which database [DuckDBOpen] opens, and how.
type DuckDBOpenConfig struct {
	Path        string // a file, created if missing (its folder is not), or ":memory:"; required
	ReadOnly    bool   // never write: the file must exist; other processes may read it at the same time
	Threads     int    // threads that one query may use; default the number of CPUs
	MemoryLimit int64  // bytes that DuckDB's buffers may take, at least 1 MiB; default 80 % of the machine's memory
	TempDir     string // an existing folder for data that doesn't fit into memory; default: next to the database file, or the system's for a database in memory
	Extensions  bool   // let DuckDB download and load extensions by itself; json, parquet and icu are built in
	Sandbox     bool   // for untrusted SQL: no file except the database (no COPY, read_csv, ATTACH), no network, settings locked
}

// minMemory is less than DuckDB needs for a single block and its bookkeeping.
const minMemory = 1 << 20

// DuckDBOpen opens a DuckDB database file, or a database in memory that lives
// until Close, as one pool: all its connections work on the same database, each
// transaction on the state as it was when it began. Nothing is downloaded
// unless Extensions is set or SQL says INSTALL. ctx is looked at before the
// opening, which may have to play back a write-ahead log, and after it. Close
// the pool: that writes the log back into the file.
//
// Errors: CodeNotFound for a missing folder (or a missing file with ReadOnly),
// CodeForbidden where the file or its folder can't be written, CodeInvalid for
// a file that is no DuckDB database or a bad config, CodeUnsupported for one of
// another version, CodeUnavailable while another process holds it, CodeConflict
// when this process has it open with other settings.
//
// More in duckdb_open.md:
//   - One process at a time: while one has a file open for writing, no other
//     can even read it (CodeUnavailable).
//   - Within a process a second handle on a file joins the first one's
//     database.
func DuckDBOpen(ctx context.Context, cfg DuckDBOpenConfig) (*sql.DB, error) {
	op := "duckdb_open path=" + cfg.Path
	dsn, err := openDSN(op, cfg)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, DuckDBError(op, err)
	}
	connector, err := driver.NewConnector(dsn, nil)
	if err != nil {
		return nil, DuckDBError(op, err)
	}
	db := sql.OpenDB(connector)
	err = db.PingContext(ctx)
	if err == nil && cfg.Sandbox {
		err = lockUp(ctx, db)
	}
	if err != nil {
		_ = db.Close() // the error that caused it is returned
		return nil, DuckDBError(op, err)
	}
	return db, nil
}

// lockUp turns the database into a sandbox, permanently. These settings can't
// go into the DSN, where the order is undefined: they would keep the temporary
// folder from being set.
func lockUp(ctx context.Context, db *sql.DB) error {
	var locked, access bool
	row := db.QueryRowContext(ctx, "SELECT current_setting('lock_configuration')::BOOLEAN, current_setting('enable_external_access')::BOOLEAN")
	if err := row.Scan(&locked, &access); err != nil || locked && !access { // another handle of this process has locked it already
		return err
	}
	_, err := db.ExecContext(ctx, "SET GLOBAL enable_external_access = false; SET GLOBAL lock_configuration = true")
	return err
}

// openDSN checks the config and formats it as the driver expects: a path, a ?
// and settings.
func openDSN(op string, cfg DuckDBOpenConfig) (string, error) {
	fail := func(message, hint string) (string, error) {
		return "", &core.Error{Code: core.CodeInvalid, Op: op, Message: message, Hint: hint}
	}
	path, memory := cfg.Path, cfg.Path == ":memory:"
	switch {
	case cfg.Threads < 0:
		return fail(fmt.Sprintf("bad Threads %d", cfg.Threads), "")
	case cfg.MemoryLimit != 0 && cfg.MemoryLimit < minMemory:
		return fail(fmt.Sprintf("bad MemoryLimit %d", cfg.MemoryLimit), "it is in bytes, at least 1 MiB")
	case memory && cfg.ReadOnly:
		return fail("a database in memory can't be read-only", "it would be empty forever")
	}
	if !memory {
		var err error
		if path, err = findFile(op, cfg); err != nil {
			return "", err
		}
	}
	temp, err := tempFolder(op, cfg, memory)
	if err != nil {
		return "", err
	}
	return path + "?" + settings(cfg, temp).Encode(), nil
}

func settings(cfg DuckDBOpenConfig, temp string) url.Values {
	s := url.Values{}
	set := func(name, value string) { s.Set(name, value) }
	if cfg.ReadOnly {
		set("access_mode", "READ_ONLY")
	}
	if cfg.Threads > 0 {
		set("threads", strconv.Itoa(cfg.Threads))
	}
	if cfg.MemoryLimit > 0 {
		set("memory_limit", strconv.FormatInt(cfg.MemoryLimit, 10)+"B")
	}
	if temp != "" {
		set("temp_directory", temp)
	}
	allowed := strconv.FormatBool(cfg.Extensions && !cfg.Sandbox)
	set("autoinstall_known_extensions", allowed)
	set("autoload_known_extensions", allowed)
	set("allow_community_extensions", allowed)
	return s
}

// tempFolder returns a folder of this handle's own, which DuckDB creates when
// needed and removes on Close. The default for a database in memory would be
// .tmp in the working directory.
func tempFolder(op string, cfg DuckDBOpenConfig, memory bool) (string, error) {
	parent := cfg.TempDir
	if parent == "" {
		if !memory {
			return "", nil // PATH.tmp
		}
		parent = os.TempDir()
	}
	if err := checkText(op, "TempDir", parent); err != nil {
		return "", err
	}
	parent, err := filepath.Abs(parent)
	if err != nil {
		return "", &core.Error{Code: core.CodeInternal, Op: op, Err: err}
	}
	if err := findFolder(op, parent); err != nil {
		return "", err
	}
	return filepath.Join(parent, "duckdb-"+rand.Text()), nil
}

// findFile catches what the driver would misread, and what DuckDB would only
// report as "cannot open file".
func findFile(op string, cfg DuckDBOpenConfig) (string, error) {
	fail := func(code core.Code, message, hint string) (string, error) {
		return "", &core.Error{Code: code, Op: op, Message: message, Hint: hint}
	}
	if cfg.Path == "" || strings.ContainsRune(cfg.Path, 0) {
		return fail(core.CodeInvalid, "bad path", `use a file's path or ":memory:"`)
	}
	path, err := filepath.Abs(cfg.Path) // so that no prefix can select another kind of database, and a later chdir has no effect
	if err != nil {
		return "", &core.Error{Code: core.CodeInternal, Op: op, Err: err}
	}
	if _, err := url.Parse(path + "?a=b"); err != nil || strings.ContainsAny(path, "?#") {
		return fail(
			core.CodeInvalid,
			"DuckDB's driver can't open such a path",
			"it reads it as a URL: no ?, # or control characters, and % only before two hexadecimal digits",
		)
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fail(core.CodeInvalid, "is a folder", "")
	case err == nil:
	case errors.Is(err, os.ErrPermission):
		return "", &core.Error{Code: core.CodeForbidden, Op: op, Err: err}
	default:
		if err := findFolder(op, filepath.Dir(path)); err != nil {
			return "", err
		}
		if cfg.ReadOnly {
			return fail(core.CodeNotFound, "file does not exist", "without ReadOnly it would be made")
		}
	}
	return path, nil
}

func findFolder(op, dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &core.Error{
			Code:    core.CodeNotFound,
			Op:      op,
			Message: "folder " + dir + " does not exist",
			Hint:    "create it first: mkdir -p " + dir,
		}
	case err != nil:
		return &core.Error{Code: core.ErrorCode(err), Op: op, Err: err}
	case !info.IsDir():
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: dir + " is not a folder"}
	}
	return nil
}

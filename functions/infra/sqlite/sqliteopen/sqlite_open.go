package sqliteopen

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
)

// SQLiteOpenConfig says which database [SQLiteOpen] opens, and how.
type SQLiteOpenConfig struct {
	Path        string        // a file, created if missing (its folder is not), or ":memory:"; required
	ReadOnly    bool          // never write: the file must exist, and Writer is the same pool as Reader
	BusyTimeout time.Duration // how long SQLite waits for another process's lock; default 5 s; negative: not at all
	Synchronous string        // OFF, NORMAL, FULL or EXTRA; default NORMAL: a power cut may lose the last commits, never the file
	MaxReaders  int           // connections in Reader; default the number of CPUs, at least 4
	// KeepJournal leaves a file's journal mode as it is. Without WAL a reader
	// holds up the writer, and the other way round, up to BusyTimeout. Default:
	// it becomes WAL, and stays so. Without meaning for ReadOnly.
	KeepJournal bool

	// Private lets only this user read the database: the file and SQLite's
	// -wal and -shm beside it get mode 0600, also where they exist with another
	// one. Default: a new file's mode is by the umask, and others keep theirs.
	Private bool

	// Sandbox is for SQL from outside, beside sqlite_query_json's ReadOnly: no
	// other file can be attached, pragmas only read, no function loads code,
	// SQL has at most 100 kB and expressions a
	// depth of 100, and MaxValueBytes and MemoryLimit have defaults.
	Sandbox bool
	// Hidden are the columns that SQL can't read, with Sandbox: a statement
	// that would is refused with CodeForbidden. With the column "" it is about
	// a table, or the name of a WITH, none of whose columns are read, as by
	// count(*). With it, pragmas that describe tables are refused, too. It is
	// called while statements are prepared, by several connections at once.
	// nil: none.
	Hidden func(table, column string) bool
	// MaxValueBytes is the most that a text, a blob or a row may have. A
	// context can't stop a function that makes a larger one. Default SQLite's
	// own, 1 GB; with Sandbox 100 kB.
	MaxValueBytes int
	// MemoryLimit is how many bytes SQLite may allocate in this process, for
	// all its databases; another handle can lower it, but not raise it.
	// Default none; with Sandbox 256 MiB.
	MemoryLimit int64
}

// SQLiteOpenHandle is an open database. Close closes both pools.
type SQLiteOpenHandle struct {
	// Writer has one connection, whose transactions begin with BEGIN IMMEDIATE:
	// SQLite has one writer at a time, and waiting for the pool is fair and
	// heeds the context, where SQLite's own busy wait is neither.
	Writer *sql.DB
	// Reader has several connections that can't write. In WAL mode (every file)
	// they run next to the writer, each on the state as it was when its
	// transaction began.
	Reader *sql.DB

	anchor driver.Conn // keeps a database in memory alive while the pools are empty; nil for a file
}

// SQLiteOpen opens a SQLite database file, or a database in memory, with
// settings fit for a server: WAL, a busy timeout, foreign keys on,
// trusted_schema off, defensive mode where the driver has it (modernc), and one
// writing connection next to a pool of reading ones. ctx bounds the opening
// alone. Close the handle.
//
// Errors: CodeNotFound for a missing folder (or a missing file with ReadOnly),
// CodeForbidden where the file or its folder can't be written, CodeInvalid for
// a file that is no database or a bad config, CodeInternal for a damaged file,
// CodeUnavailable while another process holds it. A new connection of a pool
// fails with CodeConflict and [sqlite.ErrSQLiteFileLost] where the file was
// deleted or replaced meanwhile.
//
// More in sqlite_open.md:
//   - Writer has one connection.
//   - Why two pools: SQLite has one writer at a time.
func SQLiteOpen(ctx context.Context, cfg SQLiteOpenConfig) (*SQLiteOpenHandle, error) {
	settings, err := newSettings(cfg)
	if err != nil {
		return nil, err
	}
	if settings.MemoryLimit > 0 && !countsMemory() {
		return nil, settings.fail(core.CodeUnsupported, "MemoryLimit can no longer be set",
			"something else has used modernc.org/sqlite in this process: open this database first")
	}
	if settings.Private {
		if err := settings.makePrivate(); err != nil {
			return nil, err
		}
	}
	h := &SQLiteOpenHandle{}
	if err := h.open(ctx, settings); err != nil {
		_ = h.Close() // the error that caused it is returned
		return nil, openError(settings, err)
	}
	return h, nil
}

// Close closes both pools, the readers first: the last connection of a file
// writes the WAL back and removes it. It waits for queries under way, and may
// be called again.
func (h *SQLiteOpenHandle) Close() error {
	var errs []error
	for _, db := range []*sql.DB{h.Reader, h.Writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if h.anchor != nil {
		errs = append(errs, h.anchor.Close())
		h.anchor = nil
	}
	return errors.Join(errs...)
}

// settings is a config with its defaults applied.
type settings struct {
	SQLiteOpenConfig
	memory bool
	op     string // for errors
	path   string // absolute; empty for one in memory
	file   *sameFile
	uri    string // file:..., without the parameters that differ between writer and readers
}

func newSettings(cfg SQLiteOpenConfig) (settings, error) {
	s := settings{SQLiteOpenConfig: cfg, memory: cfg.Path == ":memory:", op: "sqlite_open path=" + cfg.Path}
	s.Synchronous = strings.ToUpper(s.Synchronous)
	switch s.Synchronous {
	case "":
		s.Synchronous = "NORMAL"
	case "OFF", "NORMAL", "FULL", "EXTRA":
	default:
		return s, s.fail(
			core.CodeInvalid,
			fmt.Sprintf("bad Synchronous %q", cfg.Synchronous),
			"use OFF, NORMAL, FULL or EXTRA",
		)
	}
	if s.BusyTimeout == 0 {
		s.BusyTimeout = 5 * time.Second
	}
	s.BusyTimeout = max(s.BusyTimeout, 0)
	if s.MaxValueBytes < 0 || s.MemoryLimit < 0 || s.MemoryLimit > 0 && s.MemoryLimit < minMemory {
		return s, s.fail(core.CodeInvalid, fmt.Sprintf("bad MaxValueBytes %d or MemoryLimit %d", s.MaxValueBytes, s.MemoryLimit),
			"both are in bytes; MemoryLimit is at least 4 MiB")
	}
	if s.Sandbox {
		s.MaxValueBytes = cmp.Or(s.MaxValueBytes, sandboxValueBytes)
		s.MemoryLimit = cmp.Or(s.MemoryLimit, sandboxMemoryLimit)
	}
	if s.MaxReaders <= 0 {
		s.MaxReaders = max(4, runtime.GOMAXPROCS(0))
	}
	if s.memory {
		if s.ReadOnly {
			return s, s.fail(core.CodeInvalid, "a database in memory can't be read-only", "it would be empty forever")
		}
		// The memdb file system shares a name that begins with / among a
		// process's connections, with real locks. cache=shared, the older way,
		// has table locks that no busy timeout waits for.
		s.uri = "file:/fnregistry-" + rand.Text() + "?vfs=memdb"
		return s, nil
	}
	return s, s.findFile()
}

// findFile catches what SQLite would only report as "unable to open database
// file", and sets uri.
func (s *settings) findFile() error {
	if s.Path == "" || strings.ContainsRune(s.Path, 0) || strings.HasPrefix(s.Path, "file:") {
		return s.fail(core.CodeInvalid, "bad path", `use a file's path or ":memory:", not a URI`)
	}
	path, err := filepath.Abs(s.Path) // a later chdir must not make new connections open another file
	if err != nil {
		return &core.Error{Code: core.CodeInternal, Op: s.op, Err: err}
	}
	// Only Stat: opening and closing the file here would drop this process's
	// POSIX locks on it.
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return s.fail(core.CodeInvalid, "is a folder", "")
	case err == nil && !info.Mode().IsRegular(): // SQLite would wait for a pipe's other end, and read a device for ever
		return s.fail(core.CodeInvalid, "is not a regular file", "")
	case err == nil:
	case errors.Is(err, os.ErrPermission):
		return &core.Error{Code: core.CodeForbidden, Op: s.op, Err: err}
	default:
		if err := s.findFolder(filepath.Dir(path)); err != nil {
			return err
		}
		if s.ReadOnly {
			return s.fail(core.CodeNotFound, "file does not exist", "without ReadOnly it would be made")
		}
	}
	s.path, s.uri, s.file = path, fileURI(path)+"?", &sameFile{path: path}
	return nil
}

func (s *settings) findFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return s.fail(core.CodeNotFound, "folder "+dir+" does not exist", "create it first: mkdir -p "+dir)
	case err != nil:
		return &core.Error{Code: core.ErrorCode(err), Op: s.op, Err: err}
	case !info.IsDir():
		return s.fail(core.CodeInvalid, dir+" is not a folder", "")
	}
	return nil
}

// fileURI encodes an absolute path the way SQLite reads it,
// https://sqlite.org/uri.html.
func fileURI(path string) string {
	path = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(path))
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/...
	}
	return "file:" + path
}

func (s *settings) fail(code core.Code, message, hint string) error {
	return &core.Error{Code: code, Op: s.op, Message: message, Hint: hint}
}

// openError adds known details to a driver's error: the folder exists, so
// "unable to open" is a matter of permissions.
func openError(s settings, err error) error {
	err = sqlite.SQLiteError(s.op, err)
	coded, ok := errors.AsType[*core.Error](err)
	if ok && strings.Contains(err.Error(), "unable to open database file") {
		coded.Code = core.CodeForbidden
	}
	if ok && coded.Code == core.CodeForbidden {
		coded.Hint = "let this user write to the file and its folder, or open with ReadOnly"
		if s.ReadOnly {
			coded.Hint = "let this user read the file; a database in WAL mode also needs its -shm file, or a folder where it can be created: copy it, with its -wal, to one"
		}
	}
	return err
}

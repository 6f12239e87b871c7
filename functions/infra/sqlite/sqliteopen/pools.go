package sqliteopen

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/work"
)

// open creates the pools and a first connection in each, so that a bad file
// fails now rather than at the first query.
func (h *SQLiteOpenHandle) open(ctx context.Context, s settings) error {
	read, err := newConnector(s, true)
	if err != nil {
		return err
	}
	if s.memory {
		if h.anchor, err = read.Connect(ctx); err != nil {
			return err
		}
	}
	if !s.ReadOnly {
		write, err := newConnector(s, false)
		if err != nil {
			return err
		}
		if err := prepareFile(ctx, *write, s); err != nil {
			return err
		}
		h.Writer = newPool(write, 1)
		if err := h.Writer.PingContext(ctx); err != nil { // later, it might find another file
			return err
		}
	}
	h.Reader = newPool(read, s.MaxReaders)
	if s.ReadOnly {
		h.Writer = h.Reader
	}
	return readSchema(ctx, h.Reader)
}

// sameFile is for new connections of a pool: a file that was deleted or
// replaced meanwhile must not be mixed with the one that is open, nor made
// again. SQLite would also wait for the other end of a pipe.
type sameFile struct {
	path string

	mu   sync.Mutex
	info os.FileInfo // nil until a connection has made the file
}

func (f *sameFile) check() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := os.Stat(f.path)
	how := ""
	switch {
	case f.info == nil && err == nil:
		f.info = now
	case f.info == nil:
	case errors.Is(err, os.ErrNotExist):
		how = "deleted or moved away"
	case err == nil && !os.SameFile(now, f.info):
		how = "replaced by another file"
	}
	if how == "" {
		return nil
	}
	return &core.Error{
		Code: core.CodeConflict, Op: "sqlite_open path=" + f.path, Message: "the database file was " + how + " while it was open",
		Hint: "stop the program, put the right file in its place, and start it again", Err: sqlite.ErrSQLiteFileLost,
	}
}

// newPool opens no connection yet. Connections stay open: each new one has to
// read the schema again.
func newPool(c driver.Connector, size int) *sql.DB {
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db
}

// readSchema makes SQLite read the header and the schema, which it otherwise
// defers to the first query. This pragma does so where the schema's table is
// hidden, too.
func readSchema(ctx context.Context, db *sql.DB) error {
	var pages int64
	return db.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages)
}

// prepareFile checks that the database can be read and written, and switches a
// file to WAL mode, permanently, unless KeepJournal is set.
func prepareFile(ctx context.Context, write connector, s settings) (err error) {
	write.sandbox = nil // this is not untrusted SQL
	db := newPool(&write, 1)
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	var tables int64
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if !s.memory && !s.KeepJournal {
		if err := setWAL(ctx, conn, s); err != nil {
			return err
		}
	}
	return checkWritable(ctx, conn, s)
}

// setWAL briefly needs exclusive access to the file. SQLite doesn't call its
// busy handler for that, hence the loop.
func setWAL(ctx context.Context, conn *sql.Conn, s settings) error {
	deadline := time.Now().Add(s.BusyTimeout)
	for {
		var mode string
		err := conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		switch {
		case err == nil && mode == "wal":
			return nil
		case err == nil:
			return s.fail(
				core.CodeUnsupported,
				"the file system can't do WAL (journal mode stays "+mode+")",
				"WAL needs shared memory: put the file on a local disk",
			)
		case !isBusy(err) || time.Now().After(deadline):
			return err
		}
		if err := work.SleepContext(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// checkWritable does a write that changes nothing: SQLite silently opens a file
// that it may not write, and even begins an "immediate" transaction on it. If
// the file is locked, it is writable, since someone else writes it.
func checkWritable(ctx context.Context, conn *sql.Conn, s settings) error {
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	if err == nil {
		err = errors.Join(rewriteVersion(ctx, conn), rollback(ctx, conn))
	} else if isBusy(err) {
		err = nil
	}
	_, restored := conn.ExecContext(ctx, s.busyPragma())
	return errors.Join(err, restored)
}

// rewriteVersion rewrites, unchanged, the one value of a database that needs no
// table.
func rewriteVersion(ctx context.Context, conn *sql.Conn) error {
	var version int64
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	return err
}

func rollback(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "ROLLBACK")
	return err
}

// isBusy recognises SQLITE_BUSY by SQLite's own message, which is the same with
// both drivers.
func isBusy(err error) bool {
	return strings.Contains(err.Error(), "database is locked")
}

func (s *settings) busyPragma() string {
	return fmt.Sprintf("PRAGMA busy_timeout = %d", s.BusyTimeout.Milliseconds())
}

// pragmas are run on each new connection.
func (s *settings) pragmas(read bool) []string {
	all := []string{
		s.busyPragma(),
		"PRAGMA foreign_keys = ON",
		"PRAGMA trusted_schema = OFF",
		"PRAGMA synchronous = " + s.Synchronous,
	}
	if s.MemoryLimit > 0 {
		all = append(all, s.memoryPragma())
	}
	if read {
		// In addition to mode=ro: attached databases and temporary tables can't
		// be written either.
		all = append(all, "PRAGMA query_only = ON")
	}
	return all
}

// connector opens and sets up connections of the linked driver.
type connector struct {
	driver  driver.Driver
	file    *sameFile // nil: it is in memory
	open    func(context.Context) (driver.Conn, error)
	pragmas []string
	limits  []limit
	sandbox *sandbox // nil: SQL may do everything
}

var _ driver.Connector = (*connector)(nil)

func newConnector(s settings, read bool) (*connector, error) {
	uri := s.uri
	if read && !s.memory {
		uri += "&mode=ro" // memdb has no such mode
	}
	if !read {
		uri += "&_txlock=immediate"
	}
	drv, open, err := linkedDriver(uri)
	if err != nil {
		return nil, err
	}
	c := &connector{driver: drv, file: s.file, open: open, pragmas: s.pragmas(read), limits: s.limits()}
	if s.Sandbox {
		c.sandbox = &sandbox{reads: read, hidden: s.Hidden}
	}
	return c, nil
}

// Connect implements driver.Connector.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if c.file != nil {
		if err := c.file.check(); err != nil {
			return nil, err
		}
	}
	conn, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	for _, pragma := range c.pragmas {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, pragma, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	setLimits(conn, c.limits)
	if c.sandbox != nil {
		conn = setSandbox(conn, c.sandbox)
	}
	return conn, nil
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return c.driver }

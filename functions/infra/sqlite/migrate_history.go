package sqlite

import (
	"context"
	"fmt"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/migration"
)

// readHistory reads the database's history, checks it against the files and
// sets result.Version and result.Pending.
func (m *migrating) readHistory(ctx context.Context) error {
	history, err := m.history(ctx)
	if err != nil {
		return SQLiteError("sqlite_migrate", err)
	}
	var files []migration.MigrationFile
	for _, f := range m.files {
		files = append(files, migration.MigrationFile{Version: f.Version, Name: f.Name, Checksum: f.Checksum})
	}
	last, err := migration.MigrationCheck("sqlite_migrate", files, history)
	m.result.Version, m.result.Pending = last, nil // even if the history doesn't match
	if err != nil {
		return err
	}
	for _, file := range m.files {
		if file.Version > last {
			m.result.Pending = append(m.result.Pending, file.MigrationFile)
		}
	}
	return nil
}

func (m *migrating) history(ctx context.Context) ([]migration.MigrationApplied, error) {
	var tables int
	err := m.conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE", m.table).Scan(&tables)
	if err != nil || tables == 0 {
		return nil, err
	}
	rows, err := m.conn.QueryContext(
		ctx,
		"SELECT version, name, checksum, applied_at FROM "+m.table+" ORDER BY version",
	)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []migration.MigrationApplied
	for rows.Next() {
		var line migration.MigrationApplied
		if err := rows.Scan(&line.Version, &line.Name, &line.Checksum, &line.At); err != nil {
			return nil, err
		}
		all = append(all, line)
	}
	return all, rows.Err()
}

// record writes a file's row into the history, creating the table for the first
// one.
func (m *migrating) record(ctx context.Context, file migrationFile) error {
	const columns = " (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT"
	if _, err := m.conn.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+m.table+columns); err != nil {
		return err
	}
	_, err := m.conn.ExecContext(ctx, "INSERT INTO "+m.table+" VALUES (?, ?, ?, ?)",
		file.Version, file.Name, file.Checksum, time.Now().UTC().Format(time.RFC3339))
	return err
}

// lockTry is how long SQLite itself waits for the lock at a time: its wait
// ignores the context.
const lockTry = 100 * time.Millisecond

// lock begins a transaction that holds the write lock, waiting up to
// lockTimeout for it.
func (m *migrating) lock(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, m.lockTimeout, errLockTimeout)
	defer cancel()
	var usual int64
	if err := m.conn.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&usual); err != nil {
		return m.lockError(ctx, err)
	}
	defer m.pragma(ctx, fmt.Sprintf("busy_timeout = %d", usual))
	m.pragma(ctx, fmt.Sprintf("busy_timeout = %d", lockTry.Milliseconds()))
	for {
		_, err := m.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		if err == nil {
			return nil
		}
		if number, ok := resultCode(err); ctx.Err() != nil || !ok || number&0xff != 5 { // SQLITE_BUSY
			return m.lockError(ctx, err)
		}
	}
}

var errLockTimeout = &core.Error{
	Code:    core.CodeUnavailable,
	Op:      "sqlite_migrate",
	Message: "another process held the write lock for too long",
	Hint:    "another program is migrating or writing to this database: try again when it is done",
}

func (m *migrating) lockError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return SQLiteError("sqlite_migrate", err)
}

// pragma sets a pragma of the connection even if ctx is done; if that fails,
// the connection is discarded.
func (m *migrating) pragma(ctx context.Context, setting string) {
	if _, err := m.conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA "+setting); err != nil {
		discard(m.conn)
	}
}

// foreignKeysOff turns foreign keys off for this connection and returns a
// function that restores them.
func (m *migrating) foreignKeysOff(ctx context.Context) (restore func(), err error) {
	var on bool
	if err := m.conn.QueryRowContext(ctx, "PRAGMA foreign_keys").Scan(&on); err != nil || !on {
		return func() {}, err
	}
	if _, err := m.conn.ExecContext(ctx, "PRAGMA foreign_keys = OFF"); err != nil {
		return nil, err
	}
	return func() { m.pragma(ctx, "foreign_keys = ON") }, nil
}

// rollback ends the transaction. SQLite may have ended it already (a full disk,
// an interrupt), and then refuses.
func (m *migrating) rollback(ctx context.Context) {
	if _, err := m.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); err != nil {
		discard(m.conn)
	}
}

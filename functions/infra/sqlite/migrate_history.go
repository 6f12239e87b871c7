package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"fnregistry.dev/functions/core"
)

// recorded is one line of the history table.
type recorded struct {
	version                   int64
	name, checksum, appliedAt string
}

// readHistory reads what the database has, checks it against the files and sets result.Version and result.Pending.
func (m *migrating) readHistory(ctx context.Context) error {
	history, err := m.history(ctx)
	if err != nil {
		return SQLiteError("sqlite_migrate", err)
	}
	last := int64(0)
	if len(history) > 0 {
		last = history[len(history)-1].version
	}
	m.result.Version, m.result.Pending = last, nil // also where the history doesn't fit
	for _, line := range history {
		if err := m.check(line); err != nil {
			return err
		}
	}
	for _, file := range m.files {
		known := slices.ContainsFunc(history, func(line recorded) bool { return line.version == file.Version })
		if !known && file.Version < last {
			return m.conflict(file.Name, fmt.Sprintf("is new, but version %d is already applied", last),
				"give the file a number above the last one; a merged branch is the usual cause")
		}
		if !known {
			m.result.Pending = append(m.result.Pending, file.SQLiteMigrateFile)
		}
	}
	return nil
}

// check holds one line of the history against its file.
func (m *migrating) check(line recorded) error {
	for _, file := range m.files {
		if file.Version != line.version {
			continue
		}
		if file.Checksum == line.checksum {
			return nil
		}
		return m.conflict(file.Name, fmt.Sprintf("has changed since it was applied at %s (checksum then %.12s, now %.12s)", line.appliedAt, line.checksum, file.Checksum),
			"restore the file as it was, and put the change into a new migration")
	}
	return m.conflict(line.name, fmt.Sprintf("was applied at %s, but this program doesn't have it", line.appliedAt),
		"the database was migrated by a newer program: run that one, or restore a backup")
}

func (m *migrating) conflict(file, message, hint string) error {
	return &core.Error{Code: core.CodeConflict, Op: "sqlite_migrate " + file, Message: message, Hint: hint}
}

func (m *migrating) history(ctx context.Context) ([]recorded, error) {
	var tables int
	err := m.conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE", m.table).Scan(&tables)
	if err != nil || tables == 0 {
		return nil, err
	}
	rows, err := m.conn.QueryContext(ctx, "SELECT version, name, checksum, applied_at FROM "+m.table+" ORDER BY version")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []recorded
	for rows.Next() {
		var line recorded
		if err := rows.Scan(&line.version, &line.name, &line.checksum, &line.appliedAt); err != nil {
			return nil, err
		}
		all = append(all, line)
	}
	return all, rows.Err()
}

// record writes a file's line into the history, making the table when it is the first.
func (m *migrating) record(ctx context.Context, file migrationFile) error {
	const columns = " (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT"
	if _, err := m.conn.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+m.table+columns); err != nil {
		return err
	}
	_, err := m.conn.ExecContext(ctx, "INSERT INTO "+m.table+" VALUES (?, ?, ?, ?)",
		file.Version, file.Name, file.Checksum, time.Now().UTC().Format(time.RFC3339))
	return err
}

// lockTry is how long SQLite itself waits for the lock at a time: its wait doesn't heed the context.
const lockTry = 100 * time.Millisecond

// lock begins a transaction that holds the write lock, waiting up to lockTimeout for it.
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
	Hint:    "another program migrates or writes to this database: try again when it is done",
}

func (m *migrating) lockError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return SQLiteError("sqlite_migrate", err)
}

// pragma sets a pragma of the connection even when ctx is done; a connection on which that fails is not used again.
func (m *migrating) pragma(ctx context.Context, setting string) {
	if _, err := m.conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA "+setting); err != nil {
		discard(m.conn)
	}
}

// foreignKeysOff turns foreign keys off for this connection and returns what puts them back.
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

// rollback ends the transaction. SQLite may have ended it already (a full disk, an interrupt), and then refuses.
func (m *migrating) rollback(ctx context.Context) {
	if _, err := m.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); err != nil {
		discard(m.conn)
	}
}

package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/migration"
)

// SQLiteMigrateConfig says which files [SQLiteMigrate] applies, and how.
type SQLiteMigrateConfig struct {
	FS          fs.FS         // holds the files, usually an embed.FS; required
	Dir         string        // the folder inside FS; default "."
	Table       string        // where the history is recorded; letters, digits and _; default "schema_migrations"
	LockTimeout time.Duration // how long to wait for another process that migrates or writes; default one minute
	DryRun      bool          // check and list, change nothing
}

// SQLiteMigrate brings a database's schema up to date: it applies the SQL files
// of cfg that the database doesn't have yet, in the order of their numbers
// ("0001_init.sql"), each in a transaction of its own together with the line
// that records it. Processes that start at once wait for each other, and each
// file is applied once.
//
// It refuses, before it changes anything: a file that was changed after it was
// applied, one that was applied and is gone (this program is older than the
// database), and a new one with a number below the last applied. A file may not
// hold BEGIN, COMMIT, END, ROLLBACK or VACUUM. One whose leading comment has
// the line "-- foreign_keys: off" runs with foreign keys off, and must leave no
// dangling reference.
//
// Errors: CodeInvalid for bad files or SQL (Op names file and line),
// CodeConflict for a history that doesn't fit, CodeUnavailable when the lock
// didn't come in time. The result is right in the case of an error, too.
//
// More in sqlite_migrate.md:
//   - Never edit a released file: the next start is refused with CodeConflict.
//   - A branch that adds a file with a lower number than one already applied is
//     refused: give it the next number when you merge.
func SQLiteMigrate(ctx context.Context, db *sql.DB, cfg SQLiteMigrateConfig) (migration.MigrationResult, error) {
	m := migrating{table: cfg.Table, lockTimeout: cfg.LockTimeout}
	if m.table == "" {
		m.table = "schema_migrations"
	}
	if !isTableName(m.table) {
		return m.result, &core.Error{
			Code:    core.CodeInvalid,
			Op:      "sqlite_migrate",
			Message: fmt.Sprintf("bad table name %q", m.table),
		}
	}
	if m.lockTimeout <= 0 {
		m.lockTimeout = time.Minute
	}
	var err error
	if m.files, err = migrationFiles(cfg.FS, cfg.Dir); err != nil {
		return m.result, err
	}
	if m.conn, err = db.Conn(ctx); err != nil {
		return m.result, SQLiteError("sqlite_migrate", err)
	}
	defer m.conn.Close()
	if err := m.readHistory(ctx); err != nil {
		return m.result, err
	}
	if cfg.DryRun || len(m.result.Pending) == 0 {
		return m.result, nil
	}
	return m.result, m.run(ctx)
}

// migrating is one call of SQLiteMigrate in progress.
type migrating struct {
	conn        *sql.Conn
	table       string
	lockTimeout time.Duration
	files       []migrationFile // by version
	result      migration.MigrationResult
}

// run applies what is pending.
func (m *migrating) run(ctx context.Context) error {
	for _, file := range m.files {
		if file.Version <= m.result.Version {
			continue
		}
		if err := m.apply(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

// apply applies one file, unless another process did so while this one waited
// for the lock.
func (m *migrating) apply(ctx context.Context, file migrationFile) (err error) {
	if file.foreignKeysOff {
		// The pragma does nothing inside a transaction.
		restore, err := m.foreignKeysOff(ctx)
		if err != nil {
			return SQLiteError("sqlite_migrate file="+file.Name, err)
		}
		defer restore()
	}
	if err := m.lock(ctx); err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			m.rollback(ctx)
		}
	}()
	if err := m.readHistory(ctx); err != nil {
		return err
	}
	if file.Version <= m.result.Version {
		return nil
	}
	if err := m.execFile(ctx, file); err != nil {
		return err
	}
	if err := m.record(ctx, file); err != nil {
		return SQLiteError("sqlite_migrate file="+file.Name, err)
	}
	if _, err := m.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return SQLiteError("sqlite_migrate file="+file.Name, err)
	}
	committed = true
	m.result.Version = file.Version
	m.result.Applied = append(m.result.Applied, file.MigrationFile)
	m.result.Pending = m.result.Pending[1:]
	return nil
}

// execFile runs the statements of a file inside the transaction.
func (m *migrating) execFile(ctx context.Context, file migrationFile) error {
	for _, s := range file.statements {
		if _, err := m.conn.ExecContext(ctx, s.text); err != nil {
			return SQLiteError(fmt.Sprintf("sqlite_migrate file=%s:%d", file.Name, s.line), err)
		}
	}
	if !file.foreignKeysOff {
		return nil
	}
	var table, parent string
	err := m.conn.QueryRowContext(ctx, `SELECT "table", parent FROM pragma_foreign_key_check LIMIT 1`).Scan(&table, &parent)
	switch err {
	case sql.ErrNoRows:
		return nil
	case nil:
		return &core.Error{
			Code:    core.CodeConflict,
			Op:      "sqlite_migrate file=" + file.Name,
			Message: fmt.Sprintf("leaves rows in %s that point to no row in %s", table, parent),
			Hint:    "foreign keys are off for this file; it must not leave dangling references",
		}
	}
	return SQLiteError("sqlite_migrate file="+file.Name, err)
}

package postgresmigrate

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/migration"
	"fnregistry.dev/functions/infra/postgres"
)

// PostgresMigrateConfig says which files [PostgresMigrate] applies, and how.
type PostgresMigrateConfig struct {
	FS          fs.FS         // holds the files, usually an embed.FS; required
	Dir         string        // the folder inside FS; default "."
	Table       string        // where the history is recorded, in the first schema of the search_path; lower-case letters, digits and _; default "goose_db_version"
	LockTimeout time.Duration // how long to wait for another process that migrates; default one minute
	DryRun      bool          // check and list, change nothing
}

const (
	defaultTable       = "goose_db_version" // goose's own default
	defaultLockTimeout = time.Minute
)

// PostgresMigrate brings a database's schema up to date: it applies the SQL
// files of cfg that the database doesn't have yet, in the order of their
// numbers ("0001_init.sql"), each in a transaction of its own together with the
// line that records it. Instances that start at once wait for each other by an
// advisory lock, and each file is applied once.
//
// A file is plain SQL, or has the annotations of pressly/goose ("-- +goose
// Up"), which runs it: with "-- +goose NO TRANSACTION" for CREATE INDEX
// CONCURRENTLY and its like. A Down part is never run.
//
// It refuses, before it changes anything: a file that was changed after it was
// applied, one that was applied and is gone (this program is older than the
// database), and a new one with a number below the last applied.
//
// It uses one connection of its own, made like the pool's but without a
// statement timeout, and closes it: what a file sets (search_path) doesn't
// reach the pool.
//
// Errors: CodeInvalid for bad files or SQL (Op names the file, and the line
// where it is known), CodeConflict for a history that doesn't fit,
// CodeUnavailable when the lock didn't come in time, and those of
// postgres_error. The result is right in the case of an error, too, unless the
// connection broke.
//
// More in postgres_migrate.md:
//   - Never edit a released file: the next start is refused with CodeConflict.
//   - A branch that adds a file with a lower number than one already applied is
//     refused: give it the next number when you merge.
func PostgresMigrate(ctx context.Context, pool *pgxpool.Pool, cfg PostgresMigrateConfig) (migration.MigrationResult, error) {
	m := migrating{table: cmp.Or(cfg.Table, defaultTable), lockTimeout: cmp.Or(max(cfg.LockTimeout, 0), defaultLockTimeout)}
	if !isTableName(m.table) {
		return m.result, &core.Error{
			Code:    core.CodeInvalid,
			Op:      "postgres_migrate",
			Message: fmt.Sprintf("bad table name %q", m.table),
			Hint:    "lower-case letters, digits and _, at most 63",
		}
	}
	var err error
	if m.files, err = migrationFiles(cfg.FS, cfg.Dir); err != nil {
		return m.result, err
	}
	m.db = openDB(pool)
	defer m.db.Close()
	// First without the lock, so that a start with nothing to do never blocks.
	if err := m.look(ctx); err != nil || cfg.DryRun || len(m.result.Pending) == 0 {
		return m.result, err
	}
	if err := m.lock(ctx); err != nil {
		return m.result, err
	}
	if err := m.look(ctx); err != nil || len(m.result.Pending) == 0 {
		return m.result, err
	}
	return m.result, m.run(ctx)
}

// migrating is one call of PostgresMigrate in progress.
type migrating struct {
	db          *sql.DB // one connection, which holds the lock
	schema      string  // where the history's table is
	table       string
	lockTimeout time.Duration
	files       []migrationFile // by version
	result      migration.MigrationResult
}

// run lets goose apply what is pending.
func (m *migrating) run(ctx context.Context) error {
	store, err := newStore(m)
	if err != nil {
		return &core.Error{Op: "postgres_migrate", Err: err}
	}
	provider, err := goose.NewProvider(goose.DialectCustom, m.db, sqlFiles(m.files),
		goose.WithStore(store), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return &core.Error{Op: "postgres_migrate", Err: err}
	}
	applied, err := provider.Up(ctx)
	partial, failed := errors.AsType[*goose.PartialError](err)
	if failed {
		applied = partial.Applied
	}
	for _, one := range applied {
		m.applied(one.Source.Version)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return postgres.PostgresError("postgres_migrate", fmt.Errorf("%w: %w", context.Cause(ctx), err))
	case failed:
		return m.fileError(partial.Failed.Source.Version, partial.Err)
	}
	if coded := postgres.PostgresError("postgres_migrate", err); core.ErrorCode(coded) != core.CodeInternal {
		return coded
	}
	return &core.Error{Code: core.CodeInvalid, Op: "postgres_migrate", Err: err} // a file that goose can't parse
}

// applied moves a file from pending to applied.
func (m *migrating) applied(version int64) {
	for i, file := range m.result.Pending {
		if file.Version == version {
			m.result.Applied = append(m.result.Applied, file)
			m.result.Pending = append(m.result.Pending[:i:i], m.result.Pending[i+1:]...)
			m.result.Version = version
			return
		}
	}
}

// fileError names the file, and the line if the server reports one.
func (m *migrating) fileError(version int64, err error) error {
	for _, file := range m.files {
		if file.Version == version {
			return postgres.PostgresError("postgres_migrate file="+file.Name+file.lineOf(err), err)
		}
	}
	return postgres.PostgresError("postgres_migrate", err)
}

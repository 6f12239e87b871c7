package postgresmigrate

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/postgres"
	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3/database"
)

// store is goose's own table of versions with two more columns: the file's name and checksum. goose's command line
// goes on working with it; the lines that it writes have no checksum, and are not held against the files.
type store struct {
	database.Store
	m *migrating
}

func newStore(m *migrating) (*store, error) {
	plain, err := database.NewStore(database.DialectPostgres, m.qualifiedTable())
	return &store{Store: plain, m: m}, err
}

func (m *migrating) qualifiedTable() string {
	return pgx.Identifier{m.schema, m.table}.Sanitize()
}

// TableExists is what goose asks before it makes the table.
func (s *store) TableExists(ctx context.Context, db database.DBTxConn) (exists bool, err error) {
	var columns int
	err = db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL,
		(SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname IN ('name', 'checksum'))`, s.m.qualifiedTable()).Scan(&exists, &columns)
	if err == nil && exists && columns < 2 { // made by goose's command line
		err = s.addColumns(ctx, db)
	}
	return exists, err
}

func (s *store) CreateVersionTable(ctx context.Context, db database.DBTxConn) error {
	if err := s.Store.CreateVersionTable(ctx, db); err != nil {
		return err
	}
	return s.addColumns(ctx, db)
}

func (s *store) addColumns(ctx context.Context, db database.DBTxConn) error {
	_, err := db.ExecContext(ctx, "ALTER TABLE "+s.m.qualifiedTable()+" ADD COLUMN IF NOT EXISTS name text, ADD COLUMN IF NOT EXISTS checksum text")
	return err
}

// Insert records a file that was applied, in the same transaction.
func (s *store) Insert(ctx context.Context, db database.DBTxConn, req database.InsertRequest) error {
	for _, file := range s.m.files {
		if file.Version == req.Version {
			_, err := db.ExecContext(ctx, "INSERT INTO "+s.m.qualifiedTable()+" (version_id, is_applied, name, checksum) VALUES ($1, true, $2, $3)",
				file.Version, file.Name, file.Checksum)
			return err
		}
	}
	return s.Store.Insert(ctx, db, req) // version 0, with which goose begins
}

// recorded is one line of the history.
type recorded struct {
	version        int64
	name, checksum string
	appliedAt      time.Time
}

// look reads what the database has, checks it against the files and sets result.Version and result.Pending.
func (m *migrating) look(ctx context.Context) error {
	history, err := m.history(ctx)
	if err != nil {
		return postgres.PostgresError("postgres_migrate", err)
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
			return conflict(file.Name, fmt.Sprintf("is new, but version %d is already applied", last),
				"give the file a number above the last one; a merged branch is the usual cause")
		}
		if !known {
			m.result.Pending = append(m.result.Pending, file.PostgresMigrateFile)
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
		if file.Checksum == line.checksum || line.checksum == "" {
			return nil
		}
		return conflict(file.Name, fmt.Sprintf("has changed since it was applied at %s (checksum then %.12s, now %.12s)", line.at(), line.checksum, file.Checksum),
			"restore the file as it was, and put the change into a new migration")
	}
	return conflict(line.name, fmt.Sprintf("version %d was applied at %s, but this program doesn't have it", line.version, line.at()),
		"the database was migrated by a newer program: run that one, or restore a backup")
}

func (line recorded) at() string { return line.appliedAt.Format(time.DateTime) }

func conflict(file, message, hint string) error {
	return &core.Error{Code: core.CodeConflict, Op: "postgres_migrate " + file, Message: message, Hint: hint}
}

// history reads the lines of goose's table, by version, without the one that it begins with (0). to_jsonb, because the
// columns name and checksum may not be there yet.
func (m *migrating) history(ctx context.Context) ([]recorded, error) {
	if err := m.findSchema(ctx); err != nil {
		return nil, err
	}
	var exists bool
	err := m.db.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", m.qualifiedTable()).Scan(&exists)
	if err != nil || !exists {
		return nil, err
	}
	rows, err := m.db.QueryContext(ctx, "SELECT version_id, coalesce(to_jsonb(t)->>'name', ''), coalesce(to_jsonb(t)->>'checksum', ''), tstamp FROM "+
		m.qualifiedTable()+" t WHERE is_applied AND version_id > 0 ORDER BY version_id")
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

// findSchema settles the table's schema once: a file may change the search_path.
func (m *migrating) findSchema(ctx context.Context) error {
	if m.schema != "" {
		return nil
	}
	var schema sql.NullString
	if err := m.db.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return err
	}
	if !schema.Valid {
		return &core.Error{Code: core.CodeInvalid, Op: "postgres_migrate", Message: "no schema of the search_path exists", Hint: "make the schema first, or set search_path in the URL"}
	}
	m.schema = schema.String
	return nil
}

package postgresmigrate

import (
	"context"
	"database/sql"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3/database"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/migration"
	"fnregistry.dev/functions/infra/postgres"
)

// store is goose's own table of versions with two more columns: the file's name
// and checksum. goose's command line still works with it; the rows that it
// writes have no checksum, and are not compared with the files.
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
	if err == nil && exists && columns < 2 { // created by goose's command line
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

// look reads the database's history, checks it against the files and sets
// result.Version and result.Pending.
func (m *migrating) look(ctx context.Context) error {
	history, err := m.history(ctx)
	if err != nil {
		return postgres.PostgresError("postgres_migrate", err)
	}
	var files []migration.MigrationFile
	for _, f := range m.files {
		files = append(files, migration.MigrationFile{Version: f.Version, Name: f.Name, Checksum: f.Checksum})
	}
	last, err := migration.MigrationCheck("postgres_migrate", files, history)
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

// history reads the rows of goose's table, by version, without the initial one
// (0). It uses to_jsonb because the columns name and checksum may not exist
// yet.
func (m *migrating) history(ctx context.Context) ([]migration.MigrationApplied, error) {
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
	var all []migration.MigrationApplied
	for rows.Next() {
		var line migration.MigrationApplied
		var at time.Time
		if err := rows.Scan(&line.Version, &line.Name, &line.Checksum, &at); err != nil {
			return nil, err
		}
		line.At = at.Format(time.DateTime)
		all = append(all, line)
	}
	return all, rows.Err()
}

// findSchema determines the table's schema once: a file may change the
// search_path.
func (m *migrating) findSchema(ctx context.Context) error {
	if m.schema != "" {
		return nil
	}
	var schema sql.NullString
	if err := m.db.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return err
	}
	if !schema.Valid {
		return &core.Error{
			Code:    core.CodeInvalid,
			Op:      "postgres_migrate",
			Message: "no schema of the search_path exists",
			Hint:    "create the schema first, or set search_path in the URL",
		}
	}
	m.schema = schema.String
	return nil
}

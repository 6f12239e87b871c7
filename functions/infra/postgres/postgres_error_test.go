package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/functions/infra/postgres/internal/pgtest"
	"fnregistry.dev/functions/infra/sqltest"
	"fnregistry.dev/functions/internal/errtest"
)

func TestPostgresError_Conformance(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t),
		"CREATE TABLE parent (id int PRIMARY KEY, name text NOT NULL UNIQUE, short varchar(3))",
		"CREATE TABLE child (parent int REFERENCES parent, age int CHECK (age > 0))",
		"CREATE TABLE room (during int4range, EXCLUDE USING gist (during WITH &&))",
		"INSERT INTO parent VALUES (1, 'a'); INSERT INTO room VALUES ('[1,3)')")
	suite := sqltest.SQLErrorConformanceConfig{Error: postgres.PostgresError, Made: map[error]core.Code{
		pgx.ErrNoRows:                  core.CodeNotFound,
		&pgconn.PgError{Code: "XX000"}: core.CodeInternal,
		&pgconn.PgError{Code: ""}:      core.CodeInternal,
		&pgconn.PgError{Code: "40001"}: core.CodeUnavailable,
		&pgconn.PgError{Code: "53100"}: core.CodeUnavailable,
		&pgconn.PgError{Code: "08P01"}: core.CodeInvalid,
		&pgconn.PgError{Code: "08006"}: core.CodeUnavailable,
	}}
	for _, c := range []struct {
		name, sql string
		want      core.Code
	}{
		{"syntax", "SELEC 1", core.CodeInvalid},
		{"no table", "INSERT INTO nowhere VALUES (1)", core.CodeInvalid},
		{"no schema", "CREATE TABLE nowhere.t (n int)", core.CodeInvalid},
		{"unique", "INSERT INTO parent VALUES (2, 'a')", core.CodeConflict},
		{"foreign key", "INSERT INTO child VALUES (7, 1)", core.CodeConflict},
		{"exclusion", "INSERT INTO room VALUES ('[2,4)')", core.CodeConflict},
		{"not null", "INSERT INTO parent VALUES (3, NULL)", core.CodeInvalid},
		{"check", "INSERT INTO child VALUES (1, -1)", core.CodeInvalid},
		{"too long", "INSERT INTO parent VALUES (3, 'c', 'abcd')", core.CodeInvalid},
		{"division", "SELECT 1/0", core.CodeInvalid},
		{"read-only", "BEGIN READ ONLY; DELETE FROM child; COMMIT", core.CodeForbidden},
		{"right", "SET ROLE pg_monitor; DELETE FROM child", core.CodeForbidden},
		{"statement timeout", "SET statement_timeout = 20; SELECT pg_sleep(60)", core.CodeTimeout},
		{"no such lock now", "BEGIN; SET LOCAL lock_timeout = 20; SELECT pg_advisory_xact_lock(77)", core.CodeUnavailable},
		{"raise", "DO $$ BEGIN RAISE 'own'; END $$", core.CodeInvalid},
		{"no data", "DO $$ DECLARE x int; BEGIN SELECT 1 INTO STRICT x WHERE false; END $$", core.CodeNotFound},
		{"unsupported", "CREATE TABLE a (n int) WITH (fillfactor=10); CREATE INDEX ON a USING hash (n, n)", core.CodeUnsupported},
		{"terminated", "SELECT pg_terminate_backend(pg_backend_pid())", core.CodeUnavailable},
		{"program limit", "SELECT repeat('x', 1100000000)", core.CodeTooLarge},
	} {
		suite.Provoked = append(suite.Provoked, sqltest.SQLErrorConformanceCase{Name: c.name, Want: c.want, Provoke: func(t *testing.T) error {
			ctx := t.Context()
			if c.name == "no such lock now" {
				holder, err := pool.Acquire(ctx)
				if err != nil {
					t.Fatal(err)
				}
				defer holder.Conn().Close(context.Background())
				defer holder.Release()
				if _, err := holder.Exec(ctx, "SELECT pg_advisory_lock(77)"); err != nil {
					t.Fatal(err)
				}
			}
			conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.Background())
			_, err = conn.Exec(ctx, c.sql)
			return err
		}})
	}
	sqltest.SQLErrorConformance(t, suite)
}

func TestPostgresError_BrokenConnection(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if err := conn.Conn().Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), "SELECT 1")
	errtest.Want(t, postgres.PostgresError("op", err), core.CodeUnavailable, "conn closed")
}

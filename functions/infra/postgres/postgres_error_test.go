package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/postgres"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The errors are the server's own, brought about on a real database.
func TestPostgresError_FromServer(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t),
		"CREATE TABLE parent (id int PRIMARY KEY, name text NOT NULL UNIQUE, short varchar(3))",
		"CREATE TABLE child (parent int REFERENCES parent, age int CHECK (age > 0))",
		"CREATE TABLE room (during int4range, EXCLUDE USING gist (during WITH &&))",
		"INSERT INTO parent VALUES (1, 'a'); INSERT INTO room VALUES ('[1,3)')")
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
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
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
			if err == nil {
				t.Fatal("no error came")
			}
			got := postgres.PostgresError("op", fmt.Errorf("wrapped: %w", errors.Join(errors.New("other"), err)))
			wantError(t, got, c.want, "op: wrapped: ")
			if !errors.Is(got, err) {
				t.Error("lost its cause")
			}
		})
	}
}

func TestPostgresError_BrokenConnection(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t))
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if err := conn.Conn().Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), "SELECT 1")
	wantError(t, postgres.PostgresError("op", err), core.CodeUnavailable, "conn closed")
}

func TestPostgresError_Other(t *testing.T) {
	t.Parallel()
	coded := &core.Error{Code: core.CodeLimited, Op: "x"}
	for _, c := range []struct {
		err  error
		want core.Code
	}{
		{nil, ""},
		{pgx.ErrNoRows, core.CodeNotFound},
		{context.Canceled, core.CodeCanceled},
		{context.DeadlineExceeded, core.CodeTimeout},
		{coded, core.CodeLimited},
		{fmt.Errorf("w: %w", coded), core.CodeLimited},
		{errors.New("x"), core.CodeInternal},
		{&pgconn.PgError{Code: "XX000"}, core.CodeInternal},
		{&pgconn.PgError{Code: ""}, core.CodeInternal},
		{&pgconn.PgError{Code: "40001"}, core.CodeUnavailable},
		{&pgconn.PgError{Code: "53100"}, core.CodeUnavailable},
	} {
		if got := core.ErrorCode(postgres.PostgresError("op", c.err)); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
	if got := postgres.PostgresError("op", coded); got != error(coded) {
		t.Errorf("a coded error came back as %v", got)
	}
}

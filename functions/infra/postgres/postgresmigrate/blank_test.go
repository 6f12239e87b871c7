package postgresmigrate

import (
	"strings"
	"testing"
	"testing/fstest"

	"fnregistry.dev/functions/core"
)

func TestPostgresMigrate_TransactionInMidLine(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"SELECT 1; COMMIT; SELECT 2",
		"SELECT 1;COMMIT",
		"SELECT 1; /* ; */ cOmMiT /* a /* nested */ comment */ AND CHAIN; SELECT 2",
		"SELECT 'it''s'; ROLLBACK",
		`SELECT E'\''; END;`,
		"SELECT 1; START\nTRANSACTION; SELECT 2",
		"SELECT 1 -- ;\n; ABORT",
		"PREPARE TRANSACTION 'x'",
		"BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1",
		"SELECT a$b$ FROM t; COMMIT; SELECT c$b$",
		"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; COMMIT",
	} {
		_, err := migrationFiles(fstest.MapFS{"1_a.sql": {Data: []byte(sql)}}, "")
		if core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), "in a migration") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{
		"SELECT '; COMMIT;'",
		`SELECT "; COMMIT" FROM t`,
		"SELECT 1 -- ; COMMIT;\n",
		"SELECT 1 /* ; COMMIT; /* */ ; COMMIT */",
		"CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN; COMMIT; END $$",
		"DO $body$ BEGIN PERFORM $$;COMMIT;$$; END $body$",
		"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END;",
		"SAVEPOINT a; SELECT 1; ROLLBACK TO a; ROLLBACK WORK TO SAVEPOINT a; RELEASE a",
		`SELECT E'\'; COMMIT; --'`,
		"SELECT CASE WHEN true THEN 1 END",
		"CREATE TABLE commits (begin_at date); INSERT INTO commits VALUES (now())",
	} {
		if _, err := migrationFiles(fstest.MapFS{"1_a.sql": {Data: []byte(sql)}}, ""); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

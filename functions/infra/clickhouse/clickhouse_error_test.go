package clickhouse_test

import (
	"database/sql"
	"fmt"
	"io"
	"testing"

	chgo "github.com/ClickHouse/clickhouse-go/v2"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/clickhouse"
	"fnregistry.dev/functions/infra/sqltest"
)

func TestClickHouseError_Conformance(t *testing.T) {
	t.Parallel()
	conn := open(t)
	exec(t, conn, "CREATE TABLE t (n Int32) ENGINE = MergeTree ORDER BY n")
	suite := sqltest.SQLErrorConformanceConfig{Error: clickhouse.ClickHouseError, Made: map[error]core.Code{
		sql.ErrNoRows:                                         core.CodeNotFound,
		fmt.Errorf("read: %w", io.EOF):                        core.CodeUnavailable,
		io.ErrUnexpectedEOF:                                   core.CodeUnavailable,
		chgo.ErrAcquireConnTimeout:                            core.CodeUnavailable,
		chgo.ErrUnsupportedServerRevision:                     core.CodeUnsupported,
		chgo.ErrBatchInvalid:                                  core.CodeInvalid,
		&chgo.Exception{Code: 252, Message: "Too many parts"}: core.CodeLimited,
		&chgo.Exception{Code: 241, Message: "Memory limit (total) exceeded"}:             core.CodeUnavailable,
		&chgo.Exception{Code: 243, Message: "Cannot reserve 1.00 MiB, not enough space"}: core.CodeUnavailable,
		&chgo.Exception{Code: 516, Message: "Authentication failed"}:                     core.CodeUnauthenticated,
		&chgo.Exception{Code: 7777, Message: "news"}:                                     core.CodeInvalid,
	}}
	for _, c := range []struct {
		name, sql string
		settings  chgo.Settings
		want      core.Code
	}{
		{"syntax", "SELEC 1", nil, core.CodeInvalid},
		{"no column", "SELECT nowhere FROM t", nil, core.CodeInvalid},
		{"no table", "SELECT * FROM nowhere", nil, core.CodeNotFound},
		{"no database", "SELECT * FROM nowhere.t", nil, core.CodeNotFound},
		{"table is there", "CREATE TABLE t (n Int32) ENGINE = Memory", nil, core.CodeConflict},
		{"database is there", "CREATE DATABASE default", nil, core.CodeConflict},
		{"readonly", "DROP TABLE t", chgo.Settings{"readonly": 1}, core.CodeForbidden},
		{"too long", "SELECT count() FROM system.numbers", chgo.Settings{"max_execution_time": 1}, core.CodeTimeout},
		{"too many in the result", "SELECT number FROM numbers(1000000)", chgo.Settings{"max_result_rows": 10}, core.CodeTooLarge},
		{"memory", "SELECT groupArray(number) FROM numbers(10000000)", chgo.Settings{"max_memory_usage": 1000000}, core.CodeTooLarge},
		{"no such method", "CHECK TABLE t", nil, core.CodeUnsupported},
	} {
		suite.Provoked = append(suite.Provoked, sqltest.SQLErrorConformanceCase{Name: c.name, Want: c.want, Provoke: func(t *testing.T) error {
			return conn.Exec(chgo.Context(t.Context(), chgo.WithSettings(c.settings)), c.sql)
		}})
	}
	sqltest.SQLErrorConformance(t, suite)
}

func TestClickHouseError_Hint(t *testing.T) {
	t.Parallel()
	if err := clickhouse.ClickHouseError("op", &chgo.Exception{Code: 252}); core.ErrorHint(err) == "" {
		t.Error("no hint")
	}
}

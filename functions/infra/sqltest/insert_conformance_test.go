package sqltest_test

import (
	"database/sql"
	"errors"
	"os"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqltest"
)

// TestInsertConformance_Broken runs a broken unit, in a child process, and
// fails. Working units are tested by the drivers, whose tests run the suite.
func TestInsertConformance_Broken(t *testing.T) {
	broken := os.Getenv(breakEnv)
	if broken == "" {
		t.Skip("only in a child process of BrokenUnitsFail")
	}
	sqltest.InsertConformance(t, func(*testing.T) sqltest.InsertConformanceConfig {
		return sqltest.InsertConformanceConfig{
			Int16: "int16", Int64: "int64", Float32: "float32", Float64: "float64", Bool: "bool", Text: "text", Date: "date",
			Timestamp: "timestamp", Int32s: "int32s",
			Store: func(_ *testing.T, _ string, rows ...[]any) (sql.Null[string], error) {
				switch broken {
				case "refuses all":
					return sql.Null[string]{}, &core.Error{Code: core.CodeInvalid, Op: "store"}
				case "fails":
					return sql.Null[string]{}, errors.New("broken")
				}
				return sql.Null[string]{V: "7", Valid: true}, nil
			},
		}
	})
}

func TestInsertConformance_BrokenUnitsFail(t *testing.T) {
	t.Parallel()
	for broken, subtests := range map[string][]string{
		"refuses all":  {"Kept", "Null"},
		"fails":        {"Kept", "Null", "Refused", "RowLength"},
		"stores seven": {"Kept", "Null", "Refused", "RowLength"},
	} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			wantFailures(t, "TestInsertConformance_Broken", broken, subtests...)
		})
	}
}

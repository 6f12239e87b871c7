package sqltest_test

import (
	"context"
	"io"
	"os"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowjson"
	"fnregistry.dev/functions/infra/sqltest"
)

// TestQueryJSONConformance_Broken runs a broken unit, in a child process, and
// fails. Working units are tested by the drivers, whose tests run the suite.
func TestQueryJSONConformance_Broken(t *testing.T) {
	broken := os.Getenv(breakEnv)
	if broken == "" {
		t.Skip("only in a child process of BrokenUnitsFail")
	}
	sqltest.QueryJSONConformance(t, func(*testing.T) sqltest.QueryJSONConformanceConfig {
		return sqltest.QueryJSONConformanceConfig{
			Query: func(context.Context, io.Writer, sqltest.QueryJSONConformanceQuery) (rowjson.RowsJSONResult, error) {
				if broken == "fails" {
					return rowjson.RowsJSONResult{}, &core.Error{Op: "query", Message: "broken"}
				}
				return rowjson.RowsJSONResult{}, nil
			},
			Numbers:     func(int) string { return "SELECT" },
			ColumnTypes: make([]string, 5),
			Parameter:   func(name string) string { return ":" + name },
			Allowed:     []string{"SELECT 1"},
			Refused:     []string{"DROP TABLE t"},
			Malformed:   []string{""},
			Count:       func(*testing.T) int { return 1 },
			Endless:     map[string]string{"FirstRow": "SELECT"},
		}
	})
}

// A unit that does nothing, and one that always fails, fail in every subtest
// that doesn't expect just that.
func TestQueryJSONConformance_BrokenUnitsFail(t *testing.T) {
	t.Parallel()
	all := []string{"Limits", "DefaultLimit", "NoRows", "Columns", "Parameters", "WrongParameters",
		"HostileText", "ReadOnly",
		"Deadline", "Canceled", "BrokenWriter", "BadQuery"}
	for _, broken := range []string{"does nothing", "fails"} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			wantFailures(t, "TestQueryJSONConformance_Broken", broken, all...)
		})
	}
}

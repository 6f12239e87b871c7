package sqltest_test

import (
	"context"
	"os"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqltest"
)

// TestMigrateConformance_Broken runs a broken unit, in a child process, and
// fails. Working units are tested by the drivers, whose tests run the suite.
func TestMigrateConformance_Broken(t *testing.T) {
	broken := os.Getenv(breakEnv)
	if broken == "" {
		t.Skip("only in a child process of BrokenUnitsFail")
	}
	sqltest.MigrateConformance(t, func(*testing.T) sqltest.MigrateConformanceConfig {
		return sqltest.MigrateConformanceConfig{
			Op: "migrate",
			Migrate: func(context.Context, sqltest.MigrateConformanceRequest) (sqltest.MigrateConformanceResult, error) {
				if broken == "fails" {
					return sqltest.MigrateConformanceResult{}, &core.Error{Op: "migrate", Message: "broken"}
				}
				return sqltest.MigrateConformanceResult{}, nil
			},
			Has:   func(*testing.T, string) bool { return false },
			Count: func(*testing.T, string) int { return 0 },
			Hold:  func(*testing.T) (string, func()) { return "locked", func() {} },
		}
	})
}

// A unit that does nothing, and one that always fails, fail in every subtest.
func TestMigrateConformance_BrokenUnitsFail(t *testing.T) {
	t.Parallel()
	all := []string{"AppliesInOrderOnce", "FailureRollsBackOneFile", "ChangedHistory", "LineEndsAndNames", "DryRun",
		"BadFiles", "LockTimeout", "CancelRollsBack"}
	for _, broken := range []string{"does nothing", "fails"} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			wantFailures(t, "TestMigrateConformance_Broken", broken, all...)
		})
	}
}

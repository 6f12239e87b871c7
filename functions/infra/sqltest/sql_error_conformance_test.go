package sqltest_test

import (
	"errors"
	"os"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqltest"
)

// errDriver is a driver's own error.
var errDriver = errors.New("UNIQUE constraint failed")

func TestSQLErrorConformance_HealthyPasses(t *testing.T) {
	t.Parallel()
	sqltest.SQLErrorConformance(t, sqltest.SQLErrorConformanceConfig{
		Error: func(op string, err error) error { return coded(op, err, os.Getenv(breakEnv)) },
		Provoked: []sqltest.SQLErrorConformanceCase{
			{Name: "unique", Provoke: func(*testing.T) error { return errDriver }, Want: core.CodeConflict},
		},
	})
}

// coded is a driver's unit that breaks one promise, or none.
func coded(op string, err error, broken string) error {
	if err == nil && broken != "codes nil" {
		return nil
	}
	if _, ok := errors.AsType[*core.Error](err); ok && broken != "wraps coded errors" {
		return err
	}
	result := &core.Error{Op: op, Err: err}
	found := errors.Is(err, errDriver)
	if broken == "looks at the error itself" {
		found = err == errDriver
	}
	if found {
		result.Code = core.CodeConflict
	}
	switch broken {
	case "drops the cause":
		result.Err, result.Message = nil, err.Error()
	case "drops what was done":
		result.Op = ""
	case "takes all for a conflict":
		result.Code = core.CodeConflict
	}
	return result
}

func TestSQLErrorConformance_BrokenUnitsFail(t *testing.T) {
	t.Parallel()
	for broken, subtest := range map[string]string{
		"looks at the error itself": "unique",
		"drops the cause":           "unique",
		"drops what was done":       "unique",
		"takes all for a conflict":  "Other",
		"wraps coded errors":        "Other",
		"codes nil":                 "Other",
	} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			wantFailures(t, "TestSQLErrorConformance_HealthyPasses", broken, subtest)
		})
	}
}

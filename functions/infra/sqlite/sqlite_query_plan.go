package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"fnregistry.dev/functions/core"
)

// SQLiteQueryPlanStep is a step of how SQLite runs a query.
type SQLiteQueryPlanStep struct {
	Depth   int    `json:"depth"`   // 0: a step of the query itself; else of a step in front of it
	Detail  string `json:"detail"`  // as EXPLAIN QUERY PLAN says it: SEARCH orders USING INDEX ...
	Warning string `json:"warning"` // why it may be slow; "": it is not, by itself
}

// SQLiteQueryPlan returns how SQLite would run a query, without running it, and
// which of the steps cost much on a large table: full scans, sorting, indexes
// that are built for this query alone. The query is checked as
// [SQLiteQueryRows] does.
//
// Errors: those of [SQLiteQueryRows].
//
// More in sqlite_query_plan.md:
//   - It goes by what ANALYZE found, if that was ever run, not by the rows.
//   - The wording of Detail changes between versions of SQLite.
func SQLiteQueryPlan(ctx context.Context, db *sql.DB, cfg SQLiteQueryRowsConfig) ([]SQLiteQueryPlanStep, error) {
	if _, err := prepareQuery(cfg); err != nil {
		return nil, err
	}
	if words := splitSQL(cfg.Query)[0].words; len(words) > 0 && words[0] == "EXPLAIN" {
		return nil, queryError(core.CodeInvalid, "the query explains a query already", "leave EXPLAIN out")
	}
	var steps []SQLiteQueryPlanStep
	cfg.Query = "EXPLAIN QUERY PLAN " + cfg.Query
	err := SQLiteQueryRows(ctx, db, cfg, func(rows *sql.Rows) error {
		depths := map[int]int{0: -1}
		for rows.Next() {
			var id, parent, unused int
			var step SQLiteQueryPlanStep
			if err := rows.Scan(&id, &parent, &unused, &step.Detail); err != nil {
				return err
			}
			step.Depth = depths[parent] + 1
			depths[id] = step.Depth
			step.Warning = planWarning(step.Detail)
			steps = append(steps, step)
		}
		return rows.Err()
	})
	return steps, err
}

// planWarning goes by https://sqlite.org/eqp.html.
func planWarning(detail string) string {
	table, scans := strings.CutPrefix(detail, "SCAN ")
	switch {
	case strings.Contains(detail, "AUTOMATIC"):
		return "builds an index for this query alone: one in the database would save that"
	case scans && (strings.HasPrefix(table, "CONSTANT ROW") || strings.HasPrefix(table, "(") || strings.Contains(table, "VIRTUAL TABLE")):
		return ""
	case scans && strings.Contains(table, " USING "):
		return "reads a whole index"
	case scans:
		return "reads all rows: an index on what it is filtered or joined by would avoid that"
	case strings.HasPrefix(detail, "USE TEMP B-TREE FOR"):
		return "sorts all rows before the first one comes"
	case strings.HasPrefix(detail, "CORRELATED"):
		return "runs again for each row"
	}
	return ""
}

package sqlite

import (
	"context"
	"database/sql"
	"time"

	"fnregistry.dev/functions/infra/rowquery"
)

const countOp = "sqlite_row_count"

// SQLiteRowCountConfig says which rows of a table [SQLiteRowCount] counts.
type SQLiteRowCountConfig struct {
	Table    SQLiteSchemaTable        // required
	Filters  []rowquery.RowFilter     // all of them hold
	Search   *SQLiteRowsQuerySearch   // nil: no full-text search
	Allow    func(column string) bool // which columns may be filtered by; nil: all
	Time     time.Duration            // for an exact count; default 200 ms; negative: as long as ctx
	Estimate bool                     // don't count
}

// SQLiteRowCountResult is a number of rows.
type SQLiteRowCountResult struct {
	Rows  int64
	Exact bool
	Known bool // false: not even an estimate, Rows is 0
}

// SQLiteRowCount counts the rows of a table, if that takes no longer than Time.
// Otherwise, and for an Estimate, it takes the number that ANALYZE found, or
// the largest rowid, which is too large where rows were deleted. With filters,
// and for a view, there is no estimate.
//
// Errors: those of sqlite_rows_query for the filters; what [SQLiteError] gives.
//
// More in sqlite_row_count.md:
//   - SQLite keeps no number of rows: an exact count reads the whole table, or
//     its smallest index.
//   - The largest rowid is too large where rows were deleted.
func SQLiteRowCount(ctx context.Context, db *sql.DB, cfg SQLiteRowCountConfig) (SQLiteRowCountResult, error) {
	b := rowsBuilder{cfg: SQLiteRowsQueryConfig{Table: cfg.Table, Filters: cfg.Filters, Search: cfg.Search, Allow: cfg.Allow}}
	where := b.where()
	if b.err != nil {
		return SQLiteRowCountResult{}, b.err
	}
	if !cfg.Estimate {
		counted := SQLiteRowCountResult{Exact: true, Known: true}
		query := "SELECT count(*) FROM " + quoteIdent(cfg.Table.Name)
		if where != "" {
			query += " WHERE " + where
		}
		inTime, err := within(ctx, cfg.Time, func(ctx context.Context) error {
			return db.QueryRowContext(ctx, query, b.args...).Scan(&counted.Rows)
		})
		if inTime || err != nil {
			return counted, SQLiteError(countOp, err)
		}
	}
	if where != "" {
		return SQLiteRowCountResult{}, nil
	}
	return estimateRows(ctx, db, cfg.Table)
}

// defaultQueryTime is how long a count or a facet may take.
const defaultQueryTime = 200 * time.Millisecond

// within runs a query for so long at most, and reports whether it ended. Its
// own end of time is no error, that of ctx is.
func within(ctx context.Context, limit time.Duration, query func(context.Context) error) (ended bool, err error) {
	if limit == 0 {
		limit = defaultQueryTime
	}
	short := ctx
	if limit > 0 {
		var cancel context.CancelFunc
		short, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	err = query(short)
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case short.Err() != nil:
		return false, nil
	}
	return false, err
}

func estimateRows(ctx context.Context, db *sql.DB, t SQLiteSchemaTable) (SQLiteRowCountResult, error) {
	// The first number of an index's line is that of the table's rows:
	// https://sqlite.org/fileformat2.html#the_sqlite_stat1_table
	var analyzed bool
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'").Scan(&analyzed); err != nil {
		return SQLiteRowCountResult{}, SQLiteError(countOp, err)
	}
	var rows sql.NullInt64
	if analyzed {
		const query = "SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 AS s JOIN sqlite_schema AS t ON t.name = s.tbl " +
			"LEFT JOIN pragma_index_list(?1) AS i ON i.name = s.idx WHERE s.tbl = ?1 AND coalesce(i.partial, 0) = 0"
		if err := db.QueryRowContext(ctx, query, t.Name).Scan(&rows); err != nil {
			return SQLiteRowCountResult{}, SQLiteError(countOp, err)
		}
	}
	if !rows.Valid && t.RowID != "" && t.Kind != "virtual" {
		query := "SELECT coalesce(max(" + quoteIdent(t.RowID) + "), 0) FROM " + quoteIdent(t.Name)
		if err := db.QueryRowContext(ctx, query).Scan(&rows); err != nil {
			return SQLiteRowCountResult{}, SQLiteError(countOp, err)
		}
	}
	return SQLiteRowCountResult{Rows: max(rows.Int64, 0), Known: rows.Valid}, nil
}

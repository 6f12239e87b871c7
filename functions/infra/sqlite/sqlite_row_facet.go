package sqlite

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"fnregistry.dev/functions/infra/rowquery"
)

const facetOp = "sqlite_row_facet"

// SQLiteRowFacetConfig says which rows [SQLiteRowFacet] groups, and by what.
type SQLiteRowFacetConfig struct {
	Table   SQLiteSchemaTable        // required
	Column  rowquery.RowColumn       // required
	Filters []rowquery.RowFilter     // all of them hold
	Search  *SQLiteRowsQuerySearch   // nil: no full-text search
	Clip    *SQLiteRowsQueryClip     // what becomes of long values; nil: all come whole
	Allow   func(column string) bool // which columns may be read; nil: all
	Limit   int                      // values at most; default 20
	Time    time.Duration            // default 200 ms; negative: as long as ctx
}

// SQLiteRowFacetResult is the values of a column, the most frequent first.
type SQLiteRowFacetResult struct {
	Values  []SQLiteRowFacetValue
	More    bool // there are more values than Limit
	TooSlow bool // it took longer than Time: there are no Values
}

// SQLiteRowFacetValue is one value.
type SQLiteRowFacetValue struct {
	Value any // nil, int64, float64, string or []byte
	Rows  int64
}

// SQLiteRowFacet counts how often each value of a column is in a table's rows.
//
// Errors: those of sqlite_rows_query for column and filters; what [SQLiteError]
// gives.
//
// More in sqlite_row_facet.md:
//   - It reads all rows that the filters keep, hence Time.
//   - Values come without the declared type: a DATETIME is the text or number
//     that is stored.
func SQLiteRowFacet(ctx context.Context, db *sql.DB, cfg SQLiteRowFacetConfig) (SQLiteRowFacetResult, error) {
	b := rowsBuilder{cfg: SQLiteRowsQueryConfig{
		Table: cfg.Table, Filters: cfg.Filters, Search: cfg.Search, Allow: cfg.Allow, Clip: cfg.Clip,
	}}
	column, _ := b.expression(cfg.Column)
	where := b.where()
	if b.err != nil {
		return SQLiteRowFacetResult{}, b.err
	}
	limit := cfg.Limit
	if limit <= 0 {
		limit = 20
	}
	query := "SELECT +" + column + " AS v, count(*) AS n FROM " + quoteIdent(cfg.Table.Name)
	if where != "" {
		query += " WHERE " + where
	}
	query += " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT " + strconv.Itoa(limit+1)
	if cfg.Clip != nil { // what is returned, not what is grouped by
		query = "SELECT " + b.clipped("v", "") + ", n FROM (" + query + ") ORDER BY n DESC, v"
	}
	var found SQLiteRowFacetResult
	inTime, err := within(ctx, cfg.Time, func(ctx context.Context) error {
		rows, err := db.QueryContext(ctx, query, b.args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var v SQLiteRowFacetValue
			if err := rows.Scan(&v.Value, &v.Rows); err != nil {
				return err
			}
			found.Values = append(found.Values, v)
		}
		return rows.Err()
	})
	switch {
	case err != nil:
		return SQLiteRowFacetResult{}, SQLiteError(facetOp, err)
	case !inTime:
		return SQLiteRowFacetResult{TooSlow: true}, nil
	case len(found.Values) > limit:
		found.Values, found.More = found.Values[:limit], true
	}
	return found, nil
}

package data

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
)

// queryTime is how long SQL from outside may run unless the config says
// otherwise.
const queryTime = 10 * time.Second

var explains = regexp.MustCompile(`(?i)\bexplain\b`)

// Guest runs work with the pool for SQL from outside: it can only read, and not
// what the caller may not read. The context that work gets ends after
// the config's QueryTime. query is the SQL that work runs; EXPLAIN in it is for
// callers from whom nothing is hidden, and Plan for all. Errors of bad SQL have
// a message for who wrote it.
func (v *View) Guest(ctx context.Context, query string, work func(ctx context.Context, db *sql.DB) error) error {
	if v.access.hides(v.db.Name) && explains.MatchString(query) {
		return &core.Error{
			Code: core.CodeForbidden, Message: "EXPLAIN is not allowed, since it names indexes, which could be of hidden columns",
			Hint: "/explain tells the rest; bind a text with this word in it as a parameter",
		}
	}
	if err := v.db.file.Check(); err != nil {
		return err
	}
	guests, err := v.db.guest(ctx, v.access, false)
	if err != nil {
		return err
	}
	if v.access.hides(v.db.Name) { // what is hidden goes by the schema as it is now
		if _, err := v.db.tables(ctx); err != nil {
			return err
		}
	}
	if v.db.queryTime > 0 {
		bounded, cancel := context.WithTimeout(ctx, v.db.queryTime)
		defer cancel()
		ctx = bounded
	}
	return v.explain(ctx, v.hideNames(work(ctx, guests.Reader)))
}

// indexOf is what follows the word INDEX in a plan: its name and columns.
var indexOf = regexp.MustCompile(`(?s)( INDEX)\b.*`)

// Plan is how SQLite would run a query. A caller from whom something is hidden
// is not told which index is used.
func (v *View) Plan(ctx context.Context, cfg sqlite.SQLiteQueryRowsConfig) (steps []sqlite.SQLiteQueryPlanStep, err error) {
	err = v.Guest(ctx, cfg.Query, func(ctx context.Context, db *sql.DB) error {
		steps, err = sqlite.SQLiteQueryPlan(ctx, db, cfg)
		return err
	})
	if v.access.hides(v.db.Name) {
		for i := range steps {
			steps[i].Detail = indexOf.ReplaceAllString(steps[i].Detail, "$1")
		}
	}
	return steps, err
}

// CheckParameters reports which value SQL lacks, or has no parameter for. how
// is how a value is given, such as p_%s.
//
// Errors: CodeInvalid.
func CheckParameters(query string, values map[string]any, how string) error {
	names := sqlite.SQLiteQueryParameters(query)
	for _, name := range names {
		if _, given := values[name]; !given {
			return &core.Error{Code: core.CodeInvalid, Message: "no value for parameter :" + name, Hint: "give it by " + fmt.Sprintf(how, name)}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if slices.Contains(names, name) {
			continue
		}
		hint := core.DidYouMean(core.NameNearest(name, names)...)
		if len(names) == 0 {
			hint = "a parameter is written with a name, as :" + name
		}
		return &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("the query has no parameter %q", name), Hint: hint}
	}
	return nil
}

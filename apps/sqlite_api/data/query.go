package data

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"fnregistry.dev/functions/core"
)

// QueryTime is how long SQL from outside may run.
const QueryTime = 10 * time.Second

// Guest runs work with the pool for SQL from outside: it can only read, and not
// what the caller may not read. The context that work gets ends after
// QueryTime.
func (v *View) Guest(ctx context.Context, work func(ctx context.Context, db *sql.DB) error) error {
	db, err := v.db.guest(ctx, v.access, false)
	if err != nil {
		return err
	}
	if v.access.hides(v.db.Name) { // what is hidden goes by the schema as it is now
		if _, err := v.db.tables(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, QueryTime)
	defer cancel()
	return v.hideNames(work(ctx, db))
}

// SQLProblem shows what SQLite says of the caller's SQL, which errors of a
// driver otherwise keep to the log.
func SQLProblem(err error) error {
	coded, ok := errors.AsType[*core.Error](err)
	if !ok || coded.Message != "" || coded.Err == nil {
		return err
	}
	switch coded.Code {
	case core.CodeInvalid, core.CodeForbidden, core.CodeTooLarge:
		return &core.Error{Code: coded.Code, Message: coded.Err.Error(), Hint: coded.Hint, Err: err}
	case core.CodeTimeout:
		return &core.Error{Code: coded.Code, Message: fmt.Sprintf("the query was stopped after %v", QueryTime), Hint: "explain says what is slow", Err: err}
	}
	return err
}

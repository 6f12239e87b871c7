package data

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
	"fnregistry.dev/functions/infra/sqlite"
)

const (
	// writeWait is how long a transaction waits for those before it.
	writeWait = 10 * time.Second
	// writeTime is how long a transaction may take.
	writeTime = 30 * time.Second
)

// Change is a change of one row. Its Key is that of the row, of a table without
// a key the rowid.
type Change struct {
	Table  string
	Verb   sqlite.SQLiteRowsWriteVerb
	Key    []any          // of update and delete
	Match  string         // of update and delete: the ETag, without quotes, that the row must have; empty: any
	Values map[string]any // by column
}

// Result is what became of one change.
type Result struct {
	Key  string // the row's segment in URLs; empty: it has none that the caller may read
	ETag string // of the row as it is now, without quotes; empty after a delete
}

// WriteError is in the error of a change that was refused.
type WriteError struct {
	Index   int  // of the change, from 0
	Changed bool // the row has changed: it no longer has the change's Match
	Err     error
}

// Error returns the text of Err.
func (e *WriteError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *WriteError) Unwrap() error { return e.Err }

// keyTexts says which columns of a table's key hold texts alone.
func keyTexts(t sqlite.SQLiteSchemaTable) []bool {
	if t.Key == nil {
		return []bool{false} // the rowid
	}
	texts := make([]bool, len(t.Key))
	for i, name := range t.Key {
		texts[i] = HoldsTexts(t, name)
	}
	return texts
}

// Write makes changes in one transaction, all or none. Transactions come after
// one another in the order of their calls. Each is in the audit, also where it
// is refused, and published to Changes, in the order of the commits. A dry run
// finds out what would happen, and takes it back; it is neither audited nor
// published.
//
// Errors: CodeUnavailable while the audit can't be written; CodeForbidden where
// the caller may not write; CodeNotFound for a
// table or a row; CodeUnavailable with RetryAfter where others write for too
// long; a *[WriteError] with the code of sqlite_rows_write where a change is
// refused. What they say names no column that the caller may not read.
func (v *View) Write(ctx context.Context, changes []Change, dryRun bool) (results []Result, err error) {
	if !dryRun {
		if err := v.db.auditCheck(); err != nil {
			return nil, err
		}
		defer func() { v.audit(ctx, changes, results, err) }()
	}
	if err := v.db.file.Check(); err != nil {
		return nil, err
	}
	cfg := sqlite.SQLiteRowsWriteConfig{DryRun: dryRun, Allow: func(table, column string) bool { return v.allow(table)(column) }}
	tables := map[string]*sqlite.SQLiteSchemaTable{}
	for _, c := range changes {
		t, ok := tables[c.Table]
		if !ok {
			if t, err = v.writable(ctx, c.Table); err != nil {
				return nil, err
			}
			tables[c.Table] = t
		}
		cfg.Changes = append(cfg.Changes, sqlite.SQLiteRowsWriteChange{Table: t, Verb: c.Verb, Key: c.Key, Match: c.Match, Values: c.Values})
	}
	leave, err := v.db.takeTurn(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	written, err := sqlite.SQLiteRowsWrite(ctx, v.db.own.Writer, cfg)
	if err != nil {
		return nil, v.refusal(err, len(changes))
	}
	if err := v.db.file.Check(); err != nil { // it was written to a file that is gone
		return nil, err
	}
	results = make([]Result, len(written))
	for i, w := range written {
		results[i].ETag = w.ETag
		if w.Key != nil {
			results[i].Key = rowquery.RowKey(w.Key, keyTexts(*cfg.Changes[i].Table))
		}
	}
	if !dryRun {
		v.db.publish(cfg.Changes, results)
	}
	return results, nil
}

// writable is a table that the caller may write.
func (v *View) writable(ctx context.Context, name string) (*sqlite.SQLiteSchemaTable, error) {
	t, err := v.Table(ctx, name)
	if err != nil {
		return nil, err
	}
	if !v.CanWrite(name) {
		return nil, v.ReadOnly()
	}
	return &t, nil
}

// takeTurn waits until the transactions before are over. A channel lets those
// that wait through in their order.
func (db *Database) takeTurn(ctx context.Context) (leave func(), err error) {
	timer := time.NewTimer(writeWait)
	defer timer.Stop()
	select {
	case db.turn <- struct{}{}:
		return func() { <-db.turn }, nil
	case <-ctx.Done():
		return nil, &core.Error{Code: core.ErrorCode(ctx.Err()), Message: "the wait for other writers was cut short", Err: ctx.Err()}
	case <-timer.C:
		return nil, &core.Error{
			Code: core.CodeUnavailable, Message: "other changes to this database are still being written", Hint: "try again", RetryAfter: time.Second,
		}
	}
}

// refusalHint is what to do about some of SQLite's messages.
func refusalHint(message string) string {
	switch {
	case message == "FOREIGN KEY constraint failed":
		return "either it points to a row that is not there, or other rows point to it"
	case strings.HasPrefix(message, "no such function"):
		return "a trigger of the table needs it: write with the program that this file is from"
	}
	return ""
}

// refusal says why nothing was written, in words that the caller may read.
// SQLite's own name columns and the expressions of constraints.
func (v *View) refusal(err error, changes int) error {
	shown := &core.Error{Code: core.ErrorCode(err), Hint: core.ErrorHint(err), RetryAfter: core.ErrorRetryAfter(err), Err: err}
	failed, ofChange := errors.AsType[*sqlite.SQLiteRowsWriteError](err)
	cause := err
	if ofChange {
		cause = failed.Err
	}
	coded, isCoded := errors.AsType[*core.Error](cause)
	helped, isHelped := errors.AsType[*core.Error](helpful(cause))
	switch {
	case errors.Is(err, sqlite.ErrSQLiteRowChanged):
		shown.Message = sqlite.ErrSQLiteRowChanged.Error()
	case isCoded && coded.Message != "":
		shown.Message = coded.Message
	case shown.Code == core.CodeTimeout:
		shown.Message = "the change took too long"
	case shown.Code == core.CodeUnavailable && isHelped && helped != coded:
		shown.Message, shown.Hint, shown.RetryAfter = helped.Message, helped.Hint, helped.RetryAfter
	case shown.Code == core.CodeInternal:
		return err
	case v.access.hides(v.db.Name):
		shown.Message = "a constraint or a trigger of the table refuses it"
	default:
		if isCoded && coded.Err != nil {
			cause = coded.Err
		}
		shown.Message = plain(cause.Error())
		shown.Hint = cmp.Or(shown.Hint, refusalHint(shown.Message))
	}
	if !ofChange {
		return shown
	}
	if changes > 1 {
		shown.Message = fmt.Sprintf("change %d of %d, nothing was written: %s", failed.Index+1, changes, shown.Message)
	}
	return &WriteError{Index: failed.Index, Changed: errors.Is(err, sqlite.ErrSQLiteRowChanged), Err: shown}
}

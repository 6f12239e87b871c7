package data

import (
	"context"
	"fmt"
	"slices"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
)

// StoredQuery is a query with a name, which callers run without SQL of their
// own.
type StoredQuery struct {
	Name       string // in URLs
	Title      string // of its page; empty: Name
	Doc        string
	SQL        string
	Parameters []StoredParameter // all that the SQL has, in its order
}

// StoredParameter is a parameter of a stored query.
type StoredParameter struct {
	Name     string
	Doc      string
	Default  string
	Required bool // it has no default
}

// Store adds a query to a database. It must only read, and work with the
// database as it is now.
//
// Errors: CodeNotFound for the database; CodeInvalid and CodeForbidden for the
// query.
func (s *Set) Store(ctx context.Context, database string, q StoredQuery) error {
	v, err := s.View(Local, database)
	if err != nil {
		return err
	}
	for _, other := range v.db.stored {
		if other.Name == q.Name {
			return &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("there are two queries %q in %s", q.Name, database)}
		}
	}
	if err := v.try(ctx, q); err != nil {
		return err
	}
	v.db.stored = append(v.db.stored, q)
	return nil
}

// Queries are the stored queries that the caller may run: one that reads what
// is hidden names it in its SQL.
func (v *View) Queries(ctx context.Context) ([]StoredQuery, error) {
	if !v.access.hides(v.db.Name) {
		return v.db.stored, nil
	}
	var allowed []StoredQuery
	for _, q := range v.db.stored {
		err := v.try(ctx, q)
		switch core.ErrorCode(err) {
		case core.CodeUnavailable, core.CodeTimeout, core.CodeCanceled: // whether it may run is not known
			return nil, err
		}
		if err == nil {
			allowed = append(allowed, q)
		}
	}
	return allowed, nil
}

// try reports whether a query would run.
func (v *View) try(ctx context.Context, q StoredQuery) error {
	_, err := v.Plan(ctx, q.rows(nil))
	return err
}

// Query is a stored query that the caller may run.
//
// Errors: CodeNotFound; those of Queries.
func (v *View) Query(ctx context.Context, name string) (StoredQuery, error) {
	all, err := v.Queries(ctx)
	if err != nil {
		return StoredQuery{}, err
	}
	names := make([]string, len(all))
	for i, q := range all {
		if names[i] = q.Name; q.Name == name {
			return q, nil
		}
	}
	return StoredQuery{}, &core.Error{
		Code: core.CodeNotFound, Message: fmt.Sprintf("no query %q in %s", name, v.db.Name), Hint: core.DidYouMean(core.NameNearest(name, names)...),
	}
}

// Rows is the query with the values of its parameters; those that are not
// given have their defaults.
//
// Errors: CodeInvalid for a parameter that it does not have, or that lacks a
// value.
func (q StoredQuery) Rows(values map[string]string) (sqlite.SQLiteQueryRowsConfig, error) {
	names := make([]string, len(q.Parameters))
	for i, p := range q.Parameters {
		names[i] = p.Name
		if _, given := values[p.Name]; !given && p.Required {
			return sqlite.SQLiteQueryRowsConfig{}, &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("no value for p_%s", p.Name), Hint: p.Doc}
		}
	}
	for name := range values {
		if !slices.Contains(names, name) {
			return sqlite.SQLiteQueryRowsConfig{}, &core.Error{
				Code: core.CodeInvalid, Message: fmt.Sprintf("the query has no parameter %q", name), Hint: core.DidYouMean(core.NameNearest(name, names)...),
			}
		}
	}
	return q.rows(values), nil
}

func (q StoredQuery) rows(values map[string]string) sqlite.SQLiteQueryRowsConfig {
	cfg := sqlite.SQLiteQueryRowsConfig{Query: q.SQL, Named: map[string]any{}, ReadOnly: true, Stored: true}
	for _, p := range q.Parameters {
		cfg.Named[p.Name] = p.Default
		if value, given := values[p.Name]; given {
			cfg.Named[p.Name] = value
		}
	}
	return cfg
}

package sqlite

import (
	"container/list"
	"context"
	"database/sql"
	"errors"
	"sync"
)

// SQLiteStatementsHandle holds prepared statements. It may be used by several
// goroutines.
type SQLiteStatementsHandle struct {
	db  *sql.DB
	max int

	mu     sync.Mutex
	byText map[string]*list.Element
	used   *list.List // of *prepared, the one used last in front
}

// prepared is a statement that is kept. It is closed once it is evicted and no
// call of it begins any more; rows that are read keep it open by themselves.
type prepared struct {
	text    string
	stmt    *sql.Stmt
	users   int
	evicted bool
}

// SQLiteStatements keeps the last statements that were run prepared, at most
// max of them (zero: 32), for queries whose text comes again and again with
// other parameters: compiling it takes SQLite longer than finding a row. db is
// of any driver. Each connection of its pool has statements of its own, some
// 10 kB each. SQLite compiles one again when the schema changes. Close it
// before db.
//
// More in sqlite_statements.md:
//   - A text with its values in it never comes again: use parameters.
//   - An authorizer is asked when a statement is compiled, not each time that
//     it runs.
func SQLiteStatements(db *sql.DB, max int) *SQLiteStatementsHandle {
	if max <= 0 {
		max = 32
	}
	return &SQLiteStatementsHandle{db: db, max: max, byText: map[string]*list.Element{}, used: list.New()}
}

// QueryContext is that of sql.DB.
func (h *SQLiteStatementsHandle) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := h.take(ctx, query)
	if err != nil {
		return nil, err
	}
	defer h.leave(s)
	return s.stmt.QueryContext(ctx, args...)
}

// take finds or prepares a statement. leave must follow.
func (h *SQLiteStatementsHandle) take(ctx context.Context, query string) (*prepared, error) {
	if s := h.find(query); s != nil {
		return s, nil
	}
	stmt, err := h.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if e, ok := h.byText[query]; ok { // another was faster
		stmt.Close()
		s := e.Value.(*prepared)
		s.users++
		return s, nil
	}
	s := &prepared{text: query, stmt: stmt, users: 1}
	h.byText[query] = h.used.PushFront(s)
	if h.used.Len() > h.max {
		h.evict(h.used.Back())
	}
	return s, nil
}

func (h *SQLiteStatementsHandle) find(query string) *prepared {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, ok := h.byText[query]
	if !ok {
		return nil
	}
	h.used.MoveToFront(e)
	s := e.Value.(*prepared)
	s.users++
	return s
}

func (h *SQLiteStatementsHandle) leave(s *prepared) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.users--; s.users == 0 && s.evicted {
		s.stmt.Close() // an error would be that of its last run
	}
}

// evict forgets a statement. The caller holds h.mu.
func (h *SQLiteStatementsHandle) evict(e *list.Element) error {
	s := h.used.Remove(e).(*prepared)
	delete(h.byText, s.text)
	s.evicted = true
	if s.users > 0 {
		return nil
	}
	return s.stmt.Close()
}

// Close closes the statements. Rows that are still read stay open; their
// statement is closed with them. It is safe to call it twice.
func (h *SQLiteStatementsHandle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for h.used.Len() > 0 {
		errs = append(errs, h.evict(h.used.Back()))
	}
	return errors.Join(errs...)
}

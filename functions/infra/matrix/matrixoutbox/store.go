package matrixoutbox

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/sqlite"
)

// state is where an item is in its life. States are stored, and the statements
// below have their numbers: one never changes its meaning.
type state int

const (
	stateQueued state = 0 // waits to be sent, or is being sent
	stateSent   state = 1 // the server has it
	stateAside  state = 2 // can't be sent, or it is unknown whether it was: Retry or Drop it
)

// stateNames are the states as MatrixOutboxEntry names them.
var stateNames = []string{stateQueued: "queued", stateSent: "sent", stateAside: "aside"}

func (s state) String() string { return stateNames[s] }

// stateNamed returns a state by its name.
func stateNamed(name string) (state, bool) {
	number := slices.Index(stateNames, name)
	return state(number), number >= 0
}

// schema keeps what was sent for a while, without its content: for its event
// ID, and so that the same transaction ID is not accepted again. uncertain is
// set before a try and taken back when the try surely had no effect; tried_at
// is the first such try's time. Times are in Unix milliseconds; tried_at and
// done_at are the server's, and of two of them the later one is larger.
//
// shown_at of an uncertain item outlives the process, so that one that is
// killed again and again does not wait from the beginning each time.
const schema = `
CREATE TABLE IF NOT EXISTS matrix_outbox (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	account TEXT NOT NULL,
	room TEXT NOT NULL,
	txn TEXT NOT NULL,
	type TEXT NOT NULL,
	content TEXT NOT NULL,
	state INTEGER NOT NULL DEFAULT 0,
	uncertain INTEGER NOT NULL DEFAULT 0,
	tries INTEGER NOT NULL DEFAULT 0,
	enqueued_at INTEGER NOT NULL,
	tried_at INTEGER NOT NULL DEFAULT 0,
	shown_at INTEGER NOT NULL DEFAULT 0, -- when, after the last try, the server was seen to show what was sent before, by this machine's clock; 0: not yet
	shown_date INTEGER NOT NULL DEFAULT 0, -- the same by the server's clock; 0: not known
	done_at INTEGER NOT NULL DEFAULT 0,
	event_id TEXT NOT NULL DEFAULT '',
	error TEXT NOT NULL DEFAULT '',
	UNIQUE (account, txn)
);
CREATE INDEX IF NOT EXISTS matrix_outbox_queued ON matrix_outbox (account, room, seq) WHERE state = 0;
CREATE INDEX IF NOT EXISTS matrix_outbox_sent ON matrix_outbox (account, room, done_at) WHERE state = 1;
CREATE INDEX IF NOT EXISTS matrix_outbox_aside ON matrix_outbox (account, seq) WHERE state = 2;
CREATE TABLE IF NOT EXISTS matrix_outbox_owner (
	account TEXT PRIMARY KEY,
	token TEXT NOT NULL,
	slowest INTEGER NOT NULL DEFAULT 0, -- answer of the server, in milliseconds
	requeued INTEGER NOT NULL DEFAULT 0 -- how often items were put back, so that a running outbox looks again
) WITHOUT ROWID;
`

// store is the queue of one account, and all SQL. Whoever called own last owns
// it: the others can't begin a try any more.
type store struct {
	db      *sql.DB
	file    *sqlite.SQLiteFileCheckHandle // that db is in
	account string
	token   string
	clock   clock // of the server

	mu   sync.Mutex
	last int64 // the latest of tried_at and done_at
}

// stamp returns a time for tried_at or done_at: the server's where it is known,
// and later than all before, whatever clocks do, since it is also the order of
// what happened.
func (s *store) stamp() int64 {
	now := s.clock.now()
	if now.IsZero() {
		now = time.Now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last+1, now.UnixMilli())
	return s.last
}

// item is an item as it is stored.
type item struct {
	seq       int64
	room      id.RoomID
	txn       string
	eventType string
	content   []byte
	uncertain bool
	tries     int
	triedAt   time.Time
	shownAt   time.Time // zero: not yet
	shownDate time.Time // by the server's clock; zero: not known
}

var (
	errOwner = &core.Error{Code: core.CodeConflict, Message: "another process has taken this outbox over"}
	errMoved = errors.New("the item is not queued any more")
)

func openStore(ctx context.Context, db *sql.DB, account string) (*store, error) {
	file, err := sqlite.SQLiteFileCheck(ctx, db)
	if err != nil {
		return nil, sqlite.SQLiteError("matrix_outbox", err)
	}
	s := &store{db: db, file: file, account: account, token: rand.Text()}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, sqlite.SQLiteError("matrix_outbox", err)
	}
	for _, column := range [][2]string{
		{"matrix_outbox", "shown_at"}, {"matrix_outbox", "shown_date"},
		{"matrix_outbox_owner", "slowest"}, {"matrix_outbox_owner", "requeued"},
	} {
		if err := s.addColumn(ctx, column[0], column[1]); err != nil {
			return nil, sqlite.SQLiteError("matrix_outbox", err)
		}
	}
	const latest = "SELECT coalesce(max(max(tried_at, done_at)), 0) FROM matrix_outbox WHERE account = ?"
	if err := db.QueryRowContext(ctx, latest, account).Scan(&s.last); err != nil {
		return nil, sqlite.SQLiteError("matrix_outbox", err)
	}
	return s, nil
}

// own takes the queue over.
func (s *store) own(ctx context.Context) error {
	const statement = "INSERT INTO matrix_outbox_owner (account, token) VALUES (?, ?) ON CONFLICT DO UPDATE SET token = excluded.token"
	return s.exec(ctx, statement, s.account, s.token)
}

// addColumn adds a number that older versions of a table lacked.
func (s *store) addColumn(ctx context.Context, table, name string) error {
	var there bool
	const query = "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?) WHERE name = ?)"
	if err := s.db.QueryRowContext(ctx, query, table, name).Scan(&there); err != nil || there {
		return err
	}
	_, err := s.db.ExecContext(ctx, "ALTER TABLE "+table+" ADD COLUMN "+name+" INTEGER NOT NULL DEFAULT 0")
	if err != nil && s.db.QueryRowContext(ctx, query, table, name).Scan(&there) == nil && there {
		return nil // another process was faster
	}
	return err
}

// written returns the error of a write, and one where it did not go to the file
// that the next start reads.
func (s *store) written(err error) error {
	if lost := s.file.Check(); lost != nil {
		return lost
	}
	return sqlite.SQLiteError("", err)
}

// insertRows is how many items one INSERT takes.
const insertRows = 32

// insert puts items in. One whose transaction ID is there already is left as it
// is, if it is for the same room and type.
func (s *store) insert(ctx context.Context, tx *sql.Tx, items []preparedItem) error {
	now := time.Now().UnixMilli()
	for chunk := range slices.Chunk(items, insertRows) {
		args := make([]any, 0, 6*len(chunk))
		for _, item := range chunk {
			args = append(args, s.account, string(item.Room), item.TransactionID, item.Type, string(item.content), now)
		}
		statement := "INSERT INTO matrix_outbox (account, room, txn, type, content, enqueued_at) VALUES (?, ?, ?, ?, ?, ?)" +
			strings.Repeat(", (?, ?, ?, ?, ?, ?)", len(chunk)-1) + " ON CONFLICT DO NOTHING"
		result, err := tx.ExecContext(ctx, statement, args...)
		if err != nil {
			return sqlite.SQLiteError("", err)
		}
		if n, err := result.RowsAffected(); err != nil {
			return sqlite.SQLiteError("", err)
		} else if int(n) == len(chunk) {
			continue
		}
		for _, item := range chunk {
			if err := s.checkSame(ctx, tx, item); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkSame refuses an item whose transaction ID belongs to something else.
func (s *store) checkSame(ctx context.Context, tx *sql.Tx, item preparedItem) error {
	var room, eventType string
	err := tx.QueryRowContext(ctx, "SELECT room, type FROM matrix_outbox WHERE account = ? AND txn = ?", s.account, item.TransactionID).Scan(&room, &eventType)
	if err != nil {
		return sqlite.SQLiteError("", err)
	}
	if room != string(item.Room) || eventType != item.Type {
		return &core.Error{
			Code:    core.CodeConflict,
			Message: "transaction ID " + item.TransactionID + " belongs to another event",
		}
	}
	return nil
}

// roomsAfter returns the rooms in whose queues is something newer than seq, and
// the newest.
func (s *store) roomsAfter(ctx context.Context, seq int64) ([]id.RoomID, int64, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT room, max(seq) FROM matrix_outbox WHERE account = ? AND state = 0 AND seq > ? GROUP BY room", s.account, seq)
	if err != nil {
		return nil, seq, sqlite.SQLiteError("", err)
	}
	defer rows.Close()
	var rooms []id.RoomID
	for rows.Next() {
		var room id.RoomID
		var last int64
		if err := rows.Scan(&room, &last); err != nil {
			return nil, seq, sqlite.SQLiteError("", err)
		}
		rooms, seq = append(rooms, room), max(seq, last)
	}
	return rooms, seq, sqlite.SQLiteError("", rows.Err())
}

// head returns the first of a room's queue, nil where it is empty.
func (s *store) head(ctx context.Context, room id.RoomID) (*item, error) {
	const query = "SELECT seq, txn, type, content, uncertain, tries, tried_at, shown_at, shown_date FROM matrix_outbox WHERE account = ? AND room = ? AND state = 0 ORDER BY seq LIMIT 1"
	row := &item{room: room}
	var triedAt, shownAt, shownDate int64
	err := s.db.QueryRowContext(ctx, query, s.account, string(room)).Scan(&row.seq, &row.txn, &row.eventType, &row.content, &row.uncertain, &row.tries, &triedAt, &shownAt, &shownDate)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	row.triedAt = time.UnixMilli(triedAt)
	if shownAt != 0 {
		row.shownAt = time.UnixMilli(shownAt)
	}
	if shownDate != 0 {
		row.shownDate = time.UnixMilli(shownDate)
	}
	return row, sqlite.SQLiteError("", err)
}

// begin marks that the server may have the event from now on.
func (s *store) begin(ctx context.Context, row *item) error {
	const statement = `UPDATE matrix_outbox SET tried_at = CASE WHEN uncertain THEN tried_at ELSE ? END, uncertain = 1, tries = tries + 1, shown_at = 0, shown_date = 0
WHERE seq = ? AND state = 0 AND EXISTS (SELECT 1 FROM matrix_outbox_owner WHERE account = ? AND token = ?)`
	return s.one(ctx, statement, s.stamp(), row.seq, s.account, s.token)
}

// one runs a statement that changes one row, if the outbox is still this
// process's and the item still queued.
func (s *store) one(ctx context.Context, statement string, args ...any) error {
	result, err := s.db.ExecContext(ctx, statement, args...)
	if err := s.written(err); err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return sqlite.SQLiteError("", err)
	}
	if err := s.owned(ctx); err != nil {
		return err
	}
	return errMoved
}

// requeues returns how often items were put back.
func (s *store) requeues(ctx context.Context) (n int64, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT coalesce(max(requeued), 0) FROM matrix_outbox_owner WHERE account = ?", s.account).Scan(&n)
	return n, sqlite.SQLiteError("", err)
}

// owned returns errOwner where another process has taken the outbox over, and
// another error where the database file is lost.
func (s *store) owned(ctx context.Context) error {
	if err := s.file.Check(); err != nil {
		return err
	}
	var token string
	err := s.db.QueryRowContext(ctx, "SELECT token FROM matrix_outbox_owner WHERE account = ?", s.account).Scan(&token)
	if err == nil && token != s.token {
		return errOwner
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return sqlite.SQLiteError("", err)
}

// failed notes why a try failed. certain: the server surely has not got the
// event by it.
func (s *store) failed(ctx context.Context, row *item, certain bool, reason string) error {
	const statement = "UPDATE matrix_outbox SET uncertain = CASE WHEN ? THEN 0 ELSE uncertain END, error = ? WHERE seq = ? AND state = 0"
	return s.exec(ctx, statement, certain, reason, row.seq)
}

// shown notes that the server shows what was sent before an uncertain item.
func (s *store) shown(ctx context.Context, row *item) error {
	row.shownAt, row.shownDate = time.Now(), s.clock.now()
	date := int64(0)
	if !row.shownDate.IsZero() {
		date = row.shownDate.UnixMilli()
	}
	const statement = "UPDATE matrix_outbox SET shown_at = ?, shown_date = ? WHERE seq = ? AND shown_at = 0"
	return s.exec(ctx, statement, row.shownAt.UnixMilli(), date, row.seq)
}

func (s *store) sent(ctx context.Context, seq int64, eventID id.EventID) error {
	const statement = "UPDATE matrix_outbox SET state = 1, event_id = ?, done_at = ?, content = '', error = '', uncertain = 0 WHERE seq = ? AND state <> 1"
	return s.exec(ctx, statement, string(eventID), s.stamp(), seq)
}

func (s *store) setAside(ctx context.Context, row *item, uncertain bool, reason string) error {
	const statement = "UPDATE matrix_outbox SET state = 2, uncertain = ?, error = ?, done_at = ? WHERE seq = ? AND state = 0"
	return s.exec(ctx, statement, uncertain, reason, s.stamp(), row.seq)
}

func (s *store) exec(ctx context.Context, statement string, args ...any) error {
	_, err := s.db.ExecContext(ctx, statement, args...)
	return s.written(err)
}

// eventIDOf returns the event ID of an item, empty where it was not sent. found
// is false where nothing is known of it.
func (s *store) eventIDOf(ctx context.Context, room id.RoomID, txn string) (eventID id.EventID, found bool, err error) {
	const query = "SELECT event_id FROM matrix_outbox WHERE account = ? AND txn = ? AND room = ?"
	err = s.db.QueryRowContext(ctx, query, s.account, txn, string(room)).Scan(&eventID)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return eventID, err == nil, sqlite.SQLiteError("", err)
}

// before returns what is known to have been sent to an item's room, the last
// 5,000 events.
func (s *store) before(ctx context.Context, row *item) (sentBefore, error) {
	const query = "SELECT event_id, done_at FROM matrix_outbox WHERE account = ? AND room = ? AND state = 1 ORDER BY done_at DESC, seq DESC LIMIT 5000"
	rows, err := s.db.QueryContext(ctx, query, s.account, string(row.room))
	if err != nil {
		return sentBefore{}, sqlite.SQLiteError("", err)
	}
	defer rows.Close()
	before := sentBefore{older: map[id.EventID]bool{}, newer: map[id.EventID]bool{}}
	for rows.Next() {
		var eventID id.EventID
		var doneAt int64
		if err := rows.Scan(&eventID, &doneAt); err != nil {
			return sentBefore{}, sqlite.SQLiteError("", err)
		}
		switch {
		case doneAt > row.triedAt.UnixMilli():
			before.newer[eventID] = true
		case before.anchor == "":
			before.anchor, before.at = eventID, time.UnixMilli(doneAt)
		default:
			before.older[eventID] = true
		}
	}
	return before, sqlite.SQLiteError("", rows.Err())
}

// setPace stores how slow the server is.
func (s *store) setPace(ctx context.Context, slowest time.Duration) error {
	const statement = "UPDATE matrix_outbox_owner SET slowest = ? WHERE account = ? AND token = ?"
	return s.exec(ctx, statement, slowest.Milliseconds(), s.account, s.token)
}

// pace returns what was stored of how slow the server is.
func (s *store) pace(ctx context.Context) (slowest time.Duration, err error) {
	var took int64
	err = s.db.QueryRowContext(ctx, "SELECT slowest FROM matrix_outbox_owner WHERE account = ?", s.account).Scan(&took)
	return time.Duration(took) * time.Millisecond, sqlite.SQLiteError("", err)
}

// prune forgets what was sent before a time, but for the latest keep items, and
// the last in each room: a search after a crash goes back to it. Age alone is
// no reason to forget: what an item answers may come again after any time in
// which the program did not run, and with the same transaction ID. Then nothing
// was sent either.
func (s *store) prune(ctx context.Context, before time.Time, keep int) error {
	// The first condition, by the primary key, is implied by the last but one,
	// which has to read keep rows.
	const statement = `DELETE FROM matrix_outbox WHERE seq < (SELECT max(seq) FROM matrix_outbox) - ?3
AND +account = ?1 AND state = 1 AND done_at < ?2
AND seq < (SELECT kept.seq FROM matrix_outbox AS kept WHERE +kept.account = ?1 AND kept.state = 1 ORDER BY kept.seq DESC LIMIT 1 OFFSET ?3)
AND seq <> (SELECT last.seq FROM matrix_outbox AS last WHERE last.account = ?1 AND last.room = matrix_outbox.room AND last.state = 1 ORDER BY done_at DESC, seq DESC LIMIT 1)`
	return s.exec(ctx, statement, s.account, before.UnixMilli(), keep-1)
}

// enqueue puts items in, all of them or none.
func (s *store) enqueue(ctx context.Context, items []preparedItem) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return sqlite.SQLiteError("", err)
	}
	defer tx.Rollback()
	if err := s.insert(ctx, tx, items); err != nil {
		return err
	}
	return s.written(tx.Commit())
}

// status returns what the queue holds.
func (s *store) status(ctx context.Context) (status MatrixOutboxStatus, err error) {
	const query = `SELECT count(*), count(DISTINCT room), coalesce(min(enqueued_at), 0),
(SELECT count(*) FROM matrix_outbox WHERE account = ?1 AND state = 2) FROM matrix_outbox WHERE account = ?1 AND state = 0`
	var oldest int64
	err = s.db.QueryRowContext(ctx, query, s.account).Scan(&status.Queued, &status.Rooms, &oldest, &status.Aside)
	if err != nil {
		return status, sqlite.SQLiteError("", err)
	}
	if oldest > 0 {
		status.Oldest = max(0, time.Since(time.UnixMilli(oldest)))
	}
	return status, nil
}

// entriesNamed returns the items of a state, oldest first, at most limit (0:
// 1000).
func (s *store) entriesNamed(ctx context.Context, name string, limit int) ([]MatrixOutboxEntry, error) {
	in, ok := stateNamed(name)
	if !ok {
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Message: "there is no state " + ident.Clip(name, 40),
			Hint:    "there are queued, sent and aside",
		}
	}
	if limit <= 0 {
		limit = 1000
	}
	return s.entries(ctx, "state = ? ORDER BY seq LIMIT ?", in, limit)
}

// entry returns an item. found is false where nothing is known of it.
func (s *store) entry(ctx context.Context, txn string) (entry MatrixOutboxEntry, found bool, err error) {
	entries, err := s.entries(ctx, "txn = ?", txn)
	if err != nil || len(entries) == 0 {
		return entry, false, err
	}
	return entries[0], true, nil
}

func (s *store) entries(ctx context.Context, where string, args ...any) ([]MatrixOutboxEntry, error) {
	query := "SELECT room, type, txn, content, state, uncertain, event_id, tries, error, enqueued_at FROM matrix_outbox WHERE account = ? AND " + where
	rows, err := s.db.QueryContext(ctx, query, append([]any{s.account}, args...)...)
	if err != nil {
		return nil, sqlite.SQLiteError("", err)
	}
	defer rows.Close()
	var entries []MatrixOutboxEntry
	for rows.Next() {
		var e MatrixOutboxEntry
		var in state
		var enqueued int64
		if err := rows.Scan(&e.Room, &e.Type, &e.TransactionID, (*[]byte)(&e.Content), &in, &e.Uncertain, &e.EventID, &e.Tries, &e.Error, &enqueued); err != nil {
			return nil, sqlite.SQLiteError("", err)
		}
		e.State, e.Enqueued = in.String(), time.UnixMilli(enqueued)
		entries = append(entries, e)
	}
	return entries, sqlite.SQLiteError("", rows.Err())
}

// requeue puts items that were set aside back to their old place: those named,
// or all. It returns how many.
func (s *store) requeue(ctx context.Context, txns []string) (int, error) {
	const statement = "UPDATE matrix_outbox SET state = 0, tries = 0, done_at = 0 WHERE account = ? AND state = 2"
	const note = "UPDATE matrix_outbox_owner SET requeued = requeued + 1 WHERE account = ?"
	return s.change(ctx, func(tx *sql.Tx) (int64, error) {
		if _, err := tx.ExecContext(ctx, note, s.account); err != nil {
			return 0, err
		}
		if len(txns) > 0 {
			return s.each(ctx, tx, statement+" AND txn = ?", txns)
		}
		result, err := tx.ExecContext(ctx, statement, s.account)
		if err != nil {
			return 0, err
		}
		return result.RowsAffected()
	})
}

// remove takes out items that were not sent. It returns how many.
func (s *store) remove(ctx context.Context, txns []string) (int, error) {
	return s.change(ctx, func(tx *sql.Tx) (int64, error) {
		return s.each(ctx, tx, "DELETE FROM matrix_outbox WHERE account = ? AND state <> 1 AND txn = ?", txns)
	})
}

// change makes changes in one transaction, and returns how many items changed.
func (s *store) change(ctx context.Context, do func(tx *sql.Tx) (int64, error)) (int, error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, sqlite.SQLiteError("", err)
	}
	defer tx.Rollback()
	n, err := do(tx)
	if err != nil {
		return 0, sqlite.SQLiteError("", err)
	}
	return int(n), s.written(tx.Commit())
}

// each runs a statement for each item, and returns how many rows it changed.
func (s *store) each(ctx context.Context, tx *sql.Tx, statement string, txns []string) (total int64, err error) {
	for _, txn := range txns {
		result, err := tx.ExecContext(ctx, statement, s.account, txn)
		if err != nil {
			return 0, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// observed notes that a sync has shown an item that was tried.
func (s *store) observed(ctx context.Context, room id.RoomID, txn string, eventID id.EventID) error {
	const statement = `UPDATE matrix_outbox SET state = 1, event_id = ?, done_at = ?, content = '', error = '', uncertain = 0
WHERE account = ? AND txn = ? AND room = ? AND state <> 1 AND tries > 0`
	return s.exec(ctx, statement, string(eventID), s.stamp(), s.account, txn, string(room))
}

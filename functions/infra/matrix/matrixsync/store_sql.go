package matrixsync

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
)

// syncSchemaVersion is that of the tables below.
const syncSchemaVersion = 3

// syncSchema has an event's ID and its pending data in one row: a take-in
// writes one row and one index entry for each event, and an acknowledgement
// takes the data away. What stays is the memory of the ID, until it is pruned.
const syncSchema = `
CREATE TABLE IF NOT EXISTS $_state (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	version INTEGER NOT NULL,
	user TEXT NOT NULL,
	token TEXT NOT NULL DEFAULT '',
	trusted TEXT NOT NULL DEFAULT '',
	epoch INTEGER NOT NULL DEFAULT 0, -- of the service that owns the store now
	seq INTEGER NOT NULL DEFAULT 0    -- the last given out
);
CREATE TABLE IF NOT EXISTS $_room (
	room TEXT PRIMARY KEY,
	membership TEXT NOT NULL,
	last TEXT NOT NULL,
	inviter TEXT NOT NULL,
	invitation TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS $_event (
	seq INTEGER PRIMARY KEY,
	event TEXT UNIQUE,         -- NULL: not to be known again
	room TEXT NOT NULL,
	session TEXT,              -- NULL: does not wait for a key
	kind INTEGER NOT NULL,
	replayed INTEGER NOT NULL,
	taken_at INTEGER NOT NULL, -- in Unix seconds
	pending INTEGER NOT NULL,
	data BLOB,                 -- NULL once it is neither pending nor waiting
	joined INTEGER NOT NULL DEFAULT 0,  -- MatrixSyncEvent.Join
	started INTEGER NOT NULL DEFAULT 0  -- MatrixSyncEvent.Start
);
CREATE INDEX IF NOT EXISTS $_waiting ON $_event (room, session, seq) WHERE session IS NOT NULL;
`

// syncSQL has the statements with the tables' names in place.
type syncSQL struct {
	schema, addState, version, begin, rooms, putRoom             string
	own, setSeq, insert, taken, known, pending, waiting, waitAll string
	copyDecrypted, endWaiting, acknowledge, oldest, prune        string
	setVersion, epochNow                                         string
}

// syncInsertRows is how many events one INSERT takes: with more, SQLite's time
// for each row falls no further.
const syncInsertRows = 32

const syncColumns = "seq, room, event, session, kind, replayed, joined, started, data"

// syncColumnsAdded has the columns that older versions of the tables lacked.
var syncColumnsAdded = []struct{ table, name, kind string }{
	{"state", "trusted", "TEXT NOT NULL DEFAULT ''"},   // since version 2
	{"room", "invitation", "TEXT NOT NULL DEFAULT ''"}, // since version 3
	{"event", "joined", "INTEGER NOT NULL DEFAULT 0"},  // since version 3
	{"event", "started", "INTEGER NOT NULL DEFAULT 0"}, // since version 3
}

func newSyncSQL(prefix string) syncSQL {
	name := func(statement string) string { return strings.ReplaceAll(statement, "$_", prefix+"_") }
	return syncSQL{
		schema:        name(syncSchema),
		addState:      name(fmt.Sprintf("INSERT INTO $_state (id, version, user) VALUES (1, %d, ?) ON CONFLICT DO NOTHING", syncSchemaVersion)),
		version:       name("SELECT version FROM $_state"),
		begin:         name("UPDATE $_state SET epoch = epoch + 1 WHERE user = ? RETURNING token, trusted, epoch, seq"),
		rooms:         name("SELECT room, membership, last, inviter, invitation FROM $_room"),
		putRoom:       name("INSERT INTO $_room (room, membership, last, inviter, invitation) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET membership = excluded.membership, last = excluded.last, inviter = excluded.inviter, invitation = excluded.invitation"),
		own:           name("UPDATE $_state SET token = coalesce(?, token), trusted = coalesce(?, trusted) WHERE epoch = ? RETURNING seq"),
		setSeq:        name("UPDATE $_state SET seq = ?"),
		insert:        name("INSERT INTO $_event (seq, event, room, session, kind, replayed, taken_at, joined, started, pending, data) VALUES "),
		taken:         name("SELECT seq FROM $_event WHERE seq > ? ORDER BY seq"),
		known:         name("SELECT wanted.key FROM json_each(?) AS wanted JOIN $_event AS had ON had.event = wanted.value"),
		pending:       name("SELECT " + syncColumns + " FROM $_event WHERE seq > ? AND pending ORDER BY seq LIMIT ?"),
		waiting:       name("SELECT " + syncColumns + " FROM $_event WHERE room = ? AND session = ? AND seq > ? ORDER BY seq LIMIT ?"),
		waitAll:       name("SELECT " + syncColumns + " FROM $_event WHERE session IS NOT NULL AND seq > ? ORDER BY seq LIMIT ?"),
		copyDecrypted: name(fmt.Sprintf("INSERT INTO $_event (seq, room, kind, replayed, joined, started, taken_at, pending, data) SELECT ?, room, %d, replayed, joined, started, ?, 1, data FROM $_event WHERE seq = ? AND session IS NOT NULL", MatrixSyncDecrypted)),
		endWaiting:    name("UPDATE $_event SET session = NULL, data = CASE WHEN pending THEN data END WHERE seq = ?"),
		acknowledge:   name("UPDATE $_event SET pending = 0, data = CASE WHEN session IS NOT NULL THEN data END WHERE seq BETWEEN ? AND ? AND pending"),
		oldest:        name("SELECT coalesce((SELECT seq FROM $_event WHERE taken_at >= ? ORDER BY seq LIMIT 1), ?)"),
		prune:         name("DELETE FROM $_event WHERE seq < ? AND NOT pending"),
		epochNow:      name("SELECT epoch FROM $_state"),
		setVersion:    name(fmt.Sprintf("UPDATE $_state SET version = %d", syncSchemaVersion)),
	}
}

// insertRows returns the statement that inserts n events.
func (s *syncSQL) insertRows(n int) string {
	rows := strings.Repeat("(?,?,?,?,?,?,?,?,?,1,?),", n)
	return s.insert + rows[:len(rows)-1] + " ON CONFLICT DO NOTHING"
}

func (s *MatrixSyncStoreHandle) makeTables(ctx context.Context) error {
	if _, err := s.cfg.DB.ExecContext(ctx, s.sql.schema); err != nil {
		return syncStoreError("make tables", err)
	}
	for _, column := range syncColumnsAdded {
		if err := s.addColumn(ctx, s.cfg.Prefix+"_"+column.table, column.name, column.kind); err != nil {
			return syncStoreError("make tables", err)
		}
	}
	var version int
	err := s.cfg.DB.QueryRowContext(ctx, s.sql.version).Scan(&version)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err == nil && version > syncSchemaVersion:
		return &core.Error{Code: core.CodeConflict, Op: "matrix_sync_store", Message: fmt.Sprintf("the tables have version %d, this program knows %d", version, syncSchemaVersion),
			Hint: "run the newer program"}
	}
	return syncStoreError("make tables", err)
}

// addColumn adds a column that older versions of a table lacked.
func (s *MatrixSyncStoreHandle) addColumn(ctx context.Context, table, name, kind string) error {
	var there bool
	const query = "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?) WHERE name = ?)"
	if err := s.cfg.DB.QueryRowContext(ctx, query, table, name).Scan(&there); err != nil || there {
		return err
	}
	err := s.transact(ctx, "make tables", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "ALTER TABLE "+table+" ADD COLUMN "+name+" "+kind); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, s.sql.setVersion)
		return err
	})
	if err != nil && s.cfg.DB.QueryRowContext(ctx, query, table, name).Scan(&there) == nil && there {
		return nil // another process was faster
	}
	return err
}

// transact runs do in a transaction.
func (s *MatrixSyncStoreHandle) transact(ctx context.Context, verb string, do func(tx *sql.Tx) error) error {
	return s.written(verb, func() error {
		tx, err := s.cfg.DB.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // after a commit it does nothing
		if err := do(tx); err != nil {
			return err
		}
		return tx.Commit()
	}())
}

// written returns the error of a statement, and another one where it did not go
// to the file that the next start reads.
func (s *MatrixSyncStoreHandle) written(verb string, err error) error {
	if lost := s.file.Check(); lost != nil {
		err = lost
	}
	return syncStoreError(verb, err)
}

// syncStoreError gives an error of the database a code. Of what is unknown, as
// with a driver that sqlite_error doesn't know, the same call may pass when the
// disk or the lock is free again.
func syncStoreError(verb string, err error) error {
	coded, ok := errors.AsType[*core.Error](sqlite.SQLiteError("matrix_sync_store "+verb, err))
	if !ok {
		return nil
	}
	switch {
	case errors.Is(err, sqlite.ErrSQLiteFileLost):
		return &core.Error{Code: coded.Code, Op: "matrix_sync_store " + verb, Hint: coded.Hint, Err: err}
	case coded.Code == "" && core.ErrorCode(err) == core.CodeInternal && !strings.Contains(err.Error(), "database is closed"):
		coded.Code = core.CodeUnavailable
	}
	return coded
}

// seqRanges sorts numbers and returns them as ranges, first and last.
func seqRanges(seqs []int64) [][2]int64 {
	var ranges [][2]int64
	for _, seq := range slices.Sorted(slices.Values(seqs)) {
		if n := len(ranges); n > 0 && seq <= ranges[n-1][1]+1 {
			ranges[n-1][1] = seq
			continue
		}
		ranges = append(ranges, [2]int64{seq, seq})
	}
	return ranges
}

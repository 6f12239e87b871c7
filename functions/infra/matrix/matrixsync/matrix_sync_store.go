package matrixsync

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/durations"
	"fnregistry.dev/functions/infra/sqlite"
)

// MatrixSyncStoreConfig says where [MatrixSyncStore] keeps a sync's place, and
// how much it remembers.
type MatrixSyncStoreConfig struct {
	DB     *sql.DB // a SQLite database, 3.38 or newer, with any driver; required. It stays the caller's
	Prefix string  // of the tables' names: letters, digits and _; one for each user in a database; default "matrix_sync"

	// For how long, and for how many events, the ID of one that was
	// acknowledged is remembered, so that it does not come again. What is
	// older, or before as many newer ones, is forgotten. With less than a
	// minute or 10,000 events the service does not look back after an
	// interruption. Defaults: 7 days, 50,000.
	DedupeTTL   time.Duration
	DedupeCount int
}

// MatrixSyncStoreHandle is a [MatrixSyncStorage] in SQLite. It needs no
// closing.
type MatrixSyncStoreHandle struct {
	cfg  MatrixSyncStoreConfig
	sql  syncSQL
	file *sqlite.SQLiteFileCheckHandle

	epoch  int64     // of this handle's Begin: a later one makes it stale
	seq    int64     // the last that was given out
	pruned time.Time // when pruning was done last
	since  int64     // seq at that time
}

var _ MatrixSyncStorage = (*MatrixSyncStoreHandle)(nil)

// MatrixSyncStore makes the tables of a sync's store in a SQLite database,
// unless they are there, and returns the store for [MatrixSyncService]. Each
// change is one transaction, and what was committed outlives the death of the
// process at any moment; that of the machine too if the database is opened with
// synchronous=FULL. If the database file is deleted or replaced while it is in
// use, each write fails from then on (CodeConflict,
// [sqlite.ErrSQLiteFileLost]), which ends the service.
//
// Errors: CodeInvalid for a bad config, CodeConflict where a newer version of
// this unit made the tables, those of sqlite_error where the database refused
// (CodeForbidden where it can't be written).
//
// More in matrix_sync_store.md:
//   - Open the database with sqlite_open and give it the Writer: one
//     connection, WAL, BEGIN IMMEDIATE.
//   - An Ack outlives a SIGKILL.
func MatrixSyncStore(ctx context.Context, cfg MatrixSyncStoreConfig) (*MatrixSyncStoreHandle, error) {
	cfg.Prefix = cmp.Or(cfg.Prefix, "matrix_sync")
	if cfg.DB == nil {
		return nil, &core.Error{Code: core.CodeInvalid, Op: "matrix_sync_store", Message: "no DB given"}
	}
	if !isSyncPrefix(cfg.Prefix) {
		return nil, &core.Error{Code: core.CodeInvalid, Op: "matrix_sync_store", Message: fmt.Sprintf("bad prefix %.80q", cfg.Prefix),
			Hint: "use letters, digits and _, up to 50"}
	}
	err := durations.Fill("matrix_sync_store", durations.Field{Name: "DedupeTTL", Value: &cfg.DedupeTTL, Default: defaultDedupeTTL})
	if err != nil {
		return nil, err
	}
	if cfg.DedupeCount <= 0 {
		cfg.DedupeCount = defaultDedupeCount
	}
	file, err := sqlite.SQLiteFileCheck(ctx, cfg.DB)
	if err != nil {
		return nil, syncStoreError("open", err)
	}
	s := &MatrixSyncStoreHandle{cfg: cfg, sql: newSyncSQL(cfg.Prefix), file: file}
	return s, s.makeTables(ctx)
}

func isSyncPrefix(prefix string) bool {
	digit := prefix[0] >= '0' && prefix[0] <= '9'
	return !digit && len(prefix) <= 50 && strings.Trim(prefix, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// remembers returns how much of what was acknowledged is known again.
func (s *MatrixSyncStoreHandle) remembers() (count int, ttl time.Duration) {
	return s.cfg.DedupeCount, s.cfg.DedupeTTL
}

// Begin implements [MatrixSyncStorage].
func (s *MatrixSyncStoreHandle) Begin(ctx context.Context, user id.UserID) (MatrixSyncPosition, error) {
	position := MatrixSyncPosition{Rooms: map[id.RoomID]MatrixSyncRoom{}}
	err := s.transact(ctx, "begin", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, s.sql.addState, user); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, s.sql.begin, user).Scan(&position.Token, &position.Trusted, &s.epoch, &s.seq)
		if err == sql.ErrNoRows {
			return &core.Error{Code: core.CodeConflict, Op: "matrix_sync_store", Message: "the tables " + s.cfg.Prefix + "_* belong to another user",
				Hint: "give each user a Prefix or a database"}
		}
		if err != nil {
			return err
		}
		return s.readRooms(ctx, tx, position.Rooms)
	})
	s.pruned, s.since = time.Time{}, s.seq
	return position, err
}

func (s *MatrixSyncStoreHandle) readRooms(ctx context.Context, tx *sql.Tx, rooms map[id.RoomID]MatrixSyncRoom) error {
	rows, err := tx.QueryContext(ctx, s.sql.rooms)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var room MatrixSyncRoom
		if err := rows.Scan(&room.RoomID, &room.Membership, &room.Last, &room.Inviter, &room.Invitation); err != nil {
			return err
		}
		rooms[room.RoomID] = room
	}
	return rows.Err()
}

// Owned returns an error that Is [ErrMatrixSyncTakenOver] or
// [sqlite.ErrSQLiteFileLost] where the store is lost, and another one where
// that is unknown. A service looks every 2 seconds while it waits for the
// server.
func (s *MatrixSyncStoreHandle) Owned(ctx context.Context) error {
	var epoch int64
	err := s.cfg.DB.QueryRowContext(ctx, s.sql.epochNow).Scan(&epoch)
	if err == nil && epoch != s.epoch {
		err = errTakenOver()
	}
	return s.written("owned", err)
}

// Acknowledge implements [MatrixSyncStorage]. It may be called by several
// goroutines.
func (s *MatrixSyncStoreHandle) Acknowledge(ctx context.Context, seqs []int64) error {
	ranges := seqRanges(seqs)
	if len(ranges) == 1 { // one statement needs no transaction
		_, err := s.cfg.DB.ExecContext(ctx, s.sql.acknowledge, ranges[0][0], ranges[0][1])
		return s.written("acknowledge", err)
	}
	return s.transact(ctx, "acknowledge", func(tx *sql.Tx) error { return s.acknowledge(ctx, tx, ranges) })
}

// AcknowledgeTx is Acknowledge within a transaction of the caller on the same
// database: it takes effect if that commits, and only then.
func (s *MatrixSyncStoreHandle) AcknowledgeTx(ctx context.Context, tx *sql.Tx, seqs []int64) error {
	return s.written("acknowledge", s.acknowledge(ctx, tx, seqRanges(seqs)))
}

func (s *MatrixSyncStoreHandle) acknowledge(ctx context.Context, tx *sql.Tx, ranges [][2]int64) error {
	for _, r := range ranges {
		if _, err := tx.ExecContext(ctx, s.sql.acknowledge, r[0], r[1]); err != nil {
			return err
		}
	}
	return nil
}

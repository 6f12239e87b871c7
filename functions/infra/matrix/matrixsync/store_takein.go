package matrixsync

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
)

// TakeIn implements [MatrixSyncStorage].
func (s *MatrixSyncStoreHandle) TakeIn(ctx context.Context, batch *MatrixSyncBatch) error {
	last := s.seq + int64(len(batch.Records))
	err := s.transact(ctx, "take in", func(tx *sql.Tx) error {
		stored, err := s.own(ctx, tx, batch.Token, batch.Trusted)
		if err != nil {
			return err
		}
		// More than this handle has given out: the last try was committed,
		// though the driver reported an error.
		if stored == s.seq {
			if err := s.insert(ctx, tx, batch, last); err != nil {
				return err
			}
		}
		return s.number(ctx, tx, batch.Records)
	})
	if err == nil {
		s.seq = last
	}
	return err
}

// own locks the database for writing, stores the tokens that are not empty,
// sees that no other service has taken the store over, and returns the last
// Seq.
func (s *MatrixSyncStoreHandle) own(ctx context.Context, tx *sql.Tx, token, trusted string) (seq int64, err error) {
	err = tx.QueryRowContext(ctx, s.sql.own, nullString(token), nullString(trusted), s.epoch).Scan(&seq)
	if err == sql.ErrNoRows {
		err = errTakenOver()
	}
	return seq, err
}

func errTakenOver() error {
	return &core.Error{
		Code: core.CodeConflict, Op: "matrix_sync_store", Err: ErrMatrixSyncTakenOver,
		Hint: "run one service for each user; stop this one",
	}
}

func (s *MatrixSyncStoreHandle) insert(ctx context.Context, tx *sql.Tx, batch *MatrixSyncBatch, last int64) error {
	now := time.Now()
	seq := s.seq
	for records := range slices.Chunk(batch.Records, syncInsertRows) {
		args := make([]any, 0, 10*len(records))
		for _, r := range records {
			seq++
			args = append(args, seq, nullString(r.EventID), r.RoomID, nullString(r.Session), r.Kind, r.Replayed, now.Unix(), int(r.Join), int(r.Start), r.Data)
		}
		if _, err := tx.ExecContext(ctx, s.sql.insertRows(len(records)), args...); err != nil {
			return err
		}
	}
	for _, room := range batch.Rooms {
		if _, err := tx.ExecContext(ctx, s.sql.putRoom, room.RoomID, room.Membership, room.Last, room.Inviter, room.Invitation); err != nil {
			return err
		}
	}
	if len(batch.Records) == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, s.sql.setSeq, last); err != nil {
		return err
	}
	return s.prune(ctx, tx, now, last)
}

// nullString is NULL for an empty text.
func nullString[T ~string](text T) any {
	if text == "" {
		return nil
	}
	return string(text)
}

// number sets each record's Seq: that of its place, or 0 where no row has it,
// since its ID was there before.
func (s *MatrixSyncStoreHandle) number(ctx context.Context, tx *sql.Tx, records []MatrixSyncRecord) error {
	if len(records) == 0 {
		return nil
	}
	for i := range records {
		records[i].Seq = 0
	}
	rows, err := tx.QueryContext(ctx, s.sql.taken, s.seq)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return err
		}
		if at := seq - s.seq - 1; at < int64(len(records)) {
			records[at].Seq = seq
		}
	}
	return rows.Err()
}

// prune forgets what is past the limits, once a minute or after a tenth of
// DedupeCount.
func (s *MatrixSyncStoreHandle) prune(ctx context.Context, tx *sql.Tx, now time.Time, last int64) error {
	if now.Sub(s.pruned) < time.Minute && last-s.since < int64(s.cfg.DedupeCount)/10 {
		return nil
	}
	before := last - int64(s.cfg.DedupeCount) + 1
	var oldest int64 // past the last where all are too old
	err := tx.QueryRowContext(ctx, s.sql.oldest, now.Add(-s.cfg.DedupeTTL).Unix(), last+1).Scan(&oldest)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, s.sql.prune, max(before, oldest)); err != nil {
		return err
	}
	s.pruned, s.since = now, last
	return nil
}

// Release implements [MatrixSyncStorage].
func (s *MatrixSyncStoreHandle) Release(ctx context.Context, seq int64) (int64, error) {
	released := s.seq
	err := s.transact(ctx, "release", func(tx *sql.Tx) error {
		stored, err := s.own(ctx, tx, "", "")
		if err != nil {
			return err
		}
		if stored > s.seq { // as in TakeIn: the last try was committed
			released = stored
			return nil
		}
		released = s.seq + 1
		if _, err := tx.ExecContext(ctx, s.sql.copyDecrypted, released, time.Now().Unix(), seq); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, s.sql.endWaiting, seq); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, s.sql.setSeq, released)
		return err
	})
	if err == nil {
		s.seq = released
	}
	return released, err
}

// Known implements [MatrixSyncStorage].
func (s *MatrixSyncStoreHandle) Known(ctx context.Context, ids []id.EventID) ([]bool, error) {
	known := make([]bool, len(ids))
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, syncStoreError("known", err)
	}
	rows, err := s.cfg.DB.QueryContext(ctx, s.sql.known, string(list))
	if err != nil {
		return nil, syncStoreError("known", err)
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		if err := rows.Scan(&i); err != nil {
			return nil, syncStoreError("known", err)
		}
		known[i] = true
	}
	return known, syncStoreError("known", rows.Err())
}

// Pending implements [MatrixSyncStorage].
func (s *MatrixSyncStoreHandle) Pending(ctx context.Context, after int64, limit int) ([]MatrixSyncRecord, error) {
	return s.records(ctx, s.sql.pending, after, limit)
}

// Waiting implements [MatrixSyncStorage].
func (s *MatrixSyncStoreHandle) Waiting(
	ctx context.Context,
	key MatrixSessionKey,
	after int64,
	limit int,
) ([]MatrixSyncRecord, error) {
	if (key == MatrixSessionKey{}) {
		return s.records(ctx, s.sql.waitAll, after, limit)
	}
	return s.records(ctx, s.sql.waiting, key.RoomID, key.SessionID, after, limit)
}

func (s *MatrixSyncStoreHandle) records(ctx context.Context, query string, args ...any) ([]MatrixSyncRecord, error) {
	rows, err := s.cfg.DB.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, syncStoreError("read", err)
	}
	defer rows.Close()
	var records []MatrixSyncRecord
	for rows.Next() {
		var r MatrixSyncRecord
		var event, session sql.NullString
		if err := rows.Scan(&r.Seq, &r.RoomID, &event, &session, &r.Kind, &r.Replayed, &r.Join, &r.Start, &r.Data); err != nil {
			return nil, syncStoreError("read", err)
		}
		r.EventID, r.Session = id.EventID(event.String), id.SessionID(session.String)
		records = append(records, r)
	}
	return records, syncStoreError("read", rows.Err())
}

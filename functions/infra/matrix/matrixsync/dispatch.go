package matrixsync

import (
	"context"
	"encoding/json"

	"fnregistry.dev/functions/infra/matrix"
)

// syncReadAhead is how many records are read from the store at once.
const syncReadAhead = 256

// deliver puts an event on Events. It waits for room as long as ctx lets it.
func (s *syncService) deliver(ctx context.Context, e *matrix.MatrixSyncEvent, seq int64) error {
	if s.cfg.Store != nil {
		e.SetAck(seq, s.acknowledgeOne)
	}
	select {
	case s.events <- *e:
	default:
		select {
		case s.events <- *e:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.metrics.deliver(e, len(s.events))
	return nil
}

// redeliver delivers what was stored and not acknowledged by an earlier
// service.
func (s *syncService) redeliver(ctx context.Context) error {
	for after := int64(0); ; {
		var records []MatrixSyncRecord
		err := s.retry(
			ctx,
			func() (err error) { records, err = s.store.Pending(ctx, after, syncReadAhead); return err },
		)
		if err != nil || len(records) == 0 {
			return err
		}
		for _, record := range records {
			e, err := s.eventOf(ctx, record)
			if err != nil {
				return err
			}
			e.Redelivered = true
			if err := s.deliver(ctx, &e, record.Seq); err != nil {
				return err
			}
			after = record.Seq
		}
	}
}

// eventOf is what a stored record is delivered as. Only ctx makes it fail.
func (s *syncService) eventOf(ctx context.Context, record MatrixSyncRecord) (matrix.MatrixSyncEvent, error) {
	var e matrix.MatrixSyncEvent
	switch record.Kind {
	case MatrixSyncHole:
		gap := &matrix.MatrixSyncGap{}
		_ = json.Unmarshal(record.Data, gap) // it was marshalled here
		e = gapEvent(record.RoomID, gap)
	case MatrixSyncDecrypted:
		plain, err := decryptRaw(ctx, s.crypto, record.RoomID, record.Data)
		if ctx.Err() != nil {
			return e, ctx.Err()
		}
		if e = plain; err != nil {
			s.tell(err)
			e = matrix.MatrixEventParse(record.RoomID, record.Data)
			e.Reason = undecryptable(err)
		}
	case MatrixSyncEncrypted:
		e = matrix.MatrixEventParse(record.RoomID, record.Data)
		if _, err := decryptRaw(ctx, s.crypto, record.RoomID, record.Data); ctx.Err() != nil {
			return e, ctx.Err()
		} else if err != nil {
			e.Reason = undecryptable(err)
		}
	default:
		e = matrix.MatrixEventParse(record.RoomID, record.Data)
	}
	if record.Kind == MatrixSyncInvite {
		e.EventID = ""
	}
	record.place(&e)
	return e, nil
}

// place sets in an event what only its record knows.
func (r *MatrixSyncRecord) place(e *matrix.MatrixSyncEvent) {
	e.Replayed, e.Join, e.Start = r.Replayed, r.Join, r.Start
}

package matrixsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/wire"
)

// decryptRaw decrypts an event of the server. What is in it speaks for its
// content alone: who sent what where is the server's to say.
func decryptRaw(
	ctx context.Context,
	crypto MatrixSyncCrypto,
	room id.RoomID,
	raw json.RawMessage,
) (matrix.MatrixSyncEvent, error) {
	fail := func(err error) (matrix.MatrixSyncEvent, error) {
		return matrix.MatrixSyncEvent{}, &core.Error{Op: "matrix_sync_service decrypt room=" + string(room), Err: err}
	}
	if crypto == nil {
		return fail(errNoCrypto)
	}
	outer, err := wire.Event(room, raw)
	if err != nil {
		return fail(err)
	}
	eventID, sender := outer.ID, outer.Sender
	inner, err := crypto.Decrypt(ctx, outer)
	if err == nil && inner == nil {
		err = errors.New("no event came of it")
	}
	if err != nil {
		return fail(err)
	}
	e := matrix.MatrixEventNormalize(inner)
	e.RoomID, e.EventID, e.Sender = room, eventID, sender
	e.Encrypted, e.Decrypted = true, true
	return e, nil
}

var errNoCrypto = fmt.Errorf("the client has no encryption: %w", ErrMatrixNoKey)

// undecryptable is an error of decryptRaw as the event's Reason.
func undecryptable(err error) string {
	if errors.Is(err, ErrMatrixNoKey) && !errors.Is(err, errNoCrypto) {
		return ErrMatrixNoKey.Error()
	}
	return errors.Unwrap(err).Error() // without the room, which the event has
}

// decrypt turns the encrypted events into decrypted ones, as far as their keys
// are there.
func (t *syncTaking) decrypt(ctx context.Context) error {
	for i := range t.deliveries {
		d := &t.deliveries[i]
		record := &d.record
		if record.Kind != MatrixSyncEncrypted {
			continue
		}
		plain, err := decryptRaw(ctx, t.crypto, record.RoomID, record.Data)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			d.event.Reason = undecryptable(err)
			t.tellUnlessNoKey(err)
			continue
		}
		record.place(&plain)
		d.event, record.Kind, record.Session = plain, MatrixSyncDecrypted, ""
	}
	return nil
}

// releaseNew delivers what waited for the keys that have come.
func (s *syncService) releaseNew(ctx context.Context) error {
	for _, key := range s.crypto.NewKeys() {
		if err := s.releaseKept(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// releaseKept delivers, decrypted, what waited for a key; the zero value is
// any. Only ctx makes it fail.
func (s *syncService) releaseKept(ctx context.Context, key MatrixSessionKey) error {
	if s.crypto == nil {
		return nil
	}
	for after := int64(0); ; {
		var records []MatrixSyncRecord
		err := s.retry(ctx, func() (err error) {
			records, err = s.store.Waiting(ctx, key, after, syncReadAhead)
			return err
		})
		if err != nil || len(records) == 0 {
			return err
		}
		for _, record := range records {
			if err := s.release(ctx, record); err != nil {
				return err
			}
			after = record.Seq
		}
	}
}

func (s *syncService) release(ctx context.Context, record MatrixSyncRecord) error {
	e, err := decryptRaw(ctx, s.crypto, record.RoomID, record.Data)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		s.tellUnlessNoKey(err)
		return nil
	}
	var seq int64
	err = s.retry(ctx, func() (err error) { seq, err = s.store.Release(ctx, record.Seq); return err })
	if err != nil {
		return err
	}
	record.place(&e)
	return s.deliver(ctx, &e, seq)
}

func (s *syncService) tellUnlessNoKey(err error) {
	if !errors.Is(err, ErrMatrixNoKey) {
		s.tell(err)
	}
}

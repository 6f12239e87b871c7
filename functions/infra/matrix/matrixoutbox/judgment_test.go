package matrixoutbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/tools/testenv/testkit/fault"
)

// Whatever something on the way to the homeserver says, no item is parked for
// it: all arrive, in order and once, when the way is right again.
func TestMatrixOutbox_MisroutedProxy(t *testing.T) {
	t.Parallel()
	for _, answer := range []fault.Status{
		{Code: 404, Errcode: "M_UNRECOGNIZED"}, {Code: 405, Errcode: "M_UNRECOGNIZED"}, {Code: 404, Errcode: "M_NOT_FOUND"},
		{Code: 400, Errcode: "M_UNKNOWN"}, {Code: 403, Errcode: "M_UNKNOWN"}, {Code: 400, Errcode: "M_NOT_JSON"}, {Code: 501, Errcode: "M_UNRECOGNIZED"},
		{Code: 404, Body: "404 page not found"}, {Code: 405, Body: "no"}, {Code: 413, Body: "<html>too large"}, {Code: 400, Body: `{"errcode":"ORG_EXAMPLE_NO"}`},
	} {
		t.Run(fmt.Sprint(answer.Code, answer.Errcode, answer.Body), func(t *testing.T) {
			t.Parallel()
			s := newOutboxSetup(t)
			wrong := s.proxy.Add(fault.Rule{Match: outboxSends, Fault: answer})
			outbox := startOutbox(t, s.client, outboxQuick)
			ids := outboxPut(t, outbox, outboxItems(s.room, 0, 3)...)
			if err := wrong.Wait(t.Context(), 3); err != nil {
				t.Fatal(err)
			}
			status, err := outbox.Status(t.Context())
			if err != nil || status.Aside != 0 || status.Queued != 3 || status.Failures == 0 || status.Err == nil {
				t.Errorf("%+v %v", status, err)
			}
			wrong.Remove()
			outboxSent(t, outbox, ids...)
			if status, err = outbox.Status(t.Context()); err != nil || status.Failures != 0 || status.Err != nil {
				t.Errorf("%+v %v", status, err)
			}
			if got := outboxBodies(t, s.direct, s.room, 3); !slices.Equal(got, outboxTexts(0, 3)) {
				t.Errorf("sent %v", got)
			}
		})
	}
}

// M_NOT_FOUND is the homeserver's word about the item where the account is in
// no such room, and where a redaction's target is what it lacks.
func TestMatrixOutbox_NotFound(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	s.proxy.Add(fault.Rule{Match: sendsOf("m.room.message"), Where: outboxInRoom("!gone:localhost"), Fault: fault.Status{Code: 404, Errcode: "M_NOT_FOUND"}})
	s.proxy.Add(fault.Rule{Match: "PUT /_matrix/client/v3/rooms/{room}/redact/", Fault: fault.Status{Code: 404, Errcode: "M_NOT_FOUND"}})
	outbox := startOutbox(t, s.client, outboxQuick)
	redaction := matrix.MatrixOutboxItem{Room: s.room, Type: "m.room.redaction", Content: map[string]any{"redacts": "$never"}}
	for _, txn := range outboxPut(t, outbox, outboxText("!gone:localhost", "x"), redaction) {
		_, err := outbox.Wait(t.Context(), txn)
		if aside, ok := errors.AsType[*matrixoutbox.MatrixOutboxAside](err); !ok || aside.Uncertain {
			t.Errorf("%v", err)
		}
	}
	outboxSent(t, outbox, outboxPut(t, outbox, outboxText(s.room, "on"))...)
}

// Where the account is not in the room, what the encryption is refused is about
// the item.
func TestMatrixOutbox_EncryptionInForeignRoom(t *testing.T) {
	t.Parallel()
	owner, client := newClient(t, "owner"), newClient(t, "client")
	room := newRoom(t, owner)
	scramble(t, client, room)
	crypto := &failingCrypto{}
	refusal := error(&core.Error{Code: core.CodeForbidden, Err: mautrix.HTTPError{Response: &http.Response{StatusCode: 403}, RespError: &mautrix.MForbidden}})
	crypto.err.Store(&refusal)
	client.Crypto = crypto
	outbox := startOutbox(t, client, outboxQuick)
	_, err := outbox.Wait(t.Context(), outboxPut(t, outbox, outboxText(room, "x"))[0])
	if aside, ok := errors.AsType[*matrixoutbox.MatrixOutboxAside](err); !ok || aside.Uncertain {
		t.Errorf("%v", err)
	}
}

// failingCrypto fails with an error as long as there is one.
type failingCrypto struct {
	scrambled
	err   atomic.Pointer[error]
	tries atomic.Int64
}

func (c *failingCrypto) Encrypt(ctx context.Context, room id.RoomID, kind event.Type, content any) (*event.EncryptedEventContent, error) {
	c.tries.Add(1)
	if err := c.err.Load(); err != nil {
		return nil, *err
	}
	return c.scrambled.Encrypt(ctx, room, kind, content)
}

// Where the encryption fails nothing was sent: the item is neither parked nor
// looked for in the room, whatever code the error has, and whatever the server
// said when it was asked for the room's devices.
func TestMatrixOutbox_EncryptionFails(t *testing.T) {
	t.Parallel()
	said := func(status int, errcode string) error {
		return mautrix.HTTPError{Response: &http.Response{StatusCode: status}, RespError: &mautrix.RespError{ErrCode: errcode, StatusCode: status}}
	}
	for name, err := range map[string]error{
		"coded":     &core.Error{Code: core.CodeUnavailable, Message: "the key database failed"},
		"conflict":  &core.Error{Code: core.CodeConflict, Message: "other keys"},
		"internal":  &core.Error{Code: core.CodeInternal, Message: "odd"},
		"403":       &core.Error{Code: core.CodeForbidden, Err: said(403, "M_FORBIDDEN")},
		"404":       &core.Error{Code: core.CodeNotFound, Err: said(404, "M_NOT_FOUND")},
		"bad JSON":  &core.Error{Code: core.CodeInvalid, Err: said(400, "M_BAD_JSON")},
		"too large": &core.Error{Code: core.CodeTooLarge, Err: said(413, "M_TOO_LARGE")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newOutboxSetup(t)
			crypto := &failingCrypto{}
			crypto.err.Store(&err)
			scramble(t, s.client, s.room)
			s.client.Crypto = crypto
			looks := s.proxy.Add(fault.Rule{Match: messagesPath, Fault: fault.Delay{Time: time.Millisecond}})
			outbox := startOutbox(t, s.client, outboxQuick)
			txn := outboxPut(t, outbox, outboxText(s.room, "x"))[0]
			until(t, "three tries", func() bool { return crypto.tries.Load() >= 3 })
			until(t, "noted failure", func() bool {
				entry, err := outbox.Entry(t.Context(), txn)
				return err == nil && entry.State == "queued" && entry.Error != "" && !entry.Uncertain
			})
			crypto.err.Store(nil)
			outboxSent(t, outbox, txn)
			if n := looks.Matched(); n != 0 {
				t.Errorf("looked %d times for what was not sent", n)
			}
		})
	}
}

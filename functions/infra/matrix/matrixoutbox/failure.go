package matrixoutbox

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/unsent"
)

// failure says what a failed try tells of its item.
type failure int

const (
	failedOpen        failure = iota // the server may have done it
	failedBefore                     // the server was not reached, or not asked
	failedLimited                    // later, says the server
	failedCredentials                // it's not the item's fault: the account can't send at all now
	failedMissing                    // perhaps for good: missing finds it out
	failedForGood                    // the server refuses this item
)

// accountErrcodes are refusals that no other item would escape.
var accountErrcodes = map[string]bool{
	"M_UNKNOWN_TOKEN": true, "M_MISSING_TOKEN": true, "M_USER_LOCKED": true, "M_USER_SUSPENDED": true,
	"M_USER_DEACTIVATED": true, "M_CONSENT_NOT_GIVEN": true, "M_RESOURCE_LIMIT_EXCEEDED": true,
}

// judgments are what a homeserver says that has read an event and does not want
// it. All other answers can come from something else on the way: a proxy that
// leads to another program, or to another part of the homeserver, answers
// M_UNRECOGNIZED, M_UNKNOWN, or no errcode at all, and M_NOT_JSON says that the
// request came damaged. An item is tried again after these: parked for them, a
// whole queue would be.
var judgments = map[string]bool{
	"M_FORBIDDEN": true, "M_GUEST_ACCESS_FORBIDDEN": true, "M_EXCLUSIVE": true,
	"M_BAD_JSON": true, "M_MISSING_PARAM": true, "M_INVALID_PARAM": true, "M_TOO_LARGE": true,
	"M_INVALID_ROOM_STATE": true, "M_BAD_STATE": true,
	"M_UNSUPPORTED_ROOM_VERSION": true, "M_INCOMPATIBLE_ROOM_VERSION": true,
}

func failureOf(err error) failure {
	if unsent.Is(err) {
		return failureBefore(err)
	}
	answer, ok := errors.AsType[mautrix.HTTPError](err)
	if !ok {
		if _, coded := errors.AsType[*core.Error](err); coded {
			return failedOpen // of the answer, or of a database that was asked next to it
		}
		return failedBefore // no client, or nothing that makes a request
	}
	if answer.Response == nil {
		if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
			return failedBefore
		}
		return failedOpen
	}
	status, errcode := answer.Response.StatusCode, ""
	if answer.RespError != nil {
		errcode = answer.RespError.ErrCode
	}
	switch {
	case status == http.StatusTooManyRequests, errcode == "M_LIMIT_EXCEEDED":
		return failedLimited
	case accountErrcodes[errcode], status == http.StatusUnauthorized:
		return failedCredentials
	case status < 400 || status >= 500:
		return failedOpen
	case judgments[errcode]:
		return failedForGood
	case errcode == "M_NOT_FOUND":
		return failedMissing
	}
	return failedOpen
}

// failureBefore is failureOf for a request that was not made: for good only
// where that is our own word about the item. What others said when they were
// asked for something else, such as the devices of a room, is not about it.
func failureBefore(err error) failure {
	code := core.ErrorCode(err)
	_, asked := errors.AsType[mautrix.HTTPError](err)
	_, unchecked := errors.AsType[*unsent.Unchecked](err)
	switch {
	case code == core.CodeLimited, errors.Is(err, mautrix.MLimitExceeded):
		return failedLimited
	case code == core.CodeUnauthenticated, errors.Is(err, mautrix.MUnknownToken):
		return failedCredentials
	case unchecked:
		return failedBefore
	case errors.Is(err, mautrix.MForbidden), errors.Is(err, mautrix.MNotFound):
		return failedMissing
	case asked:
		return failedBefore
	case code == core.CodeInvalid || code == core.CodeUnsupported || code == core.CodeTooLarge:
		return failedForGood
	}
	return failedBefore
}

// missing decides what an answer with M_NOT_FOUND means, or M_FORBIDDEN before
// the send. It is about the item where the homeserver says that the account is
// in no such room, or lacks what a redaction names; elsewhere the request came
// to the wrong place, or was about something else. otherwise is for these.
func (s *sender) missing(ctx context.Context, row *item, asking bool, otherwise failure) failure {
	var joined *mautrix.RespJoinedRooms
	err := s.request(ctx, func(ctx context.Context) (err error) {
		joined, err = s.cfg.Client.JoinedRooms(ctx)
		return err
	})
	if err != nil {
		return otherwise
	}
	if !slices.Contains(joined.JoinedRooms, row.room) || row.eventType == event.EventRedaction.Type && !asking && otherwise == failedOpen {
		return failedForGood
	}
	return otherwise
}

// noAnswer reports whether the network failed. A server that answers with an
// error is not down.
func noAnswer(err error) bool {
	answer, ok := errors.AsType[mautrix.HTTPError](err)
	return ok && answer.Response == nil
}

// stuck reports whether the server, and not something before it, answers in a
// way that may never end: with 5xx, or with M_UNKNOWN.
func stuck(err error) bool {
	answer, ok := errors.AsType[mautrix.HTTPError](err)
	if !ok || answer.Response == nil || unsent.Is(err) {
		return false
	}
	return answer.Response.StatusCode >= 500 || answer.RespError != nil && answer.RespError.ErrCode == "M_UNKNOWN"
}

package matrixoutbox

import (
	"errors"
	"net"
	"net/http"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/core"
)

// failure says what a failed try tells of its item.
type failure int

const (
	failedOpen        failure = iota // the server may have done it
	failedBefore                     // the server was not reached
	failedLimited                    // later, says the server
	failedCredentials                // it's not the item's fault: the account can't send at all now
	failedForGood                    // the server refuses this item
)

// accountErrcodes are refusals that no other item would escape.
var accountErrcodes = map[string]bool{
	"M_UNKNOWN_TOKEN": true, "M_MISSING_TOKEN": true, "M_USER_LOCKED": true, "M_USER_SUSPENDED": true,
	"M_USER_DEACTIVATED": true, "M_CONSENT_NOT_GIVEN": true, "M_RESOURCE_LIMIT_EXCEEDED": true,
}

func failureOf(err error) failure {
	if coded, ok := errors.AsType[*core.Error](err); ok && coded.Code == core.CodeInvalid {
		return failedForGood // our own word, before anything was sent
	}
	answer, ok := errors.AsType[mautrix.HTTPError](err)
	if !ok {
		if _, coded := errors.AsType[*core.Error](err); coded {
			return failedOpen
		}
		return failedBefore // encryption, or no client: nothing went out
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
	case status == http.StatusRequestEntityTooLarge:
		return failedForGood
	case status >= 400 && status < 500 && status != http.StatusRequestTimeout && errcode != "":
		return failedForGood // without an errcode it is a proxy that speaks, not the homeserver
	}
	return failedOpen
}

// noAnswer reports whether the network failed. A server that answers with an
// error is not down, and nor is our encryption.
func noAnswer(err error) bool {
	answer, ok := errors.AsType[mautrix.HTTPError](err)
	return ok && answer.Response == nil
}

func answered5xx(err error) bool {
	answer, ok := errors.AsType[mautrix.HTTPError](err)
	return ok && answer.Response != nil && answer.Response.StatusCode >= 500
}

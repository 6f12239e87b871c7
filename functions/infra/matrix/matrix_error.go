package matrix

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/unsent"
)

// longestErrorBody is how much of an answer that is no Matrix error stays in
// the error: a proxy's HTML page can be long.
const longestErrorBody = 200

// MatrixError turns an error of mautrix, of the network below it or of a
// context into a [*core.Error] with op before its text. The code follows an
// HTTP status of 413 or 429, else the server's errcode, else the status;
// RetryAfter is the Retry-After header, else retry_after_ms of the body, at
// most 1 hour. An error that is a *core.Error already comes back as it is, nil
// as nil.
//
// errors.Is finds [mautrix.MUnknownToken] and similar in it, errors.As
// [mautrix.RespError] and [mautrix.HTTPError]; of the latter the request is
// taken out, whose header holds the access token, and where an answer quotes
// the token, it is masked.
//
// More in matrix_error.md:
//   - errors.Is with mautrix.MUnknownToken and similar works on the result, and
//     errors.AsType finds mautrix.RespError and mautrix.HTTPError.
//   - Of RespError.ExtraData only retry_after_ms, soft_logout, room_version and
//     current_version are kept: a server may write anything there.
func MatrixError(op string, err error) error {
	if err == nil {
		return nil
	}
	if unchecked, ok := errors.AsType[*unsent.Unchecked](err); ok {
		why := classify(unchecked.Err)
		coded, _ := errors.AsType[*core.Error](unchecked.Err)
		if coded != nil {
			why = core.Error{Code: core.ErrorCode(coded), Hint: core.ErrorHint(coded), RetryAfter: coded.RetryAfter}
		}
		why.Op, why.Err = op, unchecked
		return &why
	}
	if _, ok := errors.AsType[*core.Error](err); ok {
		return err
	}
	err = withoutRequest(err)
	known := classify(err)
	known.Op, known.Err = op, err
	return &known
}

// withoutRequest returns err with an [mautrix.HTTPError] that holds no secret.
// What stood around that error is only text then: whoever wrapped it may have
// kept the request too.
func withoutRequest(err error) error {
	answer, ok := errors.AsType[mautrix.HTTPError](err)
	if !ok {
		pointer, isPointer := errors.AsType[*mautrix.HTTPError](err)
		if !isPointer || pointer == nil {
			return err
		}
		answer = *pointer
	}
	token := ""
	if answer.Request != nil {
		token = strings.TrimPrefix(answer.Request.Header.Get("Authorization"), "Bearer ")
	}
	around := err.Error()
	clean := cleanAnswer(answer, token)
	prefix, _ := strings.CutSuffix(around, answer.Error())
	if prefix == "" || prefix == around {
		return clean
	}
	return &wrappedAnswer{prefix: mask(prefix, token), HTTPError: clean}
}

// wrappedAnswer is an HTTPError with the text that stood before it.
type wrappedAnswer struct {
	prefix string
	mautrix.HTTPError
}

func (w *wrappedAnswer) Error() string { return w.prefix + w.HTTPError.Error() }
func (w *wrappedAnswer) Unwrap() error { return w.HTTPError }

// cleanAnswer is a copy of an HTTPError without the request and with the token
// masked.
func cleanAnswer(answer mautrix.HTTPError, token string) mautrix.HTTPError {
	clean := mautrix.HTTPError{Message: answer.Message, ResponseBody: shorten(mask(answer.ResponseBody, token))}
	if answer.Response != nil {
		clean.Response = &http.Response{StatusCode: answer.Response.StatusCode, Header: http.Header{}}
		for _, name := range []string{"Retry-After", "Date"} {
			if value := answer.Response.Header.Get(name); value != "" {
				clean.Response.Header.Set(name, value)
			}
		}
	}
	if answer.WrappedError != nil {
		clean.WrappedError = cleanCause(answer.WrappedError, token)
	}
	if answer.RespError != nil {
		said := *answer.RespError
		said.ErrCode, said.Err = shorten(mask(said.ErrCode, token)), shorten(mask(said.Err, token))
		said.InternalError = shorten(mask(said.InternalError, token))
		said.ExtraData = knownExtra(said.ExtraData)
		clean.RespError = &said
	}
	return clean
}

// knownExtra keeps what units and programs act on; a server may write anything
// else there.
func knownExtra(extra map[string]any) map[string]any {
	kept := map[string]any{}
	for _, key := range []string{"retry_after_ms", "soft_logout", "room_version", "current_version"} {
		if value, ok := extra[key]; ok {
			kept[key] = value
		}
	}
	return kept
}

// cleanCause keeps a cause as it is, unless it quotes the token (a redirect's
// URL may).
func cleanCause(cause error, token string) error {
	if token == "" || !strings.Contains(cause.Error(), token) {
		return cause
	}
	return &core.Error{Code: classify(cause).Code, Message: mask(cause.Error(), token)}
}

func mask(text, secret string) string {
	if secret == "" {
		return text
	}
	return strings.ReplaceAll(text, secret, "***")
}

func shorten(text string) string {
	if len(text) <= longestErrorBody {
		return text
	}
	return strings.ToValidUTF8(text[:longestErrorBody], "") + "..."
}

// classify is all of the error but Op and Err.
func classify(err error) core.Error {
	if answer, ok := errors.AsType[mautrix.HTTPError](err); ok && answer.Response != nil && answer.Response.StatusCode >= 300 {
		return classifyAnswer(answer)
	}
	if said, ok := errors.AsType[mautrix.RespError](err); ok {
		return core.Error{
			Code:       errcodeCode(said.ErrCode, said.StatusCode),
			Hint:       errcodeHints[said.ErrCode],
			RetryAfter: retryAfter(nil, said.ExtraData),
		}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return core.Error{
			Code: core.CodeInvalid,
			Hint: "look at the homeserver's certificate and at its name in the URL",
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return core.Error{Code: core.CodeCanceled}
	case errors.Is(err, mautrix.ErrResponseTooLong), errors.Is(err, mautrix.ErrBodyReadReachedLimit):
		return core.Error{Code: core.CodeTooLarge}
	case errors.Is(err, mautrix.ErrClientIsNil), errors.Is(err, mautrix.ErrClientHasNoHomeserver):
		return core.Error{Code: core.CodeInvalid, Hint: "make the client with matrix_client_init"}
	case core.ErrorCode(err) == core.CodeTimeout:
		return core.Error{Code: core.CodeTimeout}
	case networkFailed(err):
		return core.Error{Code: core.CodeUnavailable}
	}
	if answer, ok := errors.AsType[mautrix.HTTPError](err); ok && answer.Response != nil {
		return core.Error{Code: core.CodeUnavailable} // 2xx, and not what was asked for: cut off, or a proxy's page
	}
	return core.Error{}
}

func classifyAnswer(answer mautrix.HTTPError) core.Error {
	status := answer.Response.StatusCode
	var said mautrix.RespError
	if answer.RespError != nil {
		said = *answer.RespError
	}
	if status < http.StatusBadRequest {
		return core.Error{Code: core.CodeUnavailable, Hint: "the homeserver redirects, which is not followed: give its own URL, or look at the proxy before it"}
	}
	return core.Error{
		Code:       errcodeCode(said.ErrCode, status),
		Hint:       errcodeHints[said.ErrCode],
		RetryAfter: retryAfter(answer.Response.Header, said.ExtraData),
	}
}

// retryAfter reads both forms in which a homeserver says when to come again;
// the header goes first. Where that is a time, it is the server's clock that it
// is compared with.
func retryAfter(header http.Header, extra map[string]any) time.Duration {
	now := time.Now()
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	if after, ok := core.RetryAfterParse(header.Get("Retry-After"), nil, now, 0); ok {
		return after
	}
	ms, ok := extra["retry_after_ms"].(float64)
	if !ok || !(ms > 0) {
		return 0
	}
	return time.Duration(min(ms, float64(time.Hour/time.Millisecond)) * float64(time.Millisecond))
}

// networkFailed reports whether the connection could not be made or broke.
func networkFailed(err error) bool {
	for _, known := range []error{
		net.ErrClosed, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	_, ok := errors.AsType[*url.Error](err) // net/http's own: a malformed answer, a connection closed too early
	return ok
}

// statusCode is for answers whose errcode says nothing, such as M_UNKNOWN or a
// proxy's page.
func statusCode(status int) core.Code {
	return core.ErrorCode(core.HTTPStatusError("", status))
}

func errcodeCode(errcode string, status int) core.Code {
	switch status { // these two say it better than the errcode: Dendrite's too large event is M_BAD_JSON
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return statusCode(status)
	}
	return cmp.Or(errcodes[errcode], statusCode(status), core.CodeInternal)
}

// errcodes is
// https://spec.matrix.org/v1.16/client-server-api/#common-error-codes and
// #other-error-codes. M_UNKNOWN is left out: its status says more.
var errcodes = map[string]core.Code{
	"M_FORBIDDEN":                       core.CodeForbidden,
	"M_UNKNOWN_TOKEN":                   core.CodeUnauthenticated,
	"M_MISSING_TOKEN":                   core.CodeUnauthenticated,
	"M_UNAUTHORIZED":                    core.CodeUnauthenticated,
	"M_USER_DEACTIVATED":                core.CodeUnauthenticated,
	"M_USER_LOCKED":                     core.CodeUnauthenticated,
	"M_USER_SUSPENDED":                  core.CodeForbidden,
	"M_BAD_JSON":                        core.CodeInvalid,
	"M_NOT_JSON":                        core.CodeInvalid,
	"M_MISSING_PARAM":                   core.CodeInvalid,
	"M_INVALID_PARAM":                   core.CodeInvalid,
	"M_INVALID_USERNAME":                core.CodeInvalid,
	"M_INVALID_ROOM_STATE":              core.CodeInvalid,
	"M_BAD_ALIAS":                       core.CodeInvalid,
	"M_NOT_FOUND":                       core.CodeNotFound,
	"M_UNRECOGNIZED":                    core.CodeUnsupported,
	"M_LIMIT_EXCEEDED":                  core.CodeLimited,
	"M_RESOURCE_LIMIT_EXCEEDED":         core.CodeUnavailable,
	"M_TOO_LARGE":                       core.CodeTooLarge,
	"M_USER_IN_USE":                     core.CodeConflict,
	"M_ROOM_IN_USE":                     core.CodeConflict,
	"M_BAD_STATE":                       core.CodeConflict,
	"M_DUPLICATE_ANNOTATION":            core.CodeConflict,
	"M_WRONG_ROOM_KEYS_VERSION":         core.CodeConflict,
	"M_CANNOT_OVERWRITE_MEDIA":          core.CodeConflict,
	"M_EXCLUSIVE":                       core.CodeForbidden,
	"M_GUEST_ACCESS_FORBIDDEN":          core.CodeForbidden,
	"M_CANNOT_LEAVE_SERVER_NOTICE_ROOM": core.CodeForbidden,
	"M_CONSENT_NOT_GIVEN":               core.CodeForbidden,
	"M_UNSUPPORTED_ROOM_VERSION":        core.CodeUnsupported,
	"M_INCOMPATIBLE_ROOM_VERSION":       core.CodeUnsupported,
	"M_NOT_YET_UPLOADED":                core.CodeUnavailable,
	"M_UNABLE_TO_AUTHORISE_JOIN":        core.CodeUnavailable,
	"M_UNABLE_TO_GRANT_JOIN":            core.CodeUnavailable,
}

var errcodeHints = map[string]string{
	"M_UNKNOWN_TOKEN":           "log in again: the server does not know this access token any more",
	"M_MISSING_TOKEN":           "give the client an access token",
	"M_USER_DEACTIVATED":        "the account is deactivated: use another one",
	"M_CONSENT_NOT_GIVEN":       "agree to the homeserver's terms with this account in a browser",
	"M_RESOURCE_LIMIT_EXCEEDED": "ask the homeserver's administrator: the server has reached a limit of its own",
}

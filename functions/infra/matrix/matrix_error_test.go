package matrix_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// The errors are the homeserver's own, or those of a fault in front of it.
func TestMatrixError_FromServer(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "ada")
	ada, bob := clientFor(t, home.URL, user), newClient(t, "bob")
	room := newRoom(t, ada)
	proxy := fault.HTTP(t, home.URL)
	behind := clientFor(t, proxy.URL(), user)
	whoami := func(f fault.Fault) func() error {
		return func() error {
			defer proxy.Heal()
			proxy.Add(fault.Rule{Match: "GET /_matrix/client/v3/account/whoami", Fault: f})
			_, err := behind.Whoami(t.Context())
			return err
		}
	}
	for _, c := range []struct {
		name  string
		do    func() error
		want  core.Code
		after time.Duration
	}{
		{"unknown token", func() error {
			_, err := clientFor(t, home.URL, servers.User{ID: user.ID, AccessToken: "hunter2"}).Whoami(t.Context())
			return err
		}, core.CodeUnauthenticated, 0},
		{"not in the room", func() error { _, err := bob.SendText(t.Context(), room, "x"); return err }, core.CodeForbidden, 0},
		{"no such state", func() error {
			return ada.StateEvent(t.Context(), room, event.NewEventType("org.example.none"), "", nil)
		}, core.CodeNotFound, 0},
		{"no such alias", func() error {
			_, err := ada.ResolveAlias(t.Context(), id.NewRoomAlias("none", home.ServerName))
			return err
		}, core.CodeNotFound, 0},
		{"bad since", func() error { _, err := ada.FullSyncRequest(t.Context(), mautrix.ReqSync{Since: "bogus"}); return err }, core.CodeInvalid, 0},
		{"too large", func() error { _, err := ada.SendText(t.Context(), room, strings.Repeat("x", 70_000)); return err }, core.CodeTooLarge, 0},
		{"limit in the body", whoami(fault.Status{Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfterMS: 1500}), core.CodeLimited, 1500 * time.Millisecond},
		{"limit in the header", whoami(fault.Status{Code: 429, RetryAfter: 2 * time.Second}), core.CodeLimited, 2 * time.Second},
		{"limit in both", whoami(fault.Status{Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfterMS: 1500, RetryAfter: 2 * time.Second}), core.CodeLimited, 2 * time.Second},
		{"gateway", whoami(fault.Status{Code: 502}), core.CodeUnavailable, 0},
		{"busy", whoami(fault.Status{Code: 503, RetryAfter: time.Second}), core.CodeUnavailable, time.Second},
		{"internal", whoami(fault.Status{Code: 500, Errcode: "M_UNKNOWN"}), core.CodeUnavailable, 0},
		{"reset", whoami(fault.Reset{}), core.CodeUnavailable, 0},
		{"cut off", whoami(fault.CutBody{}), core.CodeUnavailable, 0},
		{"corrupt", whoami(fault.CorruptJSON{}), core.CodeUnavailable, 0},
		{"hangs", func() error {
			defer proxy.Heal()
			proxy.Add(fault.Rule{Match: "/", Fault: fault.Hang{}})
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := behind.Whoami(ctx)
			return err
		}, core.CodeTimeout, 0},
		{"canceled", func() error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := behind.Whoami(ctx)
			return err
		}, core.CodeCanceled, 0},
		{"down", func() error {
			proxy.Down()
			defer proxy.Up()
			_, err := behind.Whoami(t.Context())
			return err
		}, core.CodeUnavailable, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			cause := c.do()
			if cause == nil {
				t.Fatal("no error came")
			}
			for _, err := range []error{cause, fmt.Errorf("wrapped: %w", cause)} {
				coded := wantError(t, matrix.MatrixError("op", err), c.want, "op: ", user.AccessToken, "Bearer", "hunter2")
				if coded.RetryAfter != c.after {
					t.Errorf("retry after %s, want %s", coded.RetryAfter, c.after)
				}
				if answer, ok := errors.AsType[mautrix.HTTPError](coded); !ok || answer.Request != nil {
					t.Errorf("the HTTPError is %v with the request %v", ok, answer.Request)
				}
				if said, ok := errors.AsType[mautrix.RespError](cause); ok && !errors.Is(coded, mautrix.RespError{ErrCode: said.ErrCode, Err: said.Err}) {
					t.Errorf("%v is no %s", coded, said.ErrCode)
				}
			}
			if got := matrix.MatrixError("op", fmt.Errorf("wrapped: %w", cause)).Error(); !strings.HasPrefix(got, "op: wrapped: ") {
				t.Errorf("the text is %q", got)
			}
		})
	}
}

// A proxy that echoes the request must not cause the token to be logged.
func TestMatrixError_TokenMasked(t *testing.T) {
	t.Parallel()
	const secret = "syt_hunter2"
	for name, body := range map[string]string{
		"matrix":  `{"errcode":"M_UNKNOWN","error":"got AUTH","auth":"AUTH","fi.mau.internal_error":"AUTH"}`,
		"page":    "<html>AUTH" + strings.Repeat("x", 10_000),
		"errcode": `{"errcode":"AUTH","error":"x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, strings.ReplaceAll(body, "AUTH", r.Header.Get("Authorization")))
			})
			client := clientFor(t, server.URL, servers.User{ID: "@a:b", AccessToken: secret})
			_, cause := client.Whoami(t.Context())
			if cause == nil || name == "matrix" && !strings.Contains(cause.Error(), secret) {
				t.Fatalf("the test shows nothing: %v", cause)
			}
			err := matrix.MatrixError("op", cause)
			wantError(t, err, core.CodeInvalid, "op", secret)
			answer, _ := errors.AsType[mautrix.HTTPError](err)
			wantNoSecret(t, shown(answer)+shown(answer.RespError)+shown(answer.ResponseBody), secret)
			if len(err.Error()) > 500 {
				t.Errorf("the text has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestMatrixError_Other(t *testing.T) {
	t.Parallel()
	coded := &core.Error{Code: core.CodeLimited, Op: "x"}
	for _, c := range []struct {
		err  error
		want core.Code
	}{
		{nil, ""},
		{coded, core.CodeLimited},
		{fmt.Errorf("w: %w", coded), core.CodeLimited},
		{errors.New("x"), core.CodeInternal},
		{context.Canceled, core.CodeCanceled},
		{context.DeadlineExceeded, core.CodeTimeout},
		{io.ErrUnexpectedEOF, core.CodeUnavailable},
		{mautrix.ErrClientIsNil, core.CodeInvalid},
		{mautrix.ErrBodyReadReachedLimit, core.CodeTooLarge},
		{mautrix.MUnknownToken, core.CodeUnauthenticated},
		{mautrix.MRoomInUse, core.CodeConflict},
		{mautrix.MUnrecognized, core.CodeUnsupported},
		{mautrix.RespError{ErrCode: "M_NEW", StatusCode: 409}, core.CodeConflict},
		{mautrix.RespError{ErrCode: "M_NEW"}, core.CodeInternal},
		{mautrix.HTTPError{}, core.CodeInternal},
		{&mautrix.HTTPError{Response: &http.Response{StatusCode: 503}}, core.CodeUnavailable},
	} {
		if got := core.ErrorCode(matrix.MatrixError("op", c.err)); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
	if got := matrix.MatrixError("op", coded); got != error(coded) {
		t.Errorf("a coded error came back as %v", got)
	}
	for extra, want := range map[any]time.Duration{1500.0: 1500 * time.Millisecond, -1.0: 0, 1e300: time.Hour, "5": 0, true: 0} {
		limited, _ := errors.AsType[*core.Error](matrix.MatrixError("op", mautrix.RespError{ErrCode: "M_LIMIT_EXCEEDED", ExtraData: map[string]any{"retry_after_ms": extra}}))
		if limited.RetryAfter != want {
			t.Errorf("retry_after_ms %v: %s, want %s", extra, limited.RetryAfter, want)
		}
	}
}

// A time in Retry-After is the server's, whose clock may be hours off this
// machine's.
func TestMatrixError_RetryAfterByServersClock(t *testing.T) {
	t.Parallel()
	for _, shift := range []time.Duration{-2 * time.Hour, 0, 2 * time.Hour} {
		now := time.Now().Add(shift)
		header := http.Header{}
		header.Set("Date", now.UTC().Format(http.TimeFormat))
		header.Set("Retry-After", now.Add(30*time.Second).UTC().Format(http.TimeFormat))
		err := matrix.MatrixError("test", mautrix.HTTPError{Response: &http.Response{StatusCode: 429, Header: header}})
		if coded := wantError(t, err, core.CodeLimited, "429"); coded.RetryAfter != 30*time.Second {
			t.Errorf("%v: retry after %v", shift, coded.RetryAfter)
		}
	}
}

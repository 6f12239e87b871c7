package matrixoutbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// flushEvent is the type of an event without content. Clients show nothing of
// it.
const flushEvent = "dev.fnregistry.flush"

// flushTries is how often a flush that fails is tried again before the item is
// handled as on other servers: a proxy may not let it through.
const flushTries = 5

// homeserver is what is known of the server's software.
type homeserver int

const (
	serverUnknown   homeserver = iota
	serverMayForget            // it is Dendrite, or does not say what it is
	serverIsAnother            // it says that it is another
)

// flush wakes the work on a room's queue where that may be asleep: on Dendrite,
// before an item that is not in the room counts as not sent. Dendrite takes a
// room's events from a queue, and ends its wait for more a minute after the
// last one. An event that comes at that moment stays in the queue until the
// room's next one, which would be the repetition of the send, so that both are
// posted (v0.13.8, roomserver/internal/input: startWorkerForRoom finds the
// subscription that _next is about to end). flush sends an event that has
// nothing to show. What was waiting comes into the room with it, before it or
// soon after: within 5 s on a loaded machine, so that settle counts from here.
func (s *sender) flush(ctx context.Context, row *item) error {
	server, err := s.server(ctx)
	if err != nil || server == serverIsAnother {
		return err
	}
	transaction := fmt.Sprintf("%s-flush-%d", row.txn, row.tries)
	url := s.cfg.Client.BuildClientURL("v3", "rooms", row.room, "send", flushEvent, transaction)
	err = s.request(ctx, func(ctx context.Context) error {
		return s.ask(ctx, mautrix.FullRequest{Method: http.MethodPut, URL: url, RequestJSON: struct{}{}})
	})
	if err != nil && failureOf(err) == failedForGood {
		s.report.report(ctx, send.WithOp(rowOp(row)+" flush", err))
		return nil // the room allows no such event: go on as on other servers
	}
	return err
}

// server asks once which software the server runs. Dendrite says so where it
// takes part in federation; elsewhere it says nothing, and Synapse has its name
// in a header.
func (s *sender) server(ctx context.Context) (homeserver, error) {
	s.mu.Lock()
	known := s.homeserver
	s.mu.Unlock()
	if known != serverUnknown {
		return known, nil
	}
	var version struct {
		Server struct {
			Name string `json:"name"`
		} `json:"server"`
	}
	url := s.cfg.Client.BuildURL(mautrix.BaseURLPath{"_matrix", "federation", "v1", "version"})
	err := s.request(ctx, func(ctx context.Context) error {
		return s.ask(ctx, mautrix.FullRequest{Method: http.MethodGet, URL: url, ResponseJSON: &version})
	})
	switch name := version.Server.Name; {
	case err == nil && name != "" && !strings.EqualFold(name, "dendrite"), refused(err) && bySynapse(err):
		known = serverIsAnother
	case err == nil, refused(err):
		known = serverMayForget
	default:
		return serverUnknown, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.homeserver = known
	return known, nil
}

// bySynapse tells whether an answer with an error is Synapse's.
func bySynapse(err error) bool {
	answer, _ := errors.AsType[mautrix.HTTPError](err)
	return strings.HasPrefix(answer.Response.Header.Get("Server"), "Synapse/")
}

// refused tells whether the server answered that it won't, now or later.
func refused(err error) bool {
	answer, ok := errors.AsType[mautrix.HTTPError](err)
	if !ok || answer.Response == nil {
		return false
	}
	switch status := answer.Response.StatusCode; status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusUnauthorized:
		return false
	default:
		return status >= 400 && status < 500
	}
}

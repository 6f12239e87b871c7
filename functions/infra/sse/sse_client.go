package sse

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
)

// maxRetry is the longest wait that a server may ask for, as in
// retry_after_parse.
const maxRetry = time.Hour

// SSEClientConfig says what [SSEClient] reads, and how it comes back. Only URL
// is required.
type SSEClientConfig struct {
	URL            string        // http or https
	Header         http.Header   // sent with each request (Authorization); nil: none
	Client         *http.Client  // must have no Timeout, which would cut streams; nil: one on http.DefaultTransport
	LastEventID    string        // where to resume; empty: from now on
	InitialBackoff time.Duration // first wait after a broken connection, unless the server asks for another (retry:); zero: 1 s
	MaxBackoff     time.Duration // ceiling of the backoff; zero: 30 s
	IdleTimeout    time.Duration // reconnects if nothing, not even a comment, arrived for this long; zero: 90 s; negative: waits forever
	MaxBytes       int           // longest line and event; zero: 1 MiB
	ChannelBuffer  int           // capacity of Events; zero: 64
}

// SSEClientHandle is a running client.
type SSEClientHandle struct {
	// Events gives what is received, in order, and is closed when the client
	// ends. A reader that stops reading stops the client from reading too, not
	// from being stopped.
	Events <-chan SSEEvent
	// Errors gives what went wrong and was survived: broken connections,
	// statuses that may pass, events that were too long. It holds 16, further
	// ones are dropped, and it is closed after Events.
	Errors <-chan error

	// The client's life cycle. Done is closed after both channels. Err is nil
	// after Stop, the context's end, or status 204, by which a server reports
	// that there are no more events; otherwise it is a *core.Error that says
	// why the client gave up.
	*service.ServiceStartHandle
}

var _ service.Service = (*SSEClientHandle)(nil)

// SSEClient reads a server's event stream in the background, and comes back
// with Last-Event-ID whenever the connection ends, with backoff and jitter, no
// sooner than the server asks (retry:, Retry-After). It ends when ctx does, by
// Stop, at status 204, and at an answer that would be the same next time: a 4xx
// other than 408, 425 and 429, or a 200 that is no event stream. Err says
// which. The caller stops it.
//
// Errors: CodeInvalid for a bad URL or a client with a timeout. No error tells
// the URL's query, which may hold a secret.
//
// More in sse_client.md:
//   - Events come at least once where the server replays: after an event was
//     put on the channel, its ID counts as seen, even if the program dies
//     before it handled it.
//   - 4xx (other than 408, 425, 429) and a 200 of another type end it
//     permanently; browsers' EventSource also gives up at 5xx, this client
//     reconnects.
func SSEClient(ctx context.Context, cfg SSEClientConfig) (*SSEClientHandle, error) {
	target, err := url.Parse(cfg.URL)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Op:      "sse_client",
			Message: "the URL is not http or https with a host",
		}
	}
	op := "sse_client url=" + target.Host + target.Path
	if cfg.Client == nil {
		cfg.Client = &http.Client{}
	}
	if cfg.Client.Timeout != 0 {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "the HTTP client has a timeout, which would cut the stream",
			Hint: "use a client without Timeout; IdleTimeout ends dead connections"}
	}
	cfg.InitialBackoff = cmp.Or(cfg.InitialBackoff, time.Second)
	cfg.MaxBackoff = cmp.Or(cfg.MaxBackoff, 30*time.Second)
	cfg.IdleTimeout = cmp.Or(cfg.IdleTimeout, 90*time.Second)
	cfg.ChannelBuffer = cmp.Or(cfg.ChannelBuffer, 64)
	cfg.Header = cfg.Header.Clone()

	events, errs := make(chan SSEEvent, cfg.ChannelBuffer), make(chan error, 16)
	client := &client{cfg: cfg, op: op, events: events, errs: errs, lastID: cfg.LastEventID}
	running, err := service.ServiceStart(ctx, service.ServiceStartConfig{
		Name: "sse_client",
		Run: func(ctx context.Context) error {
			defer close(errs)
			defer close(events)
			return client.run(ctx)
		},
	})
	if err != nil {
		return nil, err
	}
	return &SSEClientHandle{Events: events, Errors: errs, ServiceStartHandle: running}, nil
}

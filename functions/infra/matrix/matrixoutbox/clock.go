package matrixoutbox

import (
	"context"
	"net/http"
	"sync"
	"time"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/infra/matrix/internal/redirect"
)

// clock tells the homeserver's time, by the Date header of its latest answer
// and the monotonic time since. What is decided about an unanswered send
// compares times of events, which are the server's, and times before and after
// a restart of this process: the wall clock of this machine may be hours off,
// and may be set in between.
type clock struct {
	mu   sync.Mutex
	date time.Time // zero: no answer yet
	came time.Time // when that answer came
}

// clockFresh is how old the latest answer may be: beyond it, a server whose
// clock was set would not be noticed.
const clockFresh = 10 * time.Minute

// note takes the Date header of an answer.
func (c *clock) note(header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.date, c.came = date, time.Now()
}

// now returns the server's time, to a second; zero where it is not known.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.date.IsZero() {
		return time.Time{}
	}
	return c.date.Add(time.Since(c.came))
}

func (c *clock) fresh() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.date.IsZero() && time.Since(c.came) < clockFresh
}

// dating is a transport that notes the time of each answer.
type dating struct {
	base  http.RoundTripper
	clock *clock
}

// RoundTrip implements [http.RoundTripper].
func (d dating) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := d.base.RoundTrip(request)
	if err == nil {
		d.clock.note(response.Header)
	}
	return response, err
}

// via returns an HTTP client for requests to the homeserver, which follows no
// redirect to another host.
func (s *sender) via() *http.Client {
	client := redirect.Strict(s.cfg.Client.Client)
	base := client.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	client.Transport = dating{base, &s.store.clock}
	return client
}

// ask makes a request that is no message.
func (s *sender) ask(ctx context.Context, request mautrix.FullRequest) error {
	request.Client = s.via()
	_, err := s.cfg.Client.MakeFullRequest(ctx, request)
	return err
}

// learnTime asks for the server's time where none is known: a try is stored
// with it. A server that does not tell it, or refuses the question, can do
// without.
func (s *sender) learnTime(ctx context.Context) error {
	if s.store.clock.fresh() {
		return nil
	}
	url := s.cfg.Client.BuildClientURL("versions")
	err := s.request(ctx, func(ctx context.Context) error {
		return s.ask(ctx, mautrix.FullRequest{Method: http.MethodGet, URL: url, MaxAttempts: 1})
	})
	if refused(err) || s.store.clock.fresh() {
		return nil
	}
	return err
}

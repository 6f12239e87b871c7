package service

import (
	"context"
	"errors"

	"fnregistry.dev/functions/core"
)

// ServiceStartConfig describes a service that is one function.
type ServiceStartConfig struct {
	// Name is what errors call the service. Required.
	Name string
	// Run does the work until ctx is done, and returns when nothing of it
	// runs any more. Required. The error that it returns is the service's; a
	// context.Canceled after ctx was done is a clean end. A panic in it is
	// not recovered: it ends the program.
	Run func(ctx context.Context) error
}

// ServiceStartHandle is a running function. It is a [Service].
type ServiceStartHandle struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error // why it ended; written before done is closed
}

var _ Service = (*ServiceStartHandle)(nil)

// ServiceStart runs cfg.Run in the background and returns at once. Run's
// context has ctx's values and ends with ctx or by Stop.
//
// The error is a *core.Error with CodeInvalid where Name or Run is missing. The
// caller stops the service.
//
// More in service_start.md:
//   - Run must return soon after its context is done.
//   - An error that Run returns after Stop was called is kept, by Stop and Err;
//     only context.Canceled counts as a clean end.
func ServiceStart(ctx context.Context, cfg ServiceStartConfig) (*ServiceStartHandle, error) {
	switch {
	case cfg.Name == "":
		return nil, &core.Error{Code: core.CodeInvalid, Op: "service_start", Message: "Name is empty"}
	case cfg.Run == nil:
		return nil, &core.Error{Code: core.CodeInvalid, Op: "service_start name=" + cfg.Name, Message: "Run is nil"}
	}
	ctx, cancel := context.WithCancel(ctx)
	h := &ServiceStartHandle{name: cfg.Name, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(h.done)
		defer cancel()
		err := cfg.Run(ctx)
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			err = nil
		}
		h.err = err
	}()
	return h, nil
}

// Stop ends Run's context and waits until Run has returned, or ctx is done. See
// [Service].
func (h *ServiceStartHandle) Stop(ctx context.Context) error {
	h.cancel()
	return wait(ctx, h, "service_start stop name="+h.name)
}

// Done is closed when Run has returned.
func (h *ServiceStartHandle) Done() <-chan struct{} { return h.done }

// Err returns Run's error, and nil before Done is closed.
func (h *ServiceStartHandle) Err() error {
	select {
	case <-h.done:
		return h.err
	default:
		return nil
	}
}

// wait waits for a service's end and returns its error. A service that has
// ended counts as ended even if ctx is done, too.
func wait(ctx context.Context, s Service, op string) error {
	select {
	case <-s.Done():
		return s.Err()
	case <-ctx.Done():
	}
	select {
	case <-s.Done():
		return s.Err()
	default:
		return &core.Error{Code: core.CodeTimeout, Op: op, Message: "it has not ended yet", Err: context.Cause(ctx)}
	}
}

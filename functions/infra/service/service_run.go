package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"fnregistry.dev/functions/core"
)

// ServiceRunConfig says which services run together. The zero value of an
// optional field is its default.
type ServiceRunConfig struct {
	// Services are started in this order, each when the one before it has
	// started, and stopped in reverse order, each when the one after it has
	// stopped. Required.
	Services []ServiceRunEntry
	// StopTimeout bounds the stopping of all services together. Default:
	// 10 s.
	StopTimeout time.Duration
	// Logger logs at level info when a service starts and stops, and at
	// level error why the first one ended. Default: slog.Default().
	Logger *slog.Logger
}

// ServiceRunEntry is one service of a program.
type ServiceRunEntry struct {
	// Name is what the log and errors call it. Required, and unique.
	Name string
	// Start starts it and returns when it works. Required. To return nil and
	// no error is a mistake, reported as CodeInternal. While it starts,
	// ctx ends with the one given to ServiceRun; afterwards it stays open
	// until the service has been stopped, so that services stop in order and
	// not all at once.
	Start func(ctx context.Context) (Service, error)
}

// ServiceRun runs services until ctx is done, one of them ends, or one can't be
// started. Then it stops those that were started, the last one first, and
// returns when all have ended or StopTimeout has passed.
//
// It returns nil if ctx was done, or the first service ended without an error,
// and all stopped cleanly. Else the error joins why the first one ended or
// could not be started and what went wrong while the others stopped, each with
// its service's name. It is a *core.Error with CodeInvalid where Services is
// not right; nothing was started then.
//
// More in service_run.md:
//   - A service's context stays open after ctx is done, until the service has
//     stopped: services stop one after the other, not all at once.
//   - A service that uses the whole StopTimeout leaves none for those that stop
//     after it; they are asked to stop, and their errors report that they had
//     not ended.
func ServiceRun(ctx context.Context, cfg ServiceRunConfig) error {
	if err := cfg.check(); err != nil {
		return err
	}
	r := &running{log: cmp.Or(cfg.Logger, slog.Default()), ends: make(chan ended, len(cfg.Services))}
	err := r.start(ctx, cfg.Services)
	if err == nil {
		err = r.untilFirstEnd(ctx)
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cmp.Or(cfg.StopTimeout, 10*time.Second))
	defer cancel()
	return errors.Join(err, r.stop(stopCtx))
}

func (cfg ServiceRunConfig) check() error {
	invalid := func(format string, args ...any) error {
		return &core.Error{Code: core.CodeInvalid, Op: "service_run", Message: fmt.Sprintf(format, args...)}
	}
	if len(cfg.Services) == 0 {
		return invalid("Services is empty")
	}
	if cfg.StopTimeout < 0 {
		return invalid("StopTimeout is %v", cfg.StopTimeout)
	}
	seen := map[string]bool{}
	for i, s := range cfg.Services {
		switch {
		case s.Name == "":
			return invalid("Services[%d].Name is empty", i)
		case s.Start == nil:
			return invalid("the Start of service %q is nil", s.Name)
		case seen[s.Name]:
			return invalid("two services are called %q", s.Name)
		}
		seen[s.Name] = true
	}
	return nil
}

// running holds the services that have been started.
type running struct {
	log     *slog.Logger
	started []started
	ends    chan ended // with room for all
	first   ended      // what interrupted the others; its zero value is ctx
}

type started struct {
	name    string
	service Service
	release context.CancelFunc // ends the context it was started with
}

// ended is a service that ended before it was stopped.
type ended struct {
	name string
	err  error
}

// start starts the services in order, until one can't be started or ctx is
// done.
func (r *running) start(ctx context.Context, entries []ServiceRunEntry) error {
	for _, entry := range entries {
		if ctx.Err() != nil {
			return nil // stopped before all had started
		}
		serviceCtx, release := context.WithCancelCause(context.WithoutCancel(ctx))
		starting := context.AfterFunc(ctx, func() { release(context.Cause(ctx)) })
		service, err := entry.Start(serviceCtx)
		starting()
		if err != nil {
			release(nil)
			if givenUp(ctx, err) {
				return nil
			}
			return named(entry.Name, "start", err)
		}
		if isNil(service) {
			release(nil)
			return named(entry.Name, "start", errNoService)
		}
		r.log.Info("service started", "service", entry.Name)
		r.started = append(r.started, started{entry.Name, service, func() { release(nil) }})
		go func() {
			<-service.Done()
			r.ends <- ended{entry.Name, service.Err()}
		}()
	}
	return nil
}

// errNoService is a mistake in a Start, which would otherwise end in a panic in
// a goroutine that nobody recovers.
var errNoService = &core.Error{
	Code: core.CodeInternal, Message: "Start returned neither a service nor an error",
	Hint: "return the service that was started, or why there is none",
}

// isNil also holds for a nil pointer in the interface, which a Start returns
// that declares its result by its own type.
func isNil(s Service) bool {
	if s == nil {
		return true
	}
	v := reflect.ValueOf(s)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// givenUp reports whether a start failed because ctx is done, by its cause or
// by the error that clients turn it into.
func givenUp(ctx context.Context, err error) bool {
	if ctx.Err() == nil {
		return false
	}
	return errors.Is(err, context.Cause(ctx)) || errors.Is(err, ctx.Err()) || core.ErrorCode(err) == core.CodeCanceled
}

// untilFirstEnd waits until ctx is done or a service has ended.
func (r *running) untilFirstEnd(ctx context.Context) error {
	select {
	case <-ctx.Done():
		r.log.Info("stopping", "cause", context.Cause(ctx))
		return nil
	case r.first = <-r.ends:
		if r.first.err != nil {
			r.log.Error("service failed", "service", r.first.name, "error", r.first.err)
			return named(r.first.name, "run", r.first.err)
		}
		r.log.Info("service ended", "service", r.first.name)
		return nil
	}
}

// stop stops the services, the last one first. Each is asked to stop even if
// the deadline has passed.
func (r *running) stop(ctx context.Context) error {
	var all []error
	for _, s := range slices.Backward(r.started) {
		err := s.service.Stop(ctx)
		s.release()
		switch {
		case err == nil:
			r.log.Info("service stopped", "service", s.name)
		case s.name == r.first.name && errors.Is(err, r.first.err): // reported already
		default:
			r.log.Error("service did not stop cleanly", "service", s.name, "error", err)
			all = append(all, named(s.name, "stop", err))
		}
	}
	return errors.Join(all...)
}

// named adds the service's name to an error. It keeps the error's code.
func named(name, verb string, err error) error {
	return &core.Error{Op: "service_run " + verb + " service=" + name, Err: err}
}

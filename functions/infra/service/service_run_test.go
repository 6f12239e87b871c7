package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// record lists what happened, in order.
type record struct {
	mu     sync.Mutex
	events []string
}

func (r *record) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, fmt.Sprintf(format, args...))
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.events, ", ")
}

// entry is a service that records its start and end.
func (r *record) entry(name string, run func(ctx context.Context) error) service.ServiceRunEntry {
	return service.ServiceRunEntry{Name: name, Start: func(ctx context.Context) (service.Service, error) {
		r.add("start %s", name)
		return service.ServiceStart(ctx, service.ServiceStartConfig{Name: name, Run: func(ctx context.Context) error {
			err := run(ctx)
			r.add("end %s", name)
			return err
		}})
	}}
}

func after(d time.Duration, err error) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// stubborn ends some time after it was asked to.
func stubborn(d time.Duration, err error) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(d)
		return err
	}
}

func TestServiceRun_Order(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r record
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := service.ServiceRun(ctx, service.ServiceRunConfig{Logger: quiet, Services: []service.ServiceRunEntry{
			r.entry("database", stubborn(time.Second, nil)), r.entry("queue", stubborn(2*time.Second, nil)), r.entry("server", untilDone),
		}})
		if err != nil {
			t.Error(err)
		}
		if got, want := r.String(), "start database, start queue, start server, end server, end queue, end database"; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
}

func TestServiceRun_FirstEndStopsTheRest(t *testing.T) {
	t.Parallel()
	failure := &core.Error{Code: core.CodeUnavailable, Op: "listen addr=:80", Message: "address in use", Hint: "choose another port"}
	for name, c := range map[string]struct {
		ends error
		want string
	}{
		"without an error": {nil, ""},
		"with an error":    {failure, "service_run run service=second: listen addr=:80: address in use"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var r record
				err := service.ServiceRun(t.Context(), service.ServiceRunConfig{Logger: quiet, Services: []service.ServiceRunEntry{
					r.entry("first", untilDone), r.entry("second", after(time.Minute, c.ends)), r.entry("third", untilDone),
				}})
				if got := fmt.Sprint(err); err != nil && got != c.want || err == nil && c.want != "" {
					t.Errorf("error %q", got)
				}
				if c.want != "" && core.ErrorCode(err) != core.CodeUnavailable {
					t.Errorf("code %s", core.ErrorCode(err))
				}
				if got, want := r.String(), "start first, start second, start third, end second, end third, end first"; got != want {
					t.Errorf("%s\nwant %s", got, want)
				}
			})
		})
	}
}

func TestServiceRun_StartFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r record
		err := service.ServiceRun(t.Context(), service.ServiceRunConfig{Logger: quiet, Services: []service.ServiceRunEntry{
			r.entry("first", untilDone),
			{Name: "second", Start: func(context.Context) (service.Service, error) { return nil, errors.New("no such host") }},
			r.entry("third", untilDone),
		}})
		if want := "service_run start service=second: no such host"; err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		if got, want := r.String(), "start first, end first"; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
}

// A Start that returns no service and no error is reported, and what was
// started before is stopped.
func TestServiceRun_StartReturnsNothing(t *testing.T) {
	t.Parallel()
	for name, nothing := range map[string]service.Service{"nil": nil, "a nil pointer": (*service.ServiceStartHandle)(nil)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r record
			err := service.ServiceRun(t.Context(), service.ServiceRunConfig{Logger: quiet, Services: []service.ServiceRunEntry{
				r.entry("first", untilDone),
				{Name: "second", Start: func(context.Context) (service.Service, error) { return nothing, nil }},
			}})
			want := "service_run start service=second: Start returned neither a service nor an error"
			if core.ErrorCode(err) != core.CodeInternal || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
			if got, want := r.String(), "start first, end first"; got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
		})
	}
}

// The context ends while a service waits for a database: that start is
// abandoned, and it is not an error.
func TestServiceRun_StoppedWhileStarting(t *testing.T) {
	t.Parallel()
	for name, given := range map[string]func(context.Context) error{
		"the cause":        context.Cause,
		"what clients say": context.Context.Err,
		"coded":            func(context.Context) error { return &core.Error{Code: core.CodeCanceled} },
	} {
		t.Run(name, func(t *testing.T) { stoppedWhileStarting(t, given) })
	}
}

func stoppedWhileStarting(t *testing.T, given func(context.Context) error) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r record
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		time.AfterFunc(time.Minute, func() { cancel(errors.New("it received the signal")) })
		err := service.ServiceRun(ctx, service.ServiceRunConfig{Logger: quiet, Services: []service.ServiceRunEntry{
			r.entry("first", untilDone),
			{Name: "second", Start: func(ctx context.Context) (service.Service, error) {
				<-ctx.Done()
				return nil, fmt.Errorf("wait for the database: %w", given(ctx))
			}},
			r.entry("third", untilDone),
		}})
		if err != nil {
			t.Error(err)
		}
		if got, want := r.String(), "start first, end first"; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
}

// All share one deadline: the last service gets what the others left of it, and
// each is asked to stop.
func TestServiceRun_StopTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r record
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := service.ServiceRun(ctx, service.ServiceRunConfig{Logger: quiet, StopTimeout: 5 * time.Second, Services: []service.ServiceRunEntry{
			r.entry("first", untilDone), r.entry("second", stubborn(time.Hour, nil)), r.entry("third", stubborn(3*time.Second, nil)),
		}})
		if took := time.Since(began); took != time.Minute+5*time.Second {
			t.Errorf("it took %v", took)
		}
		if core.ErrorCode(err) != core.CodeTimeout || !strings.Contains(fmt.Sprint(err), "stop service=second: ") {
			t.Errorf("error %v", err)
		}
		synctest.Wait()
		if got, want := r.String(), "start first, start second, start third, end third, end first"; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		time.Sleep(2 * time.Hour) // until the second one ends
	})
}

// Each service that can't be stopped cleanly is named.
func TestServiceRun_StopFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r record
		failures := []error{errors.New("first: flush"), errors.New("second: flush"), errors.New("third: broken pipe")}
		err := service.ServiceRun(t.Context(), service.ServiceRunConfig{Logger: quiet, Services: []service.ServiceRunEntry{
			r.entry("first", stubborn(0, failures[0])), r.entry("second", stubborn(0, failures[1])), r.entry("third", after(time.Second, failures[2])),
		}})
		want := []string{
			"service_run run service=third: third: broken pipe", "service_run stop service=second: second: flush", "service_run stop service=first: first: flush",
		}
		if got := strings.Split(fmt.Sprint(err), "\n"); !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	})
}

// A service's context has the values of ServiceRun's, and stays open until the
// service has stopped.
func TestServiceRun_Context(t *testing.T) {
	t.Parallel()
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	var open bool
	err := service.ServiceRun(ctx, service.ServiceRunConfig{Logger: quiet, Services: []service.ServiceRunEntry{
		{Name: "first", Start: func(ctx context.Context) (service.Service, error) {
			if ctx.Value(key{}) != "value" {
				t.Error("the value is gone")
			}
			h, err := service.ServiceStart(ctx, service.ServiceStartConfig{Name: "first", Run: untilDone})
			return stopFunc{h, func() { open = ctx.Err() == nil }}, err
		}},
		{Name: "second", Start: func(ctx context.Context) (service.Service, error) {
			cancel()
			return service.ServiceStart(ctx, service.ServiceStartConfig{Name: "second", Run: untilDone})
		}},
	}})
	if err != nil || !open {
		t.Errorf("error %v, open %v", err, open)
	}
}

type stopFunc struct {
	service.Service
	onStop func()
}

func (s stopFunc) Stop(ctx context.Context) error {
	s.onStop()
	return s.Service.Stop(ctx)
}

func TestServiceRun_Invalid(t *testing.T) {
	t.Parallel()
	var r record
	good := r.entry("good", untilDone)
	for want, cfg := range map[string]service.ServiceRunConfig{
		"Services is empty":                 {},
		"StopTimeout is -1s":                {Services: []service.ServiceRunEntry{good}, StopTimeout: -time.Second},
		"Services[1].Name is empty":         {Services: []service.ServiceRunEntry{good, {Start: good.Start}}},
		`the Start of service "bad" is nil`: {Services: []service.ServiceRunEntry{good, {Name: "bad"}}},
		`two services are called "good"`:    {Services: []service.ServiceRunEntry{good, good}},
	} {
		if err := service.ServiceRun(t.Context(), cfg); core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if r.String() != "" {
		t.Errorf("something was started: %s", &r)
	}
}

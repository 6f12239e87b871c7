package service_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
)

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestServiceStart_Conformance(t *testing.T) {
	t.Parallel()
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		return service.ServiceStart(ctx, service.ServiceStartConfig{Name: "wait", Run: untilDone})
	})
}

func TestServiceStart_Ends(t *testing.T) {
	t.Parallel()
	failure := errors.New("disk full")
	for name, c := range map[string]struct {
		run  func(ctx context.Context) error
		want error
	}{
		"by itself":         {func(context.Context) error { return nil }, nil},
		"with an error":     {func(context.Context) error { return failure }, failure},
		"canceled, unasked": {func(context.Context) error { return context.Canceled }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := service.ServiceStart(t.Context(), service.ServiceStartConfig{Name: "test", Run: c.run})
			if err != nil {
				t.Fatal(err)
			}
			<-h.Done()
			if err := h.Err(); err != c.want {
				t.Errorf("Err: %v", err)
			}
			if err := h.Stop(t.Context()); err != c.want {
				t.Errorf("Stop: %v", err)
			}
		})
	}
}

// An error of the final work, after Stop was called, is not lost.
func TestServiceStart_FailsWhileStopping(t *testing.T) {
	t.Parallel()
	failure := errors.New("flush: disk full")
	h, err := service.ServiceStart(t.Context(), service.ServiceStartConfig{Name: "test", Run: func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("stop: %w", failure)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Stop(t.Context()); !errors.Is(err, failure) {
		t.Errorf("Stop: %v", err)
	}
	if err := h.Err(); !errors.Is(err, failure) {
		t.Errorf("Err: %v", err)
	}
}

func TestServiceStart_StopTimesOut(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	h, err := service.ServiceStart(t.Context(), service.ServiceStartConfig{Name: "slow", Run: func(context.Context) error {
		<-release
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("out of patience"))
	err = h.Stop(ctx)
	if want := "service_start stop name=slow: it has not ended yet: out of patience"; core.ErrorCode(err) != core.CodeTimeout || err.Error() != want {
		t.Errorf("Stop: %v", err)
	}
	close(release)
	if err := h.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if err := h.Stop(ctx); err != nil {
		t.Errorf("Stop after the end, with a done context: %v", err)
	}
}

func TestServiceStart_Invalid(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]service.ServiceStartConfig{"name": {Run: untilDone}, "run": {Name: "test"}} {
		if _, err := service.ServiceStart(t.Context(), cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

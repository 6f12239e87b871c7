package servicetest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
)

// breakEnv names the promise that the service under test breaks, in a child
// process that is expected to fail.
const breakEnv = "SERVICETEST_BREAK"

func TestServiceConformance_HealthyPasses(t *testing.T) {
	broken := os.Getenv(breakEnv)
	if broken != "" {
		servicetest.SetLimit(time.Second)
	} else {
		t.Parallel()
	}
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		return startBroken(ctx, broken)
	})
}

// brokenService breaks one promise, or none.
type brokenService struct {
	*service.ServiceStartHandle
	broken string
}

func startBroken(ctx context.Context, broken string) (service.Service, error) {
	if broken == "does not notice its context's end" {
		ctx = context.WithoutCancel(ctx)
	}
	h, err := service.ServiceStart(ctx, service.ServiceStartConfig{Name: "test", Run: func(ctx context.Context) error {
		if broken == "leaves a goroutine" {
			go func() { select {} }()
		}
		<-ctx.Done()
		switch broken {
		case "reports its stop as a failure":
			return errors.New("interrupted")
		case "ends late":
			time.Sleep(3 * time.Second)
		}
		return nil
	}})
	return &brokenService{ServiceStartHandle: h, broken: broken}, err
}

func (s *brokenService) Stop(ctx context.Context) error {
	switch s.broken {
	case "does not wait":
		go s.ServiceStartHandle.Stop(context.Background())
		return nil
	case "does nothing when ctx is done":
		if ctx.Err() != nil {
			return ctx.Err()
		}
	case "refuses a second stop":
		if isDone(s) {
			return errors.New("it has been stopped")
		}
	}
	return s.ServiceStartHandle.Stop(ctx)
}

func (s *brokenService) Err() error {
	if s.broken == "has an error while it runs" && !isDone(s) {
		return errors.New("still running")
	}
	return s.ServiceStartHandle.Err()
}

func isDone(s service.Service) bool {
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
}

func TestServiceConformance_BrokenServicesFail(t *testing.T) {
	t.Parallel()
	for broken, check := range map[string]string{
		"does not notice its context's end": "ContextEnds",
		"leaves a goroutine":                "Stop",
		"reports its stop as a failure":     "Stop",
		"ends late":                         "Stop",
		"does not wait":                     "Stop",
		"does nothing when ctx is done":     "StopWithDoneContext",
		"refuses a second stop":             "StopAgain",
		"has an error while it runs":        "Stop",
	} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			// The one check alone: each of them would wait for a service that
			// ends late.
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServiceConformance_HealthyPasses$/^"+check+"$")
			child.Env = append(os.Environ(), breakEnv+"="+broken)
			out, err := child.CombinedOutput()
			want := "--- FAIL: TestServiceConformance_HealthyPasses/" + check + " "
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("%v, want %q in\n%s", err, want, out)
			}
		})
	}
}

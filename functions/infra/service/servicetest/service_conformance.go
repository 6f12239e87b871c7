package servicetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
)

// limit is how long one step of a service may take. It is generous: a slow
// machine is not a broken promise.
var limit = 30 * time.Second

// ServiceConformance tests the promises of [service.Service] as parallel
// subtests of t: that Stop may be called again and from several goroutines,
// that a Stop whose context ends leaves the service stopping, that the end of
// the context it was started with stops it, that Done and Err agree, and that
// no goroutine of it is left.
//
// start starts a new, healthy service that runs until it is stopped. What else
// it makes, it removes with t.Cleanup: goroutines that outlive the service
// count as left by it. Where ctx is done already, start may fail or return a
// service that ends.
//
// More in service_conformance.md:
//   - Goroutines are identified by a profiler label that start's goroutine has,
//     so connections that start leaves open in a pool count as leaks.
//   - It starts the service about thirty times.
func ServiceConformance(t *testing.T, start func(t *testing.T, ctx context.Context) (service.Service, error)) {
	t.Helper()
	for name, check := range map[string]func(t *testing.T, s *subject){
		"Stop":                     checkStop,
		"StopAgain":                checkStopAgain,
		"StopFromManyGoroutines":   checkStopFromMany,
		"StopWithDoneContext":      checkStopWithDoneContext,
		"ContextEnds":              checkContextEnds,
		"ContextEndsWhileStopping": checkContextEndsWhileStopping,
		"StartedWithDoneContext":   checkStartedWithDoneContext,
		"StoppedAtOnce":            checkStoppedAtOnce,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &subject{start: start, label: rand.Text()}
			s.ctx, s.cancel = context.WithCancel(t.Context())
			defer s.cancel()
			check(t, s)
			s.wantNoGoroutines(t)
		})
	}
}

// subject is a service under test.
type subject struct {
	start  func(t *testing.T, ctx context.Context) (service.Service, error)
	ctx    context.Context // the context it is started with
	cancel context.CancelFunc
	label  string // of its goroutines, inherited by those that they start
}

// goroutineLabel is the key of the label that goroutines carry in profiles.
const goroutineLabel = "servicetest"

// begin starts the service with s.ctx, in goroutines that can be identified.
func (s *subject) begin(t *testing.T) (service service.Service, err error) {
	pprof.Do(s.ctx, pprof.Labels(goroutineLabel, s.label), func(ctx context.Context) {
		service, err = s.start(t, ctx)
	})
	return service, err
}

func (s *subject) run(t *testing.T) service.Service {
	t.Helper()
	service, err := s.begin(t)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	if err := service.Err(); err != nil || isDone(service) {
		t.Fatalf("it ended immediately, with %v", err)
	}
	return service
}

// wantNoGoroutines checks that soon no goroutine with the subject's label is
// left: the last ones may end after Done was closed.
func (s *subject) wantNoGoroutines(t *testing.T) {
	t.Helper()
	var left string
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if left = s.goroutines(); left == "" {
			return
		}
	}
	t.Errorf("goroutines are left:\n%s", left)
}

// goroutines returns the stacks of goroutines with the subject's label.
func (s *subject) goroutines() string {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return err.Error()
	}
	var left []string
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(stack, s.label) {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}

func isDone(s service.Service) bool {
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
}

// stop stops a service and checks that it has ended.
func stop(t *testing.T, s service.Service) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	wantEnded(t, s)
}

func wantEnded(t *testing.T, s service.Service) {
	t.Helper()
	if !isDone(s) {
		t.Error("Done is still open")
	}
	if err := s.Err(); err != nil {
		t.Errorf("Err: %v", err)
	}
}

// waitDone waits until a service has ended by itself.
func waitDone(t *testing.T, s service.Service) {
	t.Helper()
	select {
	case <-s.Done():
	case <-time.After(limit):
		t.Fatalf("it has not ended after %v", limit)
	}
	wantEnded(t, s)
}

func checkStop(t *testing.T, s *subject) { stop(t, s.run(t)) }

func checkStopAgain(t *testing.T, s *subject) {
	service := s.run(t)
	stop(t, service)
	stop(t, service)
	s.cancel()
	stop(t, service)
}

func checkStopFromMany(t *testing.T, s *subject) {
	service := s.run(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if i%5 == 4 {
				s.cancel()
			}
			stop(t, service)
			stop(t, service)
		})
	}
	all.Wait()
}

// A Stop whose context is done still asks the service to stop.
func checkStopWithDoneContext(t *testing.T, s *subject) {
	service := s.run(t)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := service.Stop(done); err == nil && !isDone(service) {
		t.Error("Stop returned nil before the service had ended")
	} else if err != nil && core.ErrorCode(err) != core.CodeTimeout {
		t.Errorf("Stop: %v has code %s", err, core.ErrorCode(err))
	}
	waitDone(t, service)
	stop(t, service)
}

func checkContextEnds(t *testing.T, s *subject) {
	service := s.run(t)
	s.cancel()
	waitDone(t, service)
	stop(t, service)
}

func checkContextEndsWhileStopping(t *testing.T, s *subject) {
	service := s.run(t)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop(t, service)
	}()
	s.cancel()
	<-stopped
}

func checkStartedWithDoneContext(t *testing.T, s *subject) {
	s.cancel()
	service, err := s.begin(t)
	if err != nil {
		return // it was not started
	}
	waitDone(t, service)
	stop(t, service)
}

// Many services that are stopped while they are starting.
func checkStoppedAtOnce(t *testing.T, s *subject) {
	for i := range 20 {
		service, err := s.begin(t)
		if err != nil {
			t.Fatalf("start %d: %v", i, err)
		}
		stop(t, service)
	}
}

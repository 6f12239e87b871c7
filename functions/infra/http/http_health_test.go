package http_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

func health(t *testing.T, cfg fnhttp.HTTPHealthConfig) *fnhttp.HTTPHealthHandle {
	t.Helper()
	h, err := fnhttp.HTTPHealth(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func works(context.Context) error { return nil }

func TestHTTPHealth_Routes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, routes)
}

func routes(t *testing.T) {
	var broken atomic.Bool
	h := health(t, fnhttp.HTTPHealthConfig{Metrics: text("metrics"), Checks: []fnhttp.HTTPHealthCheck{
		{Name: "disk", Check: works},
		{Name: "database", Check: func(context.Context) error {
			if broken.Load() {
				return errors.New("connect to s3cret@db: refused")
			}
			return nil
		}},
		{Name: "clumsy", Check: func(context.Context) error {
			if broken.Load() {
				panic("s3cret")
			}
			return nil
		}},
	}})
	mux := http.NewServeMux()
	h.Mount(mux)
	get := func(path string) (int, string) {
		recorder := httptest.NewRecorder()
		mux.ServeHTTP(recorder, httptest.NewRequest("GET", path, nil))
		return recorder.Code, strings.TrimSpace(recorder.Body.String())
	}
	for path, want := range map[string]string{
		"/healthz": `{"status":"ok","checks":[]}`, "/metrics": "metrics",
		"/readyz": `{"status":"ready","checks":[{"name":"disk","status":"ok"},{"name":"database","status":"ok"},{"name":"clumsy","status":"ok"}]}`,
	} {
		if status, body := get(path); status != 200 || body != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	broken.Store(true)
	time.Sleep(time.Second) // until the results are too old
	status, body := get("/readyz")
	if status != 503 || strings.Contains(body, "s3cret") || !strings.Contains(body, "not ready: database, clumsy") ||
		!strings.Contains(body, `"checks":[{"name":"disk","status":"ok"},{"name":"database","status":"failed"},{"name":"clumsy","status":"failed"}]`) {
		t.Errorf("%d %s", status, body)
	}
	if _, err := h.Ready(t.Context()); core.ErrorCode(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "connect to s3cret@db") || !strings.Contains(err.Error(), "the check panicked: s3cret") {
		t.Errorf("the log would lack the reasons: %v", err)
	}
	if status, body := get("/healthz"); status != 200 {
		t.Errorf("a program that waits for its database would be restarted: %d %s", status, body)
	}
	broken.Store(false)
	time.Sleep(time.Second)
	if status, body := get("/readyz"); status != 200 {
		t.Errorf("it is well again: %d %s", status, body)
	}
	if status, _ := get("/readyz?verbose=1"); status != 400 {
		t.Errorf("an unknown parameter: %d", status)
	}
}

// A check that hangs, whatever its ctx says, costs a probe the timeout and not
// a goroutine each.
func TestHTTPHealth_Hangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var started atomic.Int32
		release := make(chan struct{})
		h := health(t, fnhttp.HTTPHealthConfig{Timeout: 3 * time.Second, Checks: []fnhttp.HTTPHealthCheck{
			{Name: "quick", Check: works},
			{Name: "stuck", Check: func(context.Context) error { started.Add(1); <-release; return nil }},
		}})
		began := time.Now()
		for i := range 5 {
			_, err := h.Ready(t.Context())
			shown, ok := errors.AsType[*fnhttp.HTTPProblemError](err)
			if !ok || !strings.Contains(err.Error(), "not ready: stuck") {
				t.Fatalf("got %v", err)
			}
			results := shown.Members["checks"].([]fnhttp.HTTPHealthResult)
			if results[0].Status != "ok" || results[1].Status != "timeout" {
				t.Errorf("got %+v", results)
			}
			if i == 0 && time.Since(began) != 3*time.Second {
				t.Errorf("it took %v", time.Since(began))
			}
		}
		if started.Load() != 1 || time.Since(began) != 3*time.Second {
			t.Errorf("started %d times, %v in all: a check that hangs is started once, and known to hang", started.Load(), time.Since(began))
		}
		close(release)
		synctest.Wait()
		if _, err := h.Ready(t.Context()); err != nil {
			t.Errorf("it works again: %v", err)
		}
	})
}

// Many probes share one run, which goes on when the one that started it leaves.
func TestHTTPHealth_SharedRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		h := health(t, fnhttp.HTTPHealthConfig{Checks: []fnhttp.HTTPHealthCheck{{Name: "slow", Check: func(ctx context.Context) error {
			runs.Add(1)
			select {
			case <-time.After(time.Second):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}}}})
		first, leave := context.WithCancel(t.Context())
		results := make(chan error, 101)
		probe := func(ctx context.Context) {
			_, err := h.Ready(ctx)
			results <- err
		}
		go probe(first)
		synctest.Wait()
		for range 100 {
			go probe(t.Context())
		}
		synctest.Wait()
		leave()
		if err := <-results; err == nil {
			t.Error("who left got a response")
		}
		for range 100 {
			if err := <-results; err != nil {
				t.Errorf("got %v", err)
			}
		}
		if runs.Load() != 1 {
			t.Errorf("%d runs, want 1", runs.Load())
		}
	})
}

// A check that notices its timeout, and says so, has a timeout, whoever is
// first.
func TestHTTPHealth_TimeoutIsNoChance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := errors.New("gave up")
		h := health(t, fnhttp.HTTPHealthConfig{Checks: []fnhttp.HTTPHealthCheck{{Name: "slow", Check: func(ctx context.Context) error {
			<-ctx.Done()
			return slow
		}}}})
		for range 50 {
			_, err := h.Ready(t.Context())
			shown, _ := errors.AsType[*fnhttp.HTTPProblemError](err)
			if results := shown.Members["checks"].([]fnhttp.HTTPHealthResult); results[0].Status != "timeout" {
				t.Fatalf("got %+v", results)
			}
			if err := shown.Err.(*core.Error).Err; core.ErrorCode(err) != core.CodeTimeout {
				t.Fatalf("the reason is %v", err)
			}
			synctest.Wait()
			_, err = h.Ready(t.Context()) // the same run's, now that it has returned
			if !errors.Is(err, slow) {
				t.Fatalf("the reason is %v", err)
			}
			time.Sleep(time.Second)
		}
	})
}

// Reasons keep their chain.
func TestHTTPHealth_ReasonsAreCauses(t *testing.T) {
	t.Parallel()
	first, second := errors.New("no disk"), &core.Error{Code: core.CodeForbidden, Message: "no database"}
	h := health(t, fnhttp.HTTPHealthConfig{Checks: []fnhttp.HTTPHealthCheck{
		{Name: "disk", Check: func(context.Context) error { return first }},
		{Name: "database", Check: func(context.Context) error { return second }},
	}})
	_, err := h.Ready(t.Context())
	if !errors.Is(err, first) || !errors.Is(err, second) || core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("got %v", err)
	}
}

// However often somebody asks, a check runs once a second, and ten times while
// it fails.
func TestHTTPHealth_LeastInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		var broken error
		h := health(t, fnhttp.HTTPHealthConfig{Checks: []fnhttp.HTTPHealthCheck{{Name: "database", Check: func(context.Context) error {
			runs++
			return broken
		}}}})
		ask := func() {
			for range 1000 { // within 10 s
				if _, err := h.Ready(t.Context()); (err != nil) != (broken != nil) && runs > 0 {
					t.Errorf("after %d runs: %v", runs, err)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		ask()
		if runs != 10 {
			t.Errorf("%d runs in 10 s, want 10", runs)
		}
		time.Sleep(time.Second)
		runs, broken = 0, errors.New("down")
		ask()
		if runs != 100 {
			t.Errorf("%d runs in 10 s while it fails, want 100", runs)
		}
	})
}

func TestHTTPHealth_BadConfig(t *testing.T) {
	t.Parallel()
	for _, checks := range [][]fnhttp.HTTPHealthCheck{{{Name: "", Check: works}}, {{Name: "a"}}, {{Name: "a", Check: works}, {Name: "a", Check: works}}} {
		if h, err := fnhttp.HTTPHealth(fnhttp.HTTPHealthConfig{Checks: checks}); core.ErrorCode(err) != core.CodeInvalid || h != nil {
			t.Errorf("got %v", err)
		}
	}
}

package programtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/program/programtest"
)

// recorder is a testing.TB whose failure does not end this test.
type recorder struct {
	testing.TB
	failed   string
	cleanups []func()
}

func (r *recorder) Errorf(format string, args ...any) { r.failed += fmt.Sprintf(format, args...) }
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r) // unwinds the caller, as runtime.Goexit would
}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func server(run func(ctx context.Context, call program.ProgramCall[*struct{}]) error) program.ProgramRunConfig {
	return program.ProgramRunConfig{Name: "server", Doc: "serves", Commands: []*program.ProgramCommandHandle{
		program.ProgramCommand(program.ProgramCommandConfig[*struct{}]{Args: "[WORD...]", MaxArgs: -1, Run: run}),
	}}
}

func TestProgramStart_UntilStop(t *testing.T) {
	t.Parallel()
	stopped := false
	h := programtest.ProgramStart(t, server(func(ctx context.Context, call program.ProgramCall[*struct{}]) error {
		call.Log.Info("it starts", "words", call.Args)
		fmt.Fprintln(call.Stdout, "a line before")
		fmt.Fprintln(call.Stdout, "server listens on http://127.0.0.1:1/")
		for range 100 {
			fmt.Fprintln(call.Stdout, strings.Repeat("more than a pipe holds ", 100))
		}
		<-ctx.Done()
		stopped = true
		return nil
	}), "a", "b")
	if h.URL != "http://127.0.0.1:1" || !strings.Contains(h.Log(), `words="[a b]"`) {
		t.Errorf("%s, %s", h.URL, h.Log())
	}
	h.Stop()
	h.Stop()
	if !stopped {
		t.Error("Stop did not wait")
	}
}

// A program that fails fails the test: before its address and at its end.
func TestProgramStart_Fails(t *testing.T) {
	t.Parallel()
	for want, address := range map[string]string{
		"server ended without an address\nserver: error: broken\n": "",
		"server ended with status 70\nserver: error: broken\n":     "http://127.0.0.1:1",
	} {
		r := &recorder{TB: t}
		func() {
			defer func() {
				if reason := recover(); reason != nil && reason != r {
					t.Error(reason)
				}
				for _, f := range r.cleanups {
					f()
				}
			}()
			programtest.ProgramStart(r, server(func(_ context.Context, call program.ProgramCall[*struct{}]) error {
				fmt.Fprintln(call.Stdout, address)
				return errors.New("broken")
			}))
		}()
		if !strings.Contains(r.failed, want) {
			t.Errorf("%q, want %q", r.failed, want)
		}
	}
}

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/process"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/tools/testenv/internal/control"
	"fnregistry.dev/tools/testenv/internal/guard"
	"fnregistry.dev/tools/testenv/internal/world"
)

// commandGrace is how long COMMAND may run after it was sent a signal.
const commandGrace = 10 * time.Second

// interrupted is the cause when a signal ends the servers' start.
type interrupted syscall.Signal

func (i interrupted) Error() string { return "interrupted: " + syscall.Signal(i).String() }

var errAbandoned = errors.New("testenv was killed")

// work is the worker: it starts the servers, runs the command, and stops the
// servers. It returns the exit status. The arguments are the front's, which has
// already checked them.
func work(run guard.Run) int {
	p := testenvProgram(func(o order) (int, error) {
		w, err := newWorld(run.Dir, o.matrix)
		if err != nil {
			return exitNotStarted, err
		}
		code, err := serve(run, o, w)
		if err := errors.Join(err, w.End()); err != nil {
			report(err)
		}
		return code, nil
	})
	p.Args = run.Args
	return program.ProgramRun(context.Background(), p)
}

func newWorld(dir, matrix string) (*world.World, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Message: "there is no cache folder",
			Hint:    "set XDG_CACHE_HOME or HOME",
			Err:     err,
		}
	}
	mod, err := pin.ReadFile("go.mod")
	if err != nil {
		return nil, err
	}
	sum, err := pin.ReadFile("go.sum")
	if err != nil {
		return nil, err
	}
	return world.New(world.Config{
		Dir: dir, Cache: filepath.Join(cache, "testenv"), Log: os.Stderr, GoMod: mod, GoSum: sum, Matrix: matrix,
	}), nil
}

// serve starts the servers and runs the requested command. The servers still
// run when it returns.
func serve(run guard.Run, order order, w *world.World) (code int, err error) {
	env, err := up(run, w, order.kinds)
	if signal, ok := errors.AsType[interrupted](err); ok {
		return 128 + int(signal), nil
	}
	if err != nil {
		return exitNotStarted, err
	}
	token := rand.Text()
	ctx := context.Background()
	api, err := control.Serve(ctx, w, token)
	if err != nil {
		return exitNotStarted, err
	}
	defer func() { err = errors.Join(err, api.Stop(ctx)) }()
	env["TESTENV_CONTROL"], env["TESTENV_CONTROL_TOKEN"] = "http://"+api.Addr().String(), token
	if order.command == nil {
		return demo(run, env), nil
	}
	return command(run, order.command, env)
}

// up starts the servers. A signal ends the start, and the error is interrupted
// then.
func up(run guard.Run, w *world.World, kinds []string) (map[string]string, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case s := <-run.Signals:
			cancel(interrupted(s))
		case <-run.Gone:
			cancel(errAbandoned)
		case <-ctx.Done():
		}
	}()
	env, err := w.Up(ctx, kinds)
	cancel(nil)
	<-stopped // from here on signals are for the command
	if cause := context.Cause(ctx); err == nil && cause != context.Canceled {
		err = cause
	}
	return env, err
}

// demo prints how to reach the servers and waits for a signal.
func demo(run guard.Run, env map[string]string) int {
	fmt.Println("# The servers run until Ctrl-C. For another shell:")
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Printf("export %s='%s'\n", name, env[name])
	}
	for _, hint := range []struct{ name, text string }{
		{"TESTENV_POSTGRES_URL", `psql "$TESTENV_POSTGRES_URL"`},
		{"TESTENV_CLICKHOUSE_ADDR", `clickhouse-client --host 127.0.0.1 --port "${TESTENV_CLICKHOUSE_ADDR#*:}" --password "$TESTENV_CLICKHOUSE_PASSWORD"`},
		{"TESTENV_KEYRING", `secret-tool store --label=demo service demo account me`},
		{"TESTENV_MATRIX_URL", `curl "$TESTENV_MATRIX_URL/_matrix/client/versions"`},
	} {
		if env[hint.name] != "" {
			fmt.Println("#", hint.text)
		}
	}
	select {
	case <-run.Signals:
	case <-run.Gone:
	}
	return 0
}

// command runs the command in the front's process group, so that it can use the
// terminal. It returns its exit status.
func command(run guard.Run, args []string, env map[string]string) (int, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = os.Environ()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: run.Group}
	if err := cmd.Start(); err != nil {
		return exitNotStarted, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var late <-chan time.Time
	var killErr error
	kill := func(grace time.Duration) {
		_, err := process.ProcessKillTree(
			context.Background(),
			process.ProcessKillTreeConfig{PID: cmd.Process.Pid, Grace: grace},
		)
		if err != nil && core.ErrorCode(err) != core.CodeNotFound {
			killErr = err
		}
	}
	gone := run.Gone
	for {
		select {
		case s := <-run.Signals:
			if late != nil {
				kill(-1)
				break
			}
			late = time.After(commandGrace)
			if !fromTerminal(s, run.Group) {
				_ = cmd.Process.Signal(s)
			}
		case <-late:
			kill(process.DefaultGrace)
		case <-gone:
			gone = nil
			kill(-1)
		case err := <-done:
			if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
				return exitNotStarted, errors.Join(err, killErr)
			}
			return guard.ExitCode(cmd.ProcessState), killErr
		}
	}
}

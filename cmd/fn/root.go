package main

import (
	"context"
	"errors"
	"io"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/scaffold"
	"fnregistry.dev/fn_registry/size"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/program"
)

// Exit codes.
const (
	exitNothing = 1 // nothing was found, or it was refused because something already exists
	exitFailed  = 2 // wrong usage, or it could not run
)

// env is shared by the commands.
type env struct {
	in       io.Reader
	out, err io.Writer
	root     string // --root
	json     bool   // --json
	version  string // what --version prints
}

// errNothing ends a command that has already reported that it found nothing.
var errNothing = errors.New("nothing found")

// usageError reports wrong usage of a command.
type usageError struct {
	message, hint string
	err           error // the cause, or nil
}

func (e *usageError) Error() string {
	if e.err != nil {
		return e.message + ": " + e.err.Error()
	}
	return e.message
}

func (e *usageError) Unwrap() error { return e.err }

const longHelp = `fn answers questions about the units of a repository: small functions and types,
each with a Markdown spec that contains structured metadata. It reads the files
directly, caches facts in the user's cache folder, and needs no server.

The repository is the nearest parent folder with a fn_registry.yaml, else the one
with .git, else the current folder.

Exit codes: 0 found or done; 1 nothing found, or refused because it exists; 2 usage
error, or it could not run.`

// aUnit describes the argument of commands about one unit.
const aUnit = "a unit: its ID, name or Go symbol"

// common are the options of all commands.
type common struct {
	Root string `yaml:"-" flag:"root" doc:"folder of the repository (default: found from here upwards)"`
	JSON bool   `yaml:"-" flag:"json" doc:"answer as JSON"`
}

func (c *common) shared() *common { return c }

func fn() program.ProgramRunConfig {
	return program.ProgramRunConfig{
		Name: "fn", Doc: "find, show and create the units of a repository", Help: longHelp,
		ExitCode: func(err error) int {
			code, _, _ := describe(err)
			return code
		},
		Commands: []*program.ProgramCommandHandle{
			findCommand(), showCommand(), similarCommand(), usesCommand(), impactCommand(), graphCommand(),
			sizeCommand(), newCommand(), initCommand(), addCommand(), mcpCommand(),
		},
	}
}

// command makes a command of fn. complete lists possible arguments; nil: any.
func command[T interface{ shared() *common }](
	cfg program.ProgramCommandConfig[T],
	run func(ctx context.Context, e *env, options T, args []string) error,
	complete func(e *env, ctx context.Context, args []string) []string,
) *program.ProgramCommandHandle {
	cfg.Run = func(ctx context.Context, call program.ProgramCall[T]) error {
		shared := call.Settings.shared()
		e := &env{in: call.Stdin, out: call.Stdout, err: call.Stderr, root: shared.Root, json: shared.JSON, version: call.Version}
		return e.explain(run(ctx, e, call.Settings, call.Args))
	}
	cfg.Complete = func(ctx context.Context, c program.ProgramCompletion[T]) []string {
		e := &env{out: io.Discard, err: io.Discard, root: c.Settings.shared().Root}
		switch {
		case c.Flag != "":
			return e.completeFlag(ctx, c.Flag)
		case complete != nil:
			return complete(e, ctx, c.Args)
		}
		return nil
	}
	return program.ProgramCommand(cfg)
}

// explain adds a hint to an error. With --json, an error for a missing or
// refused result is also printed as JSON.
func (e *env) explain(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errNothing) {
		return program.ProgramExit(exitNothing)
	}
	code, hint, candidates := describe(err)
	if e.json && code == exitNothing {
		if candidates == nil {
			candidates = []string{}
		}
		_ = e.writeJSON(struct {
			Error      string   `json:"error"`
			Hint       string   `json:"hint"`
			Candidates []string `json:"candidates"`
		}{err.Error(), hint, candidates})
	}
	return &core.Error{Hint: hint, Err: err}
}

// describe classifies an error by what a caller can do about it.
func describe(err error) (code int, hint string, candidates []string) {
	var (
		usage    *usageError
		notFound *registry.NotFoundError
		refused  *refusal
		draft    *scaffold.Error
	)
	switch {
	case errors.As(err, &usage):
		return exitFailed, usage.hint, nil
	case errors.As(err, &notFound):
		return exitNothing, "search with fn find; see fn help find", notFound.Candidates
	case errors.As(err, &refused):
		return exitNothing, refused.hint, refused.candidates
	case errors.As(err, &draft) && draft.Exists:
		return exitNothing, draft.Hint, nil
	case errors.As(err, &draft):
		return exitFailed, draft.Hint, nil
	case errors.Is(err, size.ErrNoGo):
		return exitFailed, "install Go, or put the folder of its command on the PATH", nil
	}
	if core.ErrorCode(err) == core.CodeConflict {
		return exitNothing, core.ErrorHint(err), nil
	}
	return exitFailed, core.ErrorHint(err), nil
}

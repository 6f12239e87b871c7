package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/scaffold"
	"fnregistry.dev/fn_registry/size"
	"fnregistry.dev/functions/core"
)

// Exit codes.
const (
	exitFound   = 0 // there is an answer, or what was asked for is done
	exitNothing = 1 // nothing was found, or it was refused because something is there already
	exitFailed  = 2 // wrong use, or it could not run
)

// Run is the program without its process: args are what stands behind its name. It returns the exit code.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	e := &env{in: stdin, out: stdout, err: stderr}
	root := e.command()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitFound
	}
	return e.report(err)
}

// env is what the commands share.
type env struct {
	in       io.Reader
	out, err io.Writer
	root     string // --root
	json     bool   // --json
}

// errNothing ends a command that has said by itself that there is nothing.
var errNothing = errors.New("nothing found")

// usageError is a command that was called wrongly.
type usageError struct{ message, hint string }

func (e *usageError) Error() string { return e.message }

const longHelp = `fn answers questions about the units of a repository: small functions and types, each with a Markdown spec that
describes it as data. It reads the files, keeps what it learnt in the user's cache folder, and needs no server.

The repository is the nearest folder above that has a fn_registry.yaml, else the one with .git, else this one.

Exit codes: 0 found or done; 1 nothing found, or refused because it exists; 2 wrong use, or it could not run.`

func (e *env) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "fn",
		Short:         "find, show and make the units of a repository",
		Long:          longHelp,
		Version:       version() + " " + runtime.Version(),
		SilenceErrors: true, SilenceUsage: true, SuggestionsMinimumDistance: 2,
		Args: cobra.ArbitraryArgs,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("root") && e.root == "" {
				return &usageError{message: "--root is given nothing", hint: "leave it out, or name a folder"}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return noCommand(c, args[0])
		},
	}
	root.SetIn(e.in)
	root.SetOut(e.out)
	root.SetErr(e.err)
	root.PersistentFlags().StringVar(&e.root, "root", "", "folder of the repository (default: found from here upwards)")
	root.PersistentFlags().BoolVar(&e.json, "json", false, "answer as JSON")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{message: err.Error(), hint: c.CommandPath() + " --help shows the flags"}
	})
	root.AddCommand(e.findCommand(), e.showCommand(), e.similarCommand(), e.usesCommand(), e.impactCommand(), e.graphCommand(),
		e.sizeCommand(), e.newCommand(), e.initCommand(), e.mcpCommand())
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	completionNeedsShell(root)
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [COMMAND]",
		Short: "say what a command does",
		RunE: func(c *cobra.Command, args []string) error {
			about, _, err := root.Find(args)
			if err != nil || about == root && len(args) > 0 {
				return noCommand(root, args[0])
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	})
	return root
}

func noCommand(root *cobra.Command, name string) error {
	u := &usageError{message: fmt.Sprintf("no command %q", name), hint: "fn help lists them"}
	if near := root.SuggestionsFor(name); len(near) > 0 {
		u.hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return u
}

// args checks the number of arguments; what names them.
func args(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return &usageError{message: c.CommandPath() + " needs " + what, hint: c.UseLine()}
		case most >= 0 && len(args) > most:
			return &usageError{message: fmt.Sprintf("%s: unexpected argument %q", c.CommandPath(), args[most]), hint: c.UseLine()}
		}
		return nil
	}
}

// report tells an error and returns the exit code. With --json an answer that is missing is one, too.
func (e *env) report(err error) int {
	if errors.Is(err, errNothing) {
		return exitNothing
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
	fmt.Fprintln(e.err, "fn:", err)
	if hint != "" {
		fmt.Fprintln(e.err, "hint:", hint)
	}
	return code
}

// describe sorts an error by what a caller can do about it.
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
		return exitNothing, "fn find looks for words, fn help find says how", notFound.Candidates
	case errors.As(err, &refused):
		return exitNothing, refused.hint, refused.candidates
	case errors.As(err, &draft) && draft.Exists:
		return exitNothing, draft.Hint, nil
	case errors.As(err, &draft):
		return exitFailed, draft.Hint, nil
	case errors.Is(err, size.ErrNoGo):
		return exitFailed, "install Go, or put the folder of its command on the PATH", nil
	}
	return exitFailed, core.ErrorHint(err), nil
}

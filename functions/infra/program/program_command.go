package program

import (
	"context"
	"io"
	"log/slog"
	"reflect"
)

// ProgramCommandConfig describes a command of a program. The zero value of an
// optional field is its default.
type ProgramCommandConfig[T any] struct {
	// Name is the word that calls it: lower-case letters, digits and "-".
	// Default: it is the program itself, which runs where no command is named.
	Name string
	// Args is what help shows as its arguments, such as "ID" or "[FOLDER]".
	Args string
	// ArgsDoc says in an error what is missing: "a unit: its ID or name".
	// Default: Args.
	ArgsDoc string
	// MinArgs and MaxArgs are how many arguments it takes; MaxArgs -1: any
	// number. A MaxArgs below MinArgs counts as MinArgs. Default: none.
	MinArgs, MaxArgs int
	// Doc says in one line what it does. Required, but for the program
	// itself, whose text is the program's.
	Doc string
	// Help is what its --help says besides: examples, exit codes.
	Help string
	// Defaults is the settings' struct with its defaults, of which each call
	// gets a copy, with maps, slices and pointers of its own where they are
	// settings. Its fields are as program_config describes them. Default: all
	// fields are zero.
	Defaults T
	// Secret returns a secret that a token store keeps under a name. Default:
	// {store: NAME} is refused.
	Secret func(ctx context.Context, name string) (string, error)
	// Complete returns what an argument or a flag's value may be, each with
	// its description behind a tab, if it has one; what doesn't begin as the
	// word does is left out; nil: files. Default: the words of the flag's enum,
	// else files.
	Complete func(ctx context.Context, c ProgramCompletion[T]) []string
	// Run does the work, and returns soon after ctx is done. Required.
	Run func(ctx context.Context, call ProgramCall[T]) error
}

// ProgramCall is one call of a command.
type ProgramCall[T any] struct {
	Settings T
	Args     []string
	// Dash is how many of Args are in front of "--"; -1: there is no "--".
	Dash int
	// Stdout notes errors: a pipe that nobody reads any more ends the call's
	// context and is no error of the program, a full disk is one, whether or
	// not the command looks at it.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Log is as the settings say that embed a [ProgramLog], else text on
	// stderr from level info.
	Log *slog.Logger
	// Version is what --version prints behind the name: that of the module,
	// and Go's.
	Version string
}

// ProgramCompletion is a word that is being typed.
type ProgramCompletion[T any] struct {
	Settings T        // from the command line before it; no secret is fetched
	Args     []string // the arguments before it
	Flag     string   // the flag whose value it is, without dashes; empty: an argument
	Prefix   string   // what is typed so far; for a list of its last item
}

// ProgramCommandHandle is a command for [ProgramRun].
type ProgramCommandHandle struct {
	name, args, argsDoc, doc, help string
	least, most                    int

	defaults any                   // a pointer to a struct, or nil
	reads    *ProgramCommandHandle // the command whose settings it reads in addition to its own options
	secret   func(ctx context.Context, name string) (string, error)
	complete func(ctx context.Context, settings any, c ProgramCompletion[*struct{}]) []string
	run      func(ctx context.Context, settings any, call ProgramCall[*struct{}]) error
}

// ProgramCommand makes a command of a function and a struct of settings, for
// [ProgramMain]. T is a pointer to the struct, *struct{} for none. What is
// wrong with it is reported when the program starts, as an error with
// CodeInternal.
//
// More in program_command.md:
//   - Write to call.Stdout, not to os.Stdout: only call.Stdout notices that its
//     reader has gone.
//   - An invalid struct (no doc, two flags with one name) is reported when the
//     program starts.
func ProgramCommand[T any](cfg ProgramCommandConfig[T]) *ProgramCommandHandle {
	h := &ProgramCommandHandle{
		name: cfg.Name, args: cfg.Args, argsDoc: cfg.ArgsDoc, doc: cfg.Doc, help: cfg.Help,
		least: cfg.MinArgs, most: cfg.MaxArgs, defaults: cfg.Defaults, secret: cfg.Secret,
	}
	if cfg.Complete != nil {
		h.complete = func(ctx context.Context, settings any, c ProgramCompletion[*struct{}]) []string {
			return cfg.Complete(ctx, ProgramCompletion[T]{Settings: settings.(T), Args: c.Args, Flag: c.Flag, Prefix: c.Prefix})
		}
	}
	if cfg.Run != nil {
		h.run = func(ctx context.Context, settings any, c ProgramCall[*struct{}]) error {
			return cfg.Run(ctx, ProgramCall[T]{
				Settings: settings.(T), Args: c.Args, Dash: c.Dash, Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr, Log: c.Log, Version: c.Version,
			})
		}
	}
	return h
}

// settings returns a pointer to a new struct with the defaults.
func (h *ProgramCommandHandle) settings() any {
	return newSettings(reflect.ValueOf(h.defaults)).Interface()
}

// isStruct reports whether the settings are a pointer to a struct.
func (h *ProgramCommandHandle) isStruct() bool {
	t := reflect.TypeOf(h.defaults)
	return t != nil && t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct
}

// takes reports whether it accepts that many arguments.
func (h *ProgramCommandHandle) takes(n int) bool {
	return n <= h.least || n <= h.most || h.most < 0
}

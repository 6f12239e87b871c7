package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
)

// ProgramRunConfig describes a program. The zero value of an optional field is
// its default.
type ProgramRunConfig struct {
	// Name is the program's. Required.
	Name string
	// Doc says in one line what it does. Required.
	Doc string
	// Help is what --help says besides: examples, exit codes.
	Help string
	// Commands are what it does: one without a name is the program itself,
	// the others are called by name. Those with settings have the same ones
	// (embed one struct in all of theirs); options may differ. Required.
	Commands []*ProgramCommandHandle
	// ExitCode returns the exit status for an error. Default:
	// core.ErrorExitCode.
	ExitCode func(err error) int
	// StopTimeout is how long the command may go on after the context is
	// done. Default: 15 s.
	StopTimeout time.Duration

	// Args are the command line without the program. Default: os.Args[1:].
	Args []string
	// Stdin, Stdout and Stderr are the process's by default.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// LookupEnv reads the environment. Default: os.LookupEnv.
	LookupEnv func(name string) (string, bool)
}

// ProgramRun is a program without its process: it reads the command line and
// the settings, runs the command that is named, reports an error on stderr and
// returns the exit status. [ProgramMain] is the same with the process's
// signals.
//
// An error is written as "NAME: error: ..." with its hint on a line of its own,
// and without the secrets in the settings. A panic in the command's own
// goroutine is an error with CodeInternal, reported with its stack.
// [ProgramExit] ends with a status and no message.
//
// When ctx is done, the command has StopTimeout to return; then ProgramRun
// returns without it, with CodeTimeout. A command that returns because ctx is
// done gives status 130 and no message.
//
// Besides the commands given there are help, completion (bash, zsh, fish) and,
// where there are settings, config, which prints what is in force.
//
// More in program_run.md:
//   - A word that is the name of a command is the command, even if the program
//     accepts folders: write ./config for a folder of that name.
//   - nil Args are the process's; an empty list means none.
func ProgramRun(ctx context.Context, cfg ProgramRunConfig) int {
	return run(ctx, cfg, func(*slog.Logger) {})
}

// run is ProgramRun; onLog receives the logger once it is known.
func run(ctx context.Context, cfg ProgramRunConfig, onLog func(*slog.Logger)) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := newRunner(cfg, onLog)
	r.out.onClosed = func() { cancel(errClosedPipe) }
	done := make(chan error, 1)
	go r.guarded(ctx, done)
	select {
	case err := <-done:
		return r.report(ctx, err)
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return r.report(ctx, err)
	case <-time.After(r.cfg.StopTimeout):
		late := &runner{cfg: r.cfg} // the command still uses r
		return late.fail(&core.Error{
			Code: core.CodeTimeout, Message: fmt.Sprintf("it has not stopped %v after it was asked to", r.cfg.StopTimeout), Err: context.Cause(ctx),
		})
	}
}

// errClosedPipe is the cause when a command is stopped because its reader has
// gone.
var errClosedPipe error = closedPipe{}

type closedPipe struct{}

func (closedPipe) Error() string { return "the reader has gone" }

func (closedPipe) Is(target error) bool { return target == context.Canceled }

// runner is one run of a program.
type runner struct {
	cfg     ProgramRunConfig
	out     *output
	onLog   func(*slog.Logger)
	loading *loading // of the command's settings; nil until then
}

func newRunner(cfg ProgramRunConfig, onLog func(*slog.Logger)) *runner {
	if cfg.Args == nil {
		cfg.Args = os.Args[1:]
	}
	if cfg.Stdin == nil {
		cfg.Stdin = os.Stdin
	}
	if cfg.Stdout == nil {
		cfg.Stdout = os.Stdout
	}
	if cfg.Stderr == nil {
		cfg.Stderr = os.Stderr
	}
	if cfg.LookupEnv == nil {
		cfg.LookupEnv = os.LookupEnv
	}
	if cfg.ExitCode == nil {
		cfg.ExitCode = core.ErrorExitCode
	}
	cfg.StopTimeout = cmp.Or(cfg.StopTimeout, 15*time.Second)
	return &runner{cfg: cfg, out: &output{w: cfg.Stdout}, onLog: onLog}
}

// panicked is a panic as an error.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// guarded runs the program and sends its error.
func (r *runner) guarded(ctx context.Context, done chan<- error) {
	err := error(&core.Error{Code: core.CodeInternal, Message: "the command has ended its goroutine"})
	defer func() {
		if value := recover(); value != nil {
			err = &core.Error{Code: core.CodeInternal, Err: &panicked{value, debug.Stack()}}
		}
		done <- err
	}()
	err = r.dispatch(ctx)
}

// report prints how the program ended, and returns its exit status.
func (r *runner) report(ctx context.Context, err error) int {
	var exit ProgramExit
	silent := errors.As(err, &exit)
	canceled := ctx.Err() != nil && core.ErrorCode(err) == core.CodeCanceled
	switch failed := r.out.failed(); {
	case isClosedPipe(failed) && (err == nil || canceled || isClosedPipe(err)):
		return 0
	case silent:
		return int(exit)
	case canceled:
		if stopped, ok := context.Cause(ctx).(stopSignal); ok {
			return stopped.status()
		}
		return core.ErrorExitCode(context.Canceled)
	case failed != nil && err == nil:
		err = &core.Error{Message: "the output is not complete", Err: failed}
	}
	if err == nil {
		return 0
	}
	return r.fail(err)
}

// fail prints an error, and returns the exit status.
func (r *runner) fail(err error) int {
	// Errors repeat names out of files that others made.
	lines := strings.Split(core.ErrorText(r.cfg.Name, err), "\n")
	for i, line := range lines {
		indent := line[:len(line)-len(strings.TrimLeft(line, "\t"))]
		lines[i] = indent + core.TerminalText(line[len(indent):])
	}
	text := strings.Join(lines, "\n")
	if p := new(panicked); errors.As(err, &p) {
		text += string(p.stack)
	}
	if r.loading != nil {
		text = r.loading.redact(text)
	}
	_, _ = io.WriteString(r.cfg.Stderr, text) // error ignored: there is nowhere else to report it
	return r.cfg.ExitCode(err)
}

// dispatch runs the command that the arguments name.
func (r *runner) dispatch(ctx context.Context) error {
	if err := r.check(); err != nil {
		return &core.Error{Code: core.CodeInternal, Err: err}
	}
	if len(r.cfg.Args) > 0 && r.cfg.Args[0] == completeWord {
		return r.complete(ctx, r.cfg.Args[1:])
	}
	word, rest, err := r.split(r.cfg.Args)
	root := r.command("")
	switch {
	case errors.Is(err, errVersion):
		_, err := fmt.Fprintln(r.out, r.cfg.Name, "version", version())
		return err
	case errors.Is(err, ErrProgramHelp):
		return r.help(nil)
	case word != "" && r.command(word) != nil:
		return r.call(ctx, r.command(word), rest)
	case root != nil && (word == "" || root.takes(1)):
		return r.call(ctx, root, r.cfg.Args)
	case err != nil:
		return err
	case word == "":
		return r.help(nil)
	case root != nil && len(r.cfg.Commands) == 1:
		return r.unknown(fmt.Sprintf("unexpected argument %q", word), word)
	}
	return r.unknown(fmt.Sprintf("no command %q", word), word)
}

// unknown returns the error for a word that is not a command.
func (r *runner) unknown(message, word string) error {
	hint := cmp.Or(core.DidYouMean(core.NameNearest(word, r.names())...), r.cfg.Name+" --help lists the commands")
	return &core.Error{Code: core.CodeInvalid, Message: message, Hint: hint}
}

// call runs a command with the arguments after its name.
func (r *runner) call(ctx context.Context, c *ProgramCommandHandle, args []string) error {
	settings := c.settings()
	r.loading = &loading{program: r.cfg.Name, hint: r.path(c) + " --help shows the flags", lookup: r.cfg.LookupEnv, secret: c.secret}
	err := r.load(ctx, c, settings, args)
	if errors.Is(err, ErrProgramHelp) {
		return r.help(c)
	}
	if err != nil {
		return err
	}
	log := newLogger(settings, r.cfg.Stderr)
	r.onLog(log)
	return c.run(ctx, settings, ProgramCall[*struct{}]{
		Args: r.loading.rest, Dash: r.loading.dash,
		Stdin: r.cfg.Stdin, Stdout: r.out, Stderr: r.cfg.Stderr, Log: log, Version: version(),
	})
}

// load reads a command's arguments and settings.
func (r *runner) load(ctx context.Context, c *ProgramCommandHandle, settings any, args []string) error {
	l := r.loading
	if err := l.prepare(settings); err != nil {
		return err
	}
	if c.reads != nil { // the config command reads the settings of others
		r.addSettings(l, c.reads)
	}
	if err := l.parse(args); err != nil {
		return err
	}
	if err := r.checkArgs(c, l.rest); err != nil {
		return err
	}
	if c.reads != nil { // config does not need them
		return l.setFlags()
	}
	if err := l.read(); err != nil {
		return err
	}
	return l.finish(ctx)
}

func (r *runner) checkArgs(c *ProgramCommandHandle, args []string) error {
	switch {
	case len(args) < c.least:
		return &core.Error{Code: core.CodeInvalid, Message: r.path(c) + " needs " + cmp.Or(c.argsDoc, c.args), Hint: r.usageLine(c)}
	case !c.takes(len(args)):
		return &core.Error{
			Code: core.CodeInvalid, Message: fmt.Sprintf("%s: unexpected argument %q", r.path(c), args[max(c.least, c.most)]), Hint: r.usageLine(c),
		}
	}
	return nil
}

// path returns the words that call a command.
func (r *runner) path(c *ProgramCommandHandle) string {
	return strings.TrimSpace(r.cfg.Name + " " + c.name)
}

// command returns the command with that name, the program's own or a built-in
// one, or nil.
func (r *runner) command(name string) *ProgramCommandHandle {
	for _, c := range r.commands() {
		if c.name == name {
			return c
		}
	}
	return nil
}

// commands returns the program's commands and the built-in ones.
func (r *runner) commands() []*ProgramCommandHandle {
	all := slices.Clone(r.cfg.Commands)
	if r.withSettings() != nil {
		all = append(all, r.configCommand())
	}
	return append(all, r.completionCommand(), r.helpCommand())
}

// names returns the commands' names.
func (r *runner) names() []string {
	var names []string
	for _, c := range r.commands() {
		if c.name != "" {
			names = append(names, c.name)
		}
	}
	return names
}

// withSettings returns a command whose settings are the program's; nil if there
// are only options.
func (r *runner) withSettings() *ProgramCommandHandle {
	for _, c := range r.cfg.Commands {
		if fields, err := r.fields(c); err == nil && hasSettings(fields) {
			return c
		}
	}
	return nil
}

func (r *runner) fields(c *ProgramCommandHandle) ([]*field, error) {
	return settingsOf(r.cfg.Name, reflect.ValueOf(c.settings()).Elem())
}

// check looks for errors in how the program is declared.
func (r *runner) check() error {
	if r.cfg.Name == "" || len(r.cfg.Commands) == 0 {
		return errors.New("the program has no name or no command")
	}
	var shared string
	seen := map[string]bool{"help": true, "completion": true, "config": true}
	for _, c := range r.cfg.Commands {
		if seen[c.name] {
			return fmt.Errorf("two commands are called %q", c.name)
		}
		seen[c.name] = true
		if c.run == nil {
			return fmt.Errorf("command %q has no Run", c.name)
		}
		if !c.isStruct() {
			return fmt.Errorf("the settings of command %q are not a pointer to a struct", c.name)
		}
		fields, err := r.fields(c)
		if err != nil {
			return fmt.Errorf("command %q: %w", c.name, err)
		}
		var keys []string
		for _, f := range fields {
			if f.Key != "" {
				keys = append(keys, f.Key)
			}
		}
		if own := strings.Join(keys, " "); own != "" {
			if shared != "" && shared != own {
				return fmt.Errorf("command %q has other settings than those before it: %s", c.name, own)
			}
			shared = own
		}
	}
	return nil
}

var errVersion = errors.New("the version was asked for")

// split finds the command's name: the first word that is neither a flag nor a
// flag's value. rest holds the other words. The error is ErrProgramHelp or
// errVersion if a flag before the name asks for them, or that of an unknown
// flag.
func (r *runner) split(args []string) (word string, rest []string, err error) {
	flags, err := r.allFlags()
	if err != nil {
		return "", nil, err
	}
	for i := 0; i < len(args) && args[i] != "--"; i++ {
		name, _, hasValue, isFlag := cutFlag(args[i])
		f, known := flags[name]
		switch {
		case !isFlag:
			return args[i], slices.Concat(args[:i], args[i+1:]), err
		case name == "help" || name == "h":
			return "", nil, ErrProgramHelp
		case name == "version":
			return "", nil, errVersion
		case !known && err == nil:
			err = &core.Error{Code: core.CodeInvalid, Message: unknownFlag(name, flags), Hint: r.cfg.Name + " --help lists the commands"}
		case known && !hasValue && (f == nil || !f.isBool()):
			i++
		}
	}
	return "", args, err
}

// version returns the module's version, as the go command recorded it, and
// Go's.
func version() string {
	own := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		own = info.Main.Version
	}
	return own + " " + runtime.Version()
}

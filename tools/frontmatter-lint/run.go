package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/rogpeppe/go-internal/diff"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/example"
	"fnregistry.dev/fn_registry/revision"
	"fnregistry.dev/functions/infra/program"
)

const help = `Checks the spec of every unit below ROOT (default: the repository of the working
directory) against its Go code, the dependency graph and, with --changed, history.
Folders, domains and import rules come from ROOT's fn_registry.yaml.

Exit status: 0 without findings, 1 with findings, 2 if it could not run.
Facts are cached in the user's cache folder; only changed folders are read again.`

// Exit codes.
const (
	exitFindings = 1
	exitFailed   = 2
)

type options struct {
	Fix      bool     `yaml:"-" flag:"fix" doc:"fill in the specs from the code (signature, imports, uses, tests, paths ...), then check again"`
	Diff     bool     `yaml:"-" flag:"diff" doc:"show what --fix would write; without --fix nothing is written"`
	Changed  string   `yaml:"-" flag:"changed" doc:"check only what differs from the git revision REV and the units that use it; changes that affect callers need a higher version"`
	Examples bool     `yaml:"-" flag:"examples" doc:"also type-check the Example of every checked unit, and run those with an // Output: comment (uses the go command; slower)"`
	Rules    []string `yaml:"-" flag:"rules" doc:"check only these rules"`
	Format   string   `yaml:"-" flag:"format" doc:"output format; sarif is version 2.1.0, github writes workflow annotations" enum:"text,json,sarif,github"`
	List     bool     `yaml:"-" flag:"list" doc:"list the rules"`
	Explain  string   `yaml:"-" flag:"explain" doc:"explain what a rule checks, why, and how to fix findings"`

	root         string
	onlyExamples bool // --rules example
}

var defaults = options{Format: "text"}

// linterProgram is the program.
func linterProgram() program.ProgramRunConfig {
	return program.ProgramRunConfig{
		Name: "frontmatter-lint", Doc: "checks the specs of units against their code", Help: help,
		ExitCode: func(error) int { return exitFailed },
		Commands: []*program.ProgramCommandHandle{program.ProgramCommand(program.ProgramCommandConfig[*options]{
			Args: "[ROOT]", MaxArgs: 1, Defaults: &defaults,
			Complete: complete,
			Run:      run,
		})},
	}
}

// complete names the rules.
func complete(_ context.Context, c program.ProgramCompletion[*options]) []string {
	var words []string
	if c.Flag == "rules" || c.Flag == "explain" {
		for _, r := range rules() {
			words = append(words, r.Name+"\t"+r.Summary)
		}
	}
	return words
}

func run(ctx context.Context, call program.ProgramCall[*options]) error {
	o, err := call.Settings.resolve(call.Args)
	switch {
	case err != nil:
		return err
	case o.List:
		listRules(call.Stdout)
		return nil
	case o.Explain != "":
		return explainRule(call.Stdout, o.Explain)
	}
	found, err := lint(ctx, o, call.Stdout, call.Stderr)
	if err == nil && found > 0 {
		return program.ProgramExit(exitFindings)
	}
	return err
}

// resolve validates the options and the arguments and applies what follows from
// them.
func (o *options) resolve(args []string) (*options, error) {
	named := ""
	if len(args) > 0 {
		if named = args[0]; named == "" { // an unset shell variable
			return o, errors.New("ROOT is empty; omit it, or name a folder")
		}
	}
	if i := slices.Index(o.Rules, example.Rule.Name); i >= 0 { // its name selects it, like its flag
		o.Examples, o.Rules = true, slices.Delete(slices.Clone(o.Rules), i, i+1)
		o.onlyExamples = len(o.Rules) == 0
	}
	if o.Diff && o.Format != "text" {
		return o, errors.New("--diff goes with --format text only")
	}
	var err error
	o.root, err = findRoot(named)
	return o, err
}

// findRoot returns the folder to check: the named one, else the repository of
// the working directory. A folder within a repository is refused: all paths and
// domains would be relative to it, and -fix would write them.
func findRoot(named string) (string, error) {
	dir, err := filepath.Abs(cmp.Or(named, "."))
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, config.FileName)); err == nil {
			switch {
			case at == dir:
				return cmp.Or(named, "."), nil
			case named == "":
				return at, nil
			}
			return "", fmt.Errorf("%s is inside %s, and the %s there applies to all of it: name that folder, or none", named, at, config.FileName)
		}
		if at == filepath.Dir(at) {
			return cmp.Or(named, "."), nil
		}
	}
}

// lint runs the check, again if -fix changed something, and returns the number
// of remaining findings.
func lint(ctx context.Context, o *options, stdout, stderr io.Writer) (int, error) {
	l := &linter{options: o, stdout: stdout, stderr: stderr}
	if err := l.open(ctx); err != nil {
		return 0, err
	}
	defer l.close()
	look := l.check
	if o.Fix {
		look = l.mend
	}
	c, findings, err := look(ctx)
	if err != nil {
		return 0, err
	}
	if o.Diff && !o.Fix {
		changes, err := check.Fixed(c, findings)
		if err != nil {
			return 0, err
		}
		l.show(changes)
	}
	report := report{Units: len(c.Units), Findings: findings}
	if report.Findings == nil {
		report.Findings = []check.Finding{} // [] in JSON, not null
	}
	if err := report.write(stdout, o.Format, c.Roots[0].Dir); err != nil {
		return 0, err
	}
	if o.Format == "text" {
		report.summary(stderr, o)
	}
	return len(findings), nil
}

// linter is one run of the command.
type linter struct {
	*options
	stdout, stderr io.Writer
	repo           *revision.Repo
}

func (l *linter) open(ctx context.Context) (err error) {
	if l.Changed != "" {
		l.repo, err = revision.Open(ctx, l.root, l.Changed)
	}
	return err
}

func (l *linter) close() {
	if l.repo != nil {
		l.repo.Close()
	}
}

// mend checks and writes all fixes, and returns the remaining findings.
func (l *linter) mend(ctx context.Context) (*catalog.Catalog, []check.Finding, error) {
	look := func() (*catalog.Catalog, []check.Finding, error) { return l.check(ctx) }
	return check.Mend(look, func(changes []check.Change) {
		if l.Diff {
			l.show(changes)
		}
		fmt.Fprintf(l.stderr, "frontmatter-lint: %s fixed\n", count(len(changes), "file"))
	})
}

// show prints changes as a diff.
func (l *linter) show(changes []check.Change) {
	for _, ch := range changes {
		l.stdout.Write(diff.Diff("a/"+ch.File, ch.Before, "b/"+ch.File, ch.After))
	}
}

// check loads the catalog and runs the rules.
func (l *linter) check(ctx context.Context) (*catalog.Catalog, []check.Finding, error) {
	load := catalog.Options{Roots: []string{l.root}, Progress: progress(l.stderr)}
	if file, err := catalog.SnapshotPath(load.Roots); err == nil { // no cache folder: no snapshot
		load.Snapshot = file
	}
	c, _, err := catalog.Load(ctx, load)
	if err != nil {
		return nil, nil, err
	}
	opts := check.Options{Rules: l.Rules}
	if l.repo != nil {
		changed, err := l.repo.Changed(ctx)
		if err != nil {
			return nil, nil, err
		}
		opts.Only = map[string]bool{}
		for _, file := range changed {
			opts.Only[file] = true
		}
		opts.Since = &check.Since{
			Revision: l.Changed,
			File:     func(_ int, name string) ([]byte, bool) { return l.repo.File(name) },
		}
	}
	var findings []check.Finding
	if !l.onlyExamples {
		findings, err = check.Run(ctx, c, opts)
	}
	if err == nil && l.repo != nil {
		err = l.repo.Err()
	}
	if err == nil && l.Examples {
		var more []check.Finding
		more, err = example.Check(ctx, c, check.InScope(c, opts.Only))
		findings = append(findings, more...)
	}
	return c, findings, err
}

// rules returns those of package check and the one that needs the go command.
func rules() []*check.Rule { return append(slices.Clone(check.Rules()), example.Rule) }

func listRules(w io.Writer) {
	for _, r := range rules() {
		fmt.Fprintf(w, "%-18s %s\n", r.Name, r.Summary)
	}
}

func explainRule(w io.Writer, name string) error {
	r := example.Rule
	if name != r.Name {
		var err error
		if r, err = check.Named(name); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s (%s): %s\n\n%s\n", r.Name, r.Severity, r.Summary, r.Explanation)
	return err
}

// progress shows the progress of a long first reading on a terminal.
func progress(w io.Writer) func(done, total int) {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func(done, total int) {
		if total < 200 {
			return // over before anyone can read it
		}
		if done < total {
			fmt.Fprintf(f, "\rreading folders %d/%d", done, total)
		} else {
			fmt.Fprint(f, "\r\033[K")
		}
	}
}

// relative returns a function that formats a file of the root relative to the
// working directory.
func relative(root string) func(file string) string {
	wd, wdErr := os.Getwd()
	return func(file string) string {
		full := filepath.Join(root, filepath.FromSlash(file))
		if rel, err := filepath.Rel(wd, full); wdErr == nil && err == nil && filepath.IsLocal(rel) {
			return rel
		}
		return full
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

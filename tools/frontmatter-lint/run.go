package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/example"
	"fnregistry.dev/fn_registry/revision"
	"github.com/rogpeppe/go-internal/diff"
)

const usage = `usage: frontmatter-lint [flags] [ROOT]

Holds the spec of every unit below ROOT (default: the repository of the working directory) against its Go code, the graph of
units and, with -changed, history. What ROOT's fn_registry.yaml says of folders, domains and imports holds.

  -fix            write what the code tells (signature, imports, uses, tests, paths ...), then check again
  -diff           show what -fix would write; without -fix nothing is written
  -changed REV    look only at what differs from the git revision REV, and at the units that use it;
                  what changed for callers since then must come with a higher version
  -examples       also type-check the Example of every unit looked at (uses the go command; slower)
  -rules A,B      check by these rules only
  -format F       text (default), json, sarif (2.1.0) or github (workflow annotations)
  -list           list the rules
  -explain RULE   say what a rule checks, why, and what to do
  -version        print the version

Exit status: 0 without findings, 1 with findings, 2 when it could not run.
What was read is kept in the user's cache folder; only changed folders are read again.
`

// Exit codes.
const (
	exitClean    = 0
	exitFindings = 1
	exitFailed   = 2
)

type options struct {
	fix, diff, examples, list, version bool
	onlyExamples                       bool // -rules example
	changed, explain, format           string
	rules                              []string
	root                               string
}

// Run is the command without the process around it.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := parseArgs(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return exitClean
	case err != nil:
		fmt.Fprintf(stderr, "frontmatter-lint: %v\nhint: frontmatter-lint -help tells the flags\n", err)
		return exitFailed
	case opts.version:
		fmt.Fprintln(stdout, "frontmatter-lint", version(), runtime.Version())
		return exitClean
	case opts.list:
		listRules(stdout)
		return exitClean
	case opts.explain != "":
		err = explainRule(stdout, opts.explain)
	default:
		var found int
		if found, err = lint(ctx, opts, stdout, stderr); err == nil && found > 0 {
			return exitFindings
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "frontmatter-lint: %v\n", err)
		return exitFailed
	}
	return exitClean
}

// version is the module's, as the go command recorded it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func parseArgs(args []string) (options, error) {
	var o options
	var rules string
	fs := flag.NewFlagSet("frontmatter-lint", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.BoolVar(&o.fix, "fix", false, "")
	fs.BoolVar(&o.diff, "diff", false, "")
	fs.BoolVar(&o.examples, "examples", false, "")
	fs.BoolVar(&o.list, "list", false, "")
	fs.BoolVar(&o.version, "version", false, "")
	fs.StringVar(&o.changed, "changed", "", "")
	fs.StringVar(&o.explain, "explain", "", "")
	fs.StringVar(&o.format, "format", "text", "")
	fs.StringVar(&rules, "rules", "", "")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if slices.Contains(fs.Args(), "") {
		return o, errors.New("ROOT is given nothing; leave it out, or name a folder")
	}
	var empty []string // of a variable of the shell that is not set: the check would be another than was meant
	fs.Visit(func(f *flag.Flag) {
		if f.Value.String() == "" {
			empty = append(empty, "-"+f.Name)
		}
	})
	if len(empty) > 0 {
		return o, fmt.Errorf("%s is given nothing; leave it out, or name what is meant", strings.Join(empty, ", "))
	}
	if rules != "" {
		o.rules = strings.Split(rules, ",")
	}
	if fs.NArg() > 1 {
		return o, fmt.Errorf("one ROOT, not %d: flags go before it", fs.NArg())
	}
	if i := slices.Index(o.rules, example.Rule.Name); i >= 0 { // its name asks for it as well as its flag
		o.examples, o.rules = true, slices.Delete(o.rules, i, i+1)
		o.onlyExamples = len(o.rules) == 0
	}
	root, err := findRoot(fs.Arg(0))
	if err != nil {
		return o, err
	}
	o.root = root
	if !slices.Contains(formats, o.format) {
		return o, fmt.Errorf("no format %q; the formats are %s", o.format, strings.Join(formats, ", "))
	}
	if o.diff && o.format != "text" {
		return o, errors.New("-diff goes with -format text only")
	}
	return o, nil
}

// findRoot returns the folder to check: the one that was named, else the repository that the working directory is in. A
// folder within a repository is refused: from there all paths and domains would be others, and -fix would write them.
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
			return "", fmt.Errorf("%s lies within %s, whose %s holds for all of it: give that folder, or none", named, at, config.FileName)
		}
		if at == filepath.Dir(at) {
			return cmp.Or(named, "."), nil
		}
	}
}

// lint runs the check, twice where -fix changed something, and returns the number of findings left.
func lint(ctx context.Context, o options, stdout, stderr io.Writer) (int, error) {
	l := &linter{options: o, stderr: stderr}
	if err := l.open(ctx); err != nil {
		return 0, err
	}
	defer l.close()
	c, findings, err := l.check(ctx)
	if err != nil {
		return 0, err
	}
	// A file whose encoding was mended may have more to mend: until nothing changes, so that a second -fix has nothing left.
	for o.fix || o.diff {
		changes, err := check.Fixed(c, findings)
		if err != nil {
			return 0, err
		}
		if o.diff {
			for _, ch := range changes {
				stdout.Write(diff.Diff("a/"+ch.File, ch.Before, "b/"+ch.File, ch.After))
			}
		}
		if !o.fix || len(changes) == 0 {
			break
		}
		if err := check.Write(c, changes); err != nil {
			return 0, err
		}
		fmt.Fprintf(stderr, "frontmatter-lint: %s fixed\n", count(len(changes), "file"))
		if c, findings, err = l.check(ctx); err != nil {
			return 0, err
		}
	}
	report := report{Units: len(c.Units), Findings: findings}
	if report.Findings == nil {
		report.Findings = []check.Finding{} // [] in JSON, not null
	}
	if err := report.write(stdout, o.format, c.Roots[0].Dir); err != nil {
		return 0, err
	}
	if o.format == "text" {
		report.summary(stderr, o)
	}
	return len(findings), nil
}

// linter is one run of the command.
type linter struct {
	options
	stderr io.Writer
	repo   *revision.Repo
}

func (l *linter) open(ctx context.Context) (err error) {
	if l.changed != "" {
		l.repo, err = revision.Open(ctx, l.root, l.changed)
	}
	return err
}

func (l *linter) close() {
	if l.repo != nil {
		l.repo.Close()
	}
}

// check loads the catalogue and runs the rules.
func (l *linter) check(ctx context.Context) (*catalog.Catalog, []check.Finding, error) {
	load := catalog.Options{Roots: []string{l.root}, Progress: progress(l.stderr)}
	if file, err := catalog.SnapshotPath(load.Roots); err == nil { // no cache folder: no snapshot
		load.Snapshot = file
	}
	c, _, err := catalog.Load(ctx, load)
	if err != nil {
		return nil, nil, err
	}
	opts := check.Options{Rules: l.rules}
	if l.repo != nil {
		changed, err := l.repo.Changed(ctx)
		if err != nil {
			return nil, nil, err
		}
		opts.Only = map[string]bool{}
		for _, file := range changed {
			opts.Only[file] = true
		}
		opts.Since = &check.Since{Revision: l.changed, File: func(_ int, name string) ([]byte, bool) { return l.repo.File(name) }}
	}
	var findings []check.Finding
	if !l.onlyExamples {
		findings, err = check.Run(ctx, c, opts)
	}
	if err == nil && l.repo != nil {
		err = l.repo.Err()
	}
	if err == nil && l.examples {
		var more []check.Finding
		more, err = example.Check(ctx, c, check.InScope(c, opts.Only))
		findings = append(findings, more...)
	}
	return c, findings, err
}

// rules are those of package check and the one that needs the go command.
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

// progress shows on a terminal how far a long first reading is.
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
			return // over before it can be read
		}
		if done < total {
			fmt.Fprintf(f, "\rreading folders %d/%d", done, total)
		} else {
			fmt.Fprint(f, "\r\033[K")
		}
	}
}

// relative returns what shows a file of the root as it is opened from the
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

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/reuse"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/program"
)

const addHelp = `Bring units into a Go module elsewhere.

  fn add http_json --to ../pinger                    import them from this repository
  fn add http_json --to ../pinger --copy units       copy the packages they need
  fn add --check --to ../pinger                      what is outdated, changed or missing there
  fn add --update --to ../pinger --diff              bring the copies up to date, and show how they change

Without --copy, require and replace lines in that module's go.mod point to the
folders of this repository: changes take effect at once, and the repository must
stay in place. With --copy, the packages are copied into a folder of that module,
under its import paths, with their specs and the license; fn_units.json beside
them records the commit and the hash of each file. Files that were changed in the
module are never overwritten without --force. Either way, run go mod tidy
afterwards.

In the other module, --root names this repository, and --to may be omitted.
--check and --update find the repository from what was copied or linked.

Exit codes: 0 done, or up to date; 1 --check found something outdated, or files
changed in the module were in the way; 2 usage error, or it could not run.`

type addOptions struct {
	common
	To     string `yaml:"-" flag:"to" doc:"folder of the module that gets the units"`
	Copy   string `yaml:"-" flag:"copy" doc:"copy the packages into this folder of the module"`
	Check  bool   `yaml:"-" flag:"check" doc:"only say what is not as it is in the repository"`
	Update bool   `yaml:"-" flag:"update" doc:"bring copies, and what replace lines need, up to date"`
	Diff   bool   `yaml:"-" flag:"diff" doc:"show how files change"`
	Force  bool   `yaml:"-" flag:"force" doc:"overwrite files that were changed in the module"`
	DryRun bool   `yaml:"-" flag:"dry-run" doc:"write nothing"`
}

func addCommand() *program.ProgramCommandHandle {
	return command(program.ProgramCommandConfig[*addOptions]{
		Name: "add", Args: "UNIT...", MaxArgs: -1, Doc: "bring units into a Go module elsewhere", Help: addHelp,
		Defaults: &addOptions{To: "."},
	}, add, (*env).completeUnits)
}

const addHint = "add one with fn add UNIT --root REPOSITORY"

// added is the output of fn add.
type added struct {
	Module   string        `json:"module"`   // the module that gets the units
	Written  bool          `json:"written"`  // false with --check and --dry-run, and if anything was refused
	Current  bool          `json:"current"`  // there is nothing to bring in
	Linked   []string      `json:"linked"`   // repository modules that it replaces by their folders
	Lines    []string      `json:"lines"`    // lines that go.mod gets or, with --check, lacks
	Packages []string      `json:"packages"` // import paths of the named units
	Copies   []addedCopies `json:"copies"`
}

// addedCopies is a folder of copies.
type addedCopies struct {
	Folder string      `json:"folder"` // from the module's
	Units  []addedUnit `json:"units"`
	Files  []addedFile `json:"files"` // files that differ between the two sides
}

type addedUnit struct {
	ID      string `json:"id"`
	Version string `json:"version"` // of the copy; empty: new
	Now     string `json:"now"`     // in the repository; empty: removed
}

type addedFile struct {
	File  string      `json:"file"` // from the folder of copies
	State reuse.State `json:"state"`
	Diff  string      `json:"diff,omitempty"`
}

func add(ctx context.Context, e *env, o *addOptions, named []string) error {
	if err := o.check(named); err != nil {
		return err
	}
	target, err := reuse.OpenTarget(o.To)
	if err != nil {
		return err
	}
	if err := e.findUnits(target, o); err != nil {
		return err
	}
	s, done, err := e.state(ctx)
	if err != nil {
		return err
	}
	defer done()
	units, err := unitsNamed(s, named)
	if err != nil {
		return err
	}
	a := &added{Module: target.Module, Linked: []string{}, Lines: []string{}, Packages: []string{}, Copies: []addedCopies{}}
	switch {
	case o.Check || o.Update:
		err = a.refresh(ctx, s.Catalog, target, o)
	case o.Copy != "":
		err = a.copy(ctx, s.Catalog, target, o.Copy, units, o)
	default:
		err = a.link(ctx, s.Catalog, target, units, o)
	}
	if err != nil && len(a.Copies) == 0 {
		return err
	}
	if answerErr := e.answer(a, func(w io.Writer) { a.text(w, o) }); err == nil {
		err = answerErr
	}
	if err == nil && o.Check && !a.Current {
		err = errNothing
	}
	return err
}

// findUnits determines the repository of the units, if --root does not: for new
// units the one around this folder, else the origin of the module's existing
// units.
func (e *env) findUnits(t *reuse.Target, o *addOptions) (err error) {
	if e.root != "" {
		return nil
	}
	if !o.Check && !o.Update {
		dir, err := e.findRoot(config.FileName)
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(dir, config.FileName)); err == nil {
			return nil
		}
	}
	if e.root, err = t.Source(config.FileName); err == nil && e.root == "" {
		err = &core.Error{Code: core.CodeNotFound, Message: t.Module + " has no units of a repository", Hint: addHint}
	}
	return err
}

func (o *addOptions) check(named []string) error {
	refresh := o.Check || o.Update
	linked := !refresh && o.Copy == ""
	switch {
	case o.Check && o.Update:
		return &usageError{message: "use either --check or --update, not both", hint: "--update --dry-run shows what it would do"}
	case refresh && len(named) > 0:
		return &usageError{message: "--check and --update take no units: they look at all that is there"}
	case refresh && o.Copy != "":
		return &usageError{message: "--check and --update take no --copy: they look at all folders of copies"}
	case o.Check && o.Force:
		return &usageError{message: "--check writes nothing, so there is nothing to --force"}
	case linked && (o.Diff || o.Force):
		return &usageError{message: "--diff and --force are for copies", hint: "--copy FOLDER makes some"}
	case !refresh && len(named) == 0:
		return &usageError{message: "fn add needs units: their IDs, names or Go symbols", hint: "fn find searches for them"}
	}
	return nil
}

func (a *added) link(ctx context.Context, c *catalog.Catalog, t *reuse.Target, units []*catalog.Unit, o *addOptions) error {
	linked, err := reuse.Link(ctx, c, t, units, o.DryRun)
	if err != nil {
		return err
	}
	a.Written, a.Current = !o.DryRun, len(linked.Lines) == 0
	a.Lines, a.Packages = append(a.Lines, linked.Lines...), linked.Packages
	return nil
}

func (a *added) copy(ctx context.Context, c *catalog.Catalog, t *reuse.Target, folder string, units []*catalog.Unit, o *addOptions) error {
	plan, err := reuse.PlanCopy(c, t, folder, units)
	if err != nil {
		return err
	}
	a.note(plan, o.Diff)
	a.Current = plan.Current()
	for _, u := range units {
		a.Packages = append(a.Packages, plan.ImportPath(u))
	}
	if o.DryRun {
		return nil
	}
	err = plan.Apply(ctx, o.Force)
	a.Written = err == nil
	return err
}

// refresh checks everything that a module has from the repository, and with
// --update brings it up to date: the copies, and what its replace lines need.
func (a *added) refresh(ctx context.Context, c *catalog.Catalog, t *reuse.Target, o *addOptions) error {
	links, err := reuse.FindLinks(c, t)
	if err != nil {
		return err
	}
	folders, err := t.Records()
	if err != nil {
		return err
	}
	if len(links.Modules) == 0 && len(folders) == 0 {
		return &core.Error{
			Code: core.CodeNotFound, Message: t.Module + " has no units of " + c.Roots[0].Dir, Hint: addHint,
		}
	}
	a.Linked, a.Lines = links.Modules, append(a.Lines, links.Lines...)
	a.Current = len(links.Lines) == 0
	var plans []*reuse.Plan
	for _, folder := range folders {
		plan, err := reuse.PlanCopy(c, t, folder, nil)
		if err != nil {
			return err
		}
		a.note(plan, o.Diff)
		a.Current = a.Current && plan.Current()
		plans = append(plans, plan)
	}
	if o.Check || o.DryRun {
		return nil
	}
	failed := []error{links.Apply(ctx)}
	for _, plan := range plans {
		failed = append(failed, plan.Apply(ctx, o.Force))
	}
	err = errors.Join(failed...)
	a.Written = err == nil
	return err
}

// note adds a folder of copies to the output.
func (a *added) note(p *reuse.Plan, withDiff bool) {
	c := addedCopies{Folder: p.Folder, Units: []addedUnit{}, Files: []addedFile{}}
	for _, u := range p.Units {
		c.Units = append(c.Units, addedUnit{ID: u.ID, Version: u.Copied, Now: u.Available})
	}
	for _, f := range p.Files {
		if f.State == reuse.Same {
			continue
		}
		file := addedFile{File: f.File, State: f.State}
		if withDiff && f.State != reuse.New {
			name := p.Folder + "/" + f.File
			file.Diff = string(diff.Diff("a/"+name, f.Copy, "b/"+name, f.Fresh))
		}
		c.Files = append(c.Files, file)
	}
	a.Copies = append(a.Copies, c)
	a.Lines = append(a.Lines, p.Lines...)
}

func (a *added) text(w io.Writer, o *addOptions) {
	for _, m := range a.Linked {
		fmt.Fprintln(w, "linked", m)
	}
	for _, c := range a.Copies {
		for _, u := range c.Units {
			fmt.Fprintln(w, u.text(c.Folder))
		}
		fresh := 0
		for _, f := range c.Files {
			if f.State == reuse.New {
				fresh++
				continue
			}
			fmt.Fprintf(w, "  %-8s %s\n%s", f.State, c.Folder+"/"+f.File, f.Diff)
		}
		if fresh > 0 {
			fmt.Fprintf(w, "  %-8s %s\n", reuse.New, plural(fresh, "file"))
		}
	}
	for _, line := range a.Lines {
		fmt.Fprintln(w, "  go.mod  ", line)
	}
	switch {
	case a.Current && len(a.Packages) == 0:
		fmt.Fprintln(w, a.Module+" is up to date")
	case o.Check:
		fmt.Fprintln(w, "next: fn add --update --to "+shown(o.To))
	case len(a.Packages) > 0 && a.Written:
		fmt.Fprintf(w, "next: import %s; then go mod tidy\n", strings.Join(quoted(a.Packages), ", "))
	case a.Written:
		fmt.Fprintln(w, "next: go mod tidy, and your tests")
	}
}

func shown(dir string) string { return filepath.ToSlash(filepath.Clean(dir)) }

func quoted(words []string) []string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = `"` + word + `"`
	}
	return list
}

func (u addedUnit) text(folder string) string {
	switch {
	case u.Version == "":
		return fmt.Sprintf("%s %s, new in %s", u.ID, u.Now, folder)
	case u.Now == "":
		return fmt.Sprintf("%s %s in %s: the repository no longer has it", u.ID, u.Version, folder)
	case u.Version == u.Now:
		return fmt.Sprintf("%s %s in %s", u.ID, u.Version, folder)
	}
	return fmt.Sprintf("%s %s -> %s in %s", u.ID, u.Version, u.Now, folder)
}

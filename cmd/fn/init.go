package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/scaffold"
	"fnregistry.dev/functions/infra/program"
)

const initHelp = `Set up a repository: write fn_registry.yaml at its root, with every key explained and the units folders given or guessed from
the layout. It works in any Go repository, with one module or several.

  fn init                       here, or in the git repository that contains this folder
  fn init --units pkg/text      start with one folder
  fn init --specs               also write initial specs for exported functions without one; can be repeated for new functions

An initial spec contains what can be derived from the code: name, signature, parameters, imports, uses, the first sentence of
the doc comment, a testable example. The rest stays empty, and the linter reports where. Existing files are not overwritten.`

type initOptions struct {
	common
	Units  []string `yaml:"-" flag:"units" doc:"folders in which every exported function is a unit (default: guessed)"`
	Specs  bool     `yaml:"-" flag:"specs" doc:"write initial specs for exported functions that have none"`
	DryRun bool     `yaml:"-" flag:"dry-run" doc:"show fn_registry.yaml, write nothing"`
}

func initCommand() *program.ProgramCommandHandle {
	return command(program.ProgramCommandConfig[*initOptions]{
		Name: "init", Args: "[DIR]", MaxArgs: 1, Doc: "set up a repository: fn_registry.yaml and initial specs", Help: initHelp,
	}, initRepository, nil)
}

func initRepository(ctx context.Context, e *env, o *initOptions, args []string) error {
	if len(args) > 0 {
		e.root = args[0]
	}
	dir, err := e.findRoot(".git")
	if err != nil {
		return err
	}
	done, err := e.initialise(ctx, dir, o.Units, o.Specs, o.DryRun)
	if err != nil {
		return err
	}
	return e.answer(done, func(w io.Writer) { done.text(w, o.DryRun) })
}

// initialised is the output of fn init.
type initialised struct {
	Root     string         `json:"root"`
	Settings *scaffold.File `json:"settings"` // null: it existed
	Specs    []string       `json:"specs"`    // files that were written
	Notes    []string       `json:"notes"`    // skipped functions
	Findings map[string]int `json:"findings"` // the linter's findings in the new specs, by rule: what has to be filled in by hand
	Units    []string       `json:"units"`    // folders in which every exported function needs a spec
}

func (e *env) initialise(ctx context.Context, dir string, units []string, specs, dry bool) (*initialised, error) {
	done := &initialised{Root: dir, Specs: []string{}, Notes: []string{}, Findings: map[string]int{}, Units: []string{}}
	if _, err := os.Stat(filepath.Join(dir, config.FileName)); err != nil || !specs {
		if err := e.settings(ctx, done, units, dry); err != nil {
			return nil, err
		}
	} else if len(units) > 0 {
		return nil, &refusal{message: config.FileName + " exists, so --units changes nothing", hint: "edit it, or omit --units"}
	}
	if !specs || dry {
		return done, nil
	}
	r, err := e.loadFrom(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	root := r.State().Catalog.Roots[0]
	if root.ConfigErr != nil {
		return nil, root.ConfigErr
	}
	done.Units = append(done.Units, root.Config.Units...)
	plan := scaffold.FirstSpecs(r.State().Catalog)
	if err := plan.Write(dir); err != nil {
		return nil, err
	}
	done.Notes = append(done.Notes, plan.Notes...)
	for _, f := range plan.Files {
		done.Specs = append(done.Specs, f.Path)
	}
	if _, err := r.Refresh(ctx); err != nil {
		return nil, err
	}
	left, err := scaffold.Complete(ctx, r.State().Catalog, plan)
	if err != nil {
		return nil, err
	}
	for _, f := range left {
		done.Findings[f.Rule]++
	}
	return done, nil
}

// settings writes fn_registry.yaml.
func (e *env) settings(ctx context.Context, done *initialised, units []string, dry bool) error {
	r, err := e.loadFrom(ctx, done.Root)
	if err != nil {
		return err
	}
	defer r.Close()
	plan, err := scaffold.Settings(r.State().Catalog, units)
	if err != nil {
		return err
	}
	done.Settings = &plan.Files[0]
	if dry {
		return nil
	}
	return plan.Write(done.Root)
}

// guessedNothing reports whether the new settings name no units folder.
func (d *initialised) guessedNothing() bool {
	return d.Settings != nil && strings.Contains(d.Settings.Text, "\nunits: []\n")
}

func (d *initialised) text(w io.Writer, dry bool) {
	if dry && d.Settings != nil {
		fmt.Fprint(w, d.Settings.Text)
		return
	}
	if d.Settings != nil {
		fmt.Fprintln(w, "wrote", filepath.Join(d.Root, config.FileName))
	}
	if len(d.Specs) > 0 {
		fmt.Fprintf(w, "wrote %s\n", plural(len(d.Specs), "initial spec"))
	}
	for _, n := range d.Notes {
		fmt.Fprintln(w, n)
	}
	switch {
	case d.guessedNothing():
		fmt.Fprintln(w, "no folder has exported functions: name the folders of your units in "+config.FileName)
		fmt.Fprintln(w, "next: fn new creates units; for an existing type, fn new NAME --kind type writes its spec")
	case d.Settings == nil && len(d.Specs)+len(d.Notes) == 0:
		fmt.Fprintf(w, "nothing to write: every exported function below units [%s] has a spec, or there is none\n", strings.Join(d.Units, ", "))
		fmt.Fprintln(w, "next: add other folders to units in "+config.FileName+"; for a type, fn new NAME --kind type writes the spec")
	}
	if d.Settings != nil && len(d.Specs) == 0 && !d.guessedNothing() {
		fmt.Fprintln(w, "next: look at units in "+config.FileName+"; fn init --specs writes initial specs for existing code, fn new creates units")
	}
	left := 0
	for _, n := range d.Findings {
		left += n
	}
	if left > 0 {
		fmt.Fprintf(
			w,
			"next: frontmatter-lint shows %s in them to fill in by hand\n",
			plural(left, "place"),
		)
	}
	fmt.Fprintln(w, "next: fn find WORDS, and fn mcp for coding agents")
}

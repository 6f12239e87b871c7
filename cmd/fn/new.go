package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"fnregistry.dev/fn_registry/scaffold"
	"fnregistry.dev/fn_registry/spec"
	"fnregistry.dev/functions/infra/program"
)

const newHelp = `Create a unit: a Go file, a spec and a test that compile and pass the linter. The function returns an error on every call until it
is implemented, and its test expects that.

  fn new slug_make --domain core --pure --description 'Makes a URL slug from a title.' --signature 'func(title string) string'
  fn new http_ping --domain infra --package http
  fn new retry_policy --domain core --kind type
  fn new fetch_and_store --domain infra --package http --kind pipeline --uses http_get_go_infra,file_write_go_infra
  fn new --kind app pinger --uses http_ping_go_infra

An app is a program in apps/NAME: a module of its own (unless it is inside one), added to go.work. In this repository it
is a working server: settings, an API, a page, health and metrics, with tests and a page in docs; units
named in addition are in units.go. In a repository without these units it is a main still to be written, which imports only
the units it names. Existing files are never overwritten. A near duplicate of an existing unit is refused: use that, or add --force.`

type newOptions struct {
	common
	Kind        string   `yaml:"-" flag:"kind" doc:"function, type, pipeline or app"`
	Domain      string   `yaml:"-" flag:"domain" doc:"the domain (an app's default: apps where that is one, else its first unit's)"`
	Package     string   `yaml:"-" flag:"package" doc:"an existing or new package of the domain, or a folder from the root (default: the domain's own)"`
	Signature   string   `yaml:"-" flag:"signature" doc:"Go declaration, with or without the name"`
	Description string   `yaml:"-" flag:"description" doc:"what it does, in one to three sentences"`
	Tags        []string `yaml:"-" flag:"tag" doc:"tags"`
	Pure        bool     `yaml:"-" flag:"pure" doc:"no I/O, clock, randomness or state"`
	Uses        []string `yaml:"-" flag:"uses" doc:"IDs of the units that a pipeline or an app is composed of; a server on this repository's floor may have none"`
	BinaryMBMax float64  `yaml:"-" flag:"binary-mb-max" doc:"an app's budget in MB of 10^6 bytes; 0 means 10"`
	Force       bool     `yaml:"-" flag:"force" doc:"create it even if a near duplicate exists"`
	DryRun      bool     `yaml:"-" flag:"dry-run" doc:"show the files, write nothing"`
}

func newCommand() *program.ProgramCommandHandle {
	return command(program.ProgramCommandConfig[*newOptions]{
		Name: "new", Args: "NAME --domain D", ArgsDoc: "a name in snake_case", MinArgs: 1,
		Doc: "create a unit or a program, with spec and test", Help: newHelp,
		Defaults: &newOptions{Kind: spec.KindFunction},
	}, newUnit, nil)
}

func newUnit(ctx context.Context, e *env, o *newOptions, args []string) error {
	r, err := e.load(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	m, err := carryOut(ctx, r, order{
		Draft: scaffold.Draft{
			Name: args[0], Kind: o.Kind, Domain: o.Domain, Package: o.Package, Signature: o.Signature, Description: o.Description,
			Tags: o.Tags, Pure: o.Pure, Uses: o.Uses, BinaryMBMax: o.BinaryMBMax,
		},
		Force: o.Force, Write: !o.DryRun,
	})
	if err != nil {
		return err
	}
	if err := e.answer(m, func(w io.Writer) { writeMade(w, m) }); err != nil {
		return err
	}
	if len(m.Findings) > 0 {
		return errNothing
	}
	return nil
}

func writeMade(w io.Writer, m *made) {
	for _, f := range m.Files {
		if m.Written {
			fmt.Fprintln(w, "wrote", f.Path)
		} else {
			fmt.Fprintf(w, "-- %s --\n%s", f.Path, f.Text)
		}
	}
	if len(m.Alike) > 0 {
		fmt.Fprintln(w, "look at "+strings.Join(m.Alike, ", ")+" first: it may do this already")
	}
	for _, n := range m.Notes {
		fmt.Fprintln(w, "next:", n)
	}
	for _, f := range m.Findings {
		fmt.Fprintln(w, findingLine(f))
	}
}

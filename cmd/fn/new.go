package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"fnregistry.dev/fn_registry/spec"
)

const newHelp = `Make a unit: Go file, spec and test, that compile and pass the linter at once. The function refuses every call until it is
written, and its test holds it to that.

  fn new slug_make --domain core --pure --description 'Makes a URL slug from a title.' --signature 'func(title string) string'
  fn new http_ping --domain infra --package http
  fn new retry_policy --domain core --kind type
  fn new fetch_and_store --domain infra --package http --kind pipeline --uses http_get_go_infra,file_write_go_infra
  fn new --kind app pinger --uses http_ping_go_infra

An app is a program in apps/NAME: a module of its own (unless a module is above it), entered in go.work, that imports just the
units it names. A file that exists is never overwritten. Something that nearly exists is refused: use it, or say --force.`

func (e *env) newCommand() *cobra.Command {
	var o order
	var dry bool
	c := &cobra.Command{
		Use:               "new NAME --domain D",
		Short:             "make a unit or a program, with spec and test",
		Long:              newHelp,
		Args:              args(1, 1, "a name in snake_case"),
		ValidArgsFunction: noCompletion,
		RunE: func(c *cobra.Command, args []string) error {
			o.Name, o.Write = args[0], !dry
			r, err := e.load(c.Context())
			if err != nil {
				return err
			}
			defer r.Close()
			m, err := carryOut(c.Context(), r, o)
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
		},
	}
	f := c.Flags()
	f.StringVar(&o.Kind, "kind", spec.KindFunction, "function, type, pipeline or app")
	f.StringVar(&o.Domain, "domain", "", "the domain (an app's default: apps where that is one, else its first unit's)")
	f.StringVar(&o.Package, "package", "", "a package of the domain, there or new, or a folder from the root (default: the domain's own)")
	f.StringVar(&o.Signature, "signature", "", "Go declaration, with or without the name")
	f.StringVar(&o.Description, "description", "", "what it is to do, in one to three sentences")
	f.StringSliceVar(&o.Tags, "tag", nil, "tags")
	f.BoolVar(&o.Pure, "pure", false, "no I/O, clock, randomness or state")
	f.StringSliceVar(&o.Uses, "uses", nil, "IDs of the units that a pipeline or an app is composed of")
	f.Float64Var(&o.BinaryMBMax, "binary-mb-max", 0, "an app's budget in MB of 10^6 bytes (default 10)")
	f.BoolVar(&o.Force, "force", false, "make it although something nearly the same exists")
	f.BoolVar(&dry, "dry-run", false, "show the files, write nothing")
	e.completeWords(c, "kind", kindWords)
	e.completeDomains(c)
	must(c.RegisterFlagCompletionFunc("uses", e.completeIDList))
	return c
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

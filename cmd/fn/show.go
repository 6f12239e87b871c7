package main

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/infra/program"
)

func showCommand() *program.ProgramCommandHandle {
	return command(program.ProgramCommandConfig[*common]{
		Name: "show", Args: "ID", ArgsDoc: aUnit, MinArgs: 1,
		Doc:  "show a unit: signature, parameters, example, gotchas, who uses it, findings",
		Help: "Show everything about one unit. ID is its ID (error_code_go_core), its name (error_code) or its Go symbol (core.ErrorCode).",
	}, show, (*env).completeUnit)
}

func show(ctx context.Context, e *env, _ *common, args []string) error {
	s, done, err := e.state(ctx)
	if err != nil {
		return err
	}
	defer done()
	id, err := s.Resolve(args[0])
	if err != nil {
		return err
	}
	d, err := s.Get(id)
	if err != nil {
		return err
	}
	return e.answer(d, func(w io.Writer) { writeDetail(w, d) })
}

// writeDetail prints a unit as a page of text.
func writeDetail(w io.Writer, d *registry.Detail) {
	facts := []string{d.Kind}
	for _, f := range []string{d.Purity, d.Version} {
		if f != "" {
			facts = append(facts, f)
		}
	}
	fmt.Fprintf(w, "%s  (%s)\n", d.ID, strings.Join(facts, ", "))
	if d.Signature != "" {
		fmt.Fprintln(w, d.Signature)
	}
	if d.Description != "" {
		fmt.Fprintf(w, "\n%s\n", d.Description)
	}
	fmt.Fprintln(w)
	columns(w, [][2]string{
		{"import", importLine(d)}, {"code", place(d)}, {"spec", d.SpecFile}, {"tests", strings.Join(d.Spec.Tests, ", ")},
		{"tags", strings.Join(d.Tags, ", ")}, {"build tags", strings.Join(d.Spec.BuildTags, ", ")}, {"run", d.Spec.Run},
		{"size", sizeLine(d)},
	})
	writeParams(w, d)
	if d.Spec.Output != "" {
		fmt.Fprintf(w, "\nOutput\n  %s\n", d.Spec.Output)
	}
	writeRefs(w, "Uses", d.Uses)
	writeIDs(w, "Used by", d.UsedBy)
	if len(d.Apps) > 0 {
		fmt.Fprintf(w, "\nPart of\n  %s\n", strings.Join(d.Apps, "\n  "))
	}
	for _, s := range d.Body.Sections {
		if text := strings.TrimSpace(s.Markdown); text != "" {
			if s.Heading != "" {
				fmt.Fprintf(w, "\n%s\n", s.Heading)
			}
			fmt.Fprintf(w, "%s\n", indent(text))
		}
	}
	writeFindings(w, d)
}

// sizeLine is empty until fn size has measured the unit's current code.
func sizeLine(d *registry.Detail) string {
	switch {
	case d.Bytes == nil:
		return ""
	case d.Kind == "app":
		return megabytes(*d.Bytes)
	}
	return megabytes(*d.Bytes) + " more in a small server's binary"
}

func importLine(d *registry.Detail) string {
	if d.Kind == "app" || d.ImportPath == "" {
		return ""
	}
	if d.Package != path.Base(d.ImportPath) {
		return d.Package + ` "` + d.ImportPath + `"`
	}
	return `"` + d.ImportPath + `"`
}

func place(d *registry.Detail) string {
	if d.Line == 0 {
		return d.FilePath
	}
	return fmt.Sprintf("%s:%d", d.FilePath, d.Line)
}

func writeParams(w io.Writer, d *registry.Detail) {
	if len(d.Spec.Params) == 0 {
		return
	}
	fmt.Fprintln(w, "\nParameters")
	var pairs [][2]string
	for _, p := range d.Spec.Params {
		desc := p.Desc
		if desc == "" {
			desc = "(not described)"
		}
		pairs = append(pairs, [2]string{p.Name, desc})
	}
	columns(w, pairs)
}

func writeRefs(w io.Writer, title string, refs []registry.Ref) {
	if len(refs) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	for _, r := range refs {
		fmt.Fprintf(w, "  %s  %s\n", r.ID, r.Description)
	}
}

// writeIDs prints only the IDs of units: there may be many, and fn show
// describes each.
func writeIDs(w io.Writer, title string, refs []registry.Ref) {
	if len(refs) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	for _, r := range refs {
		fmt.Fprintf(w, "  %s\n", r.ID)
	}
}

func writeFindings(w io.Writer, d *registry.Detail) {
	if len(d.Findings) > 0 {
		fmt.Fprintln(w, "\nFindings")
	}
	for _, f := range d.Findings {
		fmt.Fprintln(w, "  "+findingLine(f))
	}
	if d.Stale {
		fmt.Fprintln(w, "\nThe spec's file has changed since it was read.")
	}
}

// indent indents a text, except empty lines.
func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	return b.String()
}

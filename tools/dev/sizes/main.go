// Command sizes checks every unit of the repository against its import limits
// (drivers in fn_registry.yaml, forbidden_imports in its spec), and every
// program against its budget (binary_mb_max) and the packages that it must not
// link (forbidden_imports). It reports the headroom, and by which packages a
// program grew since a revision: the one given by -since, or the last one that
// has other files. With -o it builds the programs into a folder and measures
// nothing. Exit status: 0, 1 if a limit is exceeded, 2 if something can't be
// built.
package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/size"
	"fnregistry.dev/functions/infra/program"
)

type settings struct {
	Out   string `yaml:"-" flag:"out" short:"o" doc:"build all programs into this folder"`
	Since string `yaml:"-" flag:"since" doc:"list what was added to every program since this revision (default: only for programs over budget)"`
}

func main() {
	program.ProgramMain(program.ProgramRunConfig{
		Name: "sizes", Doc: "check what units and programs link, and the size of programs",
		ExitCode: func(error) int { return 2 },
		Commands: []*program.ProgramCommandHandle{program.ProgramCommand(program.ProgramCommandConfig[*settings]{Run: sizes})},
	})
}

func sizes(ctx context.Context, call program.ProgramCall[*settings]) error {
	c, _, err := catalog.Load(ctx, catalog.Options{Roots: []string{"."}})
	if err != nil {
		return err
	}
	if call.Settings.Out != "" {
		return build(ctx, c, call.Settings.Out, call.Stdout)
	}
	kept, err := rooms(ctx, c, call.Stdout)
	if err != nil {
		return err
	}
	var compared []*catalog.Unit
	for _, u := range apps(c) {
		p, err := size.Measure(ctx, c, u)
		if err != nil {
			return err
		}
		fmt.Fprintln(call.Stdout, line(p))
		kept = kept && p.OK()
		if call.Settings.Since != "" || over(p) {
			compared = append(compared, u)
		}
	}
	if len(compared) > 0 {
		if err := compare(ctx, c, compared, call.Settings.Since, call.Stdout); err != nil {
			return err
		}
	}
	if kept {
		return nil
	}
	if len(compared) > 0 {
		fmt.Fprint(call.Stdout, whatToDo)
	}
	return program.ProgramExit(1)
}

// whatToDo is printed after the growth of a program over its budget.
const whatToDo = `
Over its budget: look for the package above that the program needs least, and
for the import that links it (go run ./cmd/fn size UNIT says what a unit adds).
Where the growth is worth it, raise binary_mb_max in the program's spec and
say why in docs/decisions/0007-small-builds.md.
`

func apps(c *catalog.Catalog) (all []*catalog.Unit) {
	for _, u := range c.Units {
		if u.IsApp() {
			all = append(all, u)
		}
	}
	return all
}

func over(p *size.Program) bool { return p.Max > 0 && p.MB() > p.Max }

// line reports on a program: its size, and its headroom.
func line(p *size.Program) string {
	verdict := "no budget"
	switch {
	case len(p.Forbidden) > 0:
		verdict = "links " + strings.Join(p.Forbidden, ", ")
	case over(p):
		verdict = fmt.Sprintf("over its budget by %.0f kB", 1000*(p.MB()-p.Max))
	case p.Max > 0:
		verdict = fmt.Sprintf("%.0f kB left", 1000*(p.Max-p.MB()))
	}
	return fmt.Sprintf("%-24s %6.2f MB of %5.2f  %s", p.App.Spec.Name, p.MB(), p.Max, verdict)
}

// build builds all programs into a folder.
func build(ctx context.Context, c *catalog.Catalog, out string, stdout io.Writer) error {
	for _, u := range apps(c) {
		binary := filepath.Join(out, u.Spec.Name)
		if err := size.Build(ctx, c, u, binary); err != nil {
			return err
		}
		fmt.Fprintln(stdout, binary)
	}
	return nil
}

// rooms checks every unit for packages that must not be linked with it, and
// reports whether all comply.
func rooms(ctx context.Context, c *catalog.Catalog, stdout io.Writer) (bool, error) {
	report, err := size.Rooms(ctx, c)
	if err != nil {
		return false, err
	}
	for _, b := range report.Breaks {
		fmt.Fprintln(stdout, b)
	}
	for _, folder := range report.Idle {
		fmt.Fprintf(
			stdout,
			"no unit in %s links the driver that fn_registry.yaml gives it: are its imports right?\n",
			folder,
		)
	}
	if report.OK() {
		fmt.Fprintf(stdout, "%d units link no driver but their own folder's, and nothing that they forbid\n", report.Checked)
	}
	return report.OK(), nil
}

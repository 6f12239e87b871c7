// Command sizes holds every unit of the repository to its room (drivers in
// fn_registry.yaml, forbidden_imports in its spec), and every program to its
// budget (binary_mb_max) and to the packages that it must not link
// (forbidden_imports). With -o it builds the programs into a folder and
// measures nothing. Exit status: 0, 1 when one breaks its word, 2 when one
// can't be built.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/size"
)

func main() {
	out := flag.String("o", "", "build all programs into this `folder`")
	flag.Parse()
	os.Exit(run(context.Background(), *out, os.Stdout, os.Stderr))
}

func run(ctx context.Context, out string, stdout, stderr io.Writer) int {
	c, _, err := catalog.Load(ctx, catalog.Options{Roots: []string{"."}})
	if err != nil {
		fmt.Fprintf(stderr, "sizes: %v\n", err)
		return 2
	}
	code := 0
	if out == "" {
		if code = rooms(ctx, c, stdout, stderr); code > 1 {
			return code
		}
	}
	for _, u := range c.Units {
		if !u.IsApp() {
			continue
		}
		if out != "" {
			binary := filepath.Join(out, u.Spec.Name)
			if err := size.Build(ctx, c, u, binary); err != nil {
				fmt.Fprintf(stderr, "sizes: %v\n", err)
				return 2
			}
			fmt.Fprintln(stdout, binary)
			continue
		}
		p, err := size.Measure(ctx, c, u)
		if err != nil {
			fmt.Fprintf(stderr, "sizes: %v\n", err)
			return 2
		}
		verdict := "ok"
		switch {
		case len(p.Forbidden) > 0:
			verdict = "links " + strings.Join(p.Forbidden, ", ")
		case !p.OK():
			verdict = "over its budget"
		}
		if !p.OK() {
			code = 1
		}
		fmt.Fprintf(stdout, "%-24s %6.2f MB of %5.2f  %s\n", u.Spec.Name, p.MB(), p.Max, verdict)
	}
	return code
}

// rooms holds every unit to the packages that must not be linked with it.
func rooms(ctx context.Context, c *catalog.Catalog, stdout, stderr io.Writer) int {
	report, err := size.Rooms(ctx, c)
	if err != nil {
		fmt.Fprintf(stderr, "sizes: %v\n", err)
		return 2
	}
	for _, b := range report.Breaks {
		fmt.Fprintln(stdout, b)
	}
	for _, folder := range report.Idle {
		fmt.Fprintf(stdout, "no unit in %s links the driver that fn_registry.yaml gives it: are its imports right?\n", folder)
	}
	if !report.OK() {
		return 1
	}
	fmt.Fprintf(stdout, "%d units link no driver but their own folder's, and nothing that they forbid\n", report.Checked)
	return 0
}

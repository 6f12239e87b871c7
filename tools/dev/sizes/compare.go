package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/size"
	"fnregistry.dev/tools/dev/internal/gitrev"
)

// shown is the maximum number of packages listed per program, and least the
// smallest listed change in bytes.
const (
	shown = 12
	least = 500
)

// compare builds the programs in their current state and at a revision, and
// lists the packages by which they grew. The revision "" means the point where
// the branch diverged from its upstream, or else the last one before the
// current files.
func compare(
	ctx context.Context,
	c *catalog.Catalog,
	apps []*catalog.Unit,
	since string,
	stdout io.Writer,
) (err error) {
	if since == "" {
		if since, err = gitrev.Earlier(ctx); err != nil {
			return err
		}
	}
	temp, err := os.MkdirTemp("", "sizes")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	then := filepath.Join(temp, "then")
	if _, err := gitrev.Git(ctx, "worktree", "add", "--detach", then, since); err != nil {
		return err
	}
	defer gitrev.Git(context.WithoutCancel(ctx), "worktree", "remove", "--force", then)
	old, _, err := catalog.Load(ctx, catalog.Options{Roots: []string{then}})
	if err != nil {
		return err
	}
	for _, app := range apps {
		now, err := weigh(ctx, c, app, temp)
		if err != nil {
			return err
		}
		var before map[string]int64
		at := slices.IndexFunc(old.Units, func(u *catalog.Unit) bool { return u.ID == app.ID })
		if at < 0 {
			fmt.Fprintf(stdout, "\n%s is new since %s; its largest packages:\n", app.Spec.Name, since)
		} else {
			if before, err = weigh(ctx, old, old.Units[at], temp); err != nil {
				return err
			}
			fmt.Fprintf(stdout, "\n%s since %s, in kB:\n", app.Spec.Name, since)
		}
		list(stdout, growths(before, now))
	}
	return nil
}

// list prints changes by package, and the sum of those too small to list.
func list(stdout io.Writer, all []growth) {
	var rest, sum int64
	for i, g := range all {
		sum += g.bytes
		if i >= shown || abs(g.bytes) < least {
			rest += g.bytes
			continue
		}
		fmt.Fprintf(stdout, "%+9.1f  %s\n", float64(g.bytes)/1000, g.pkg)
	}
	if rest != 0 {
		fmt.Fprintf(stdout, "%+9.1f  all others\n", float64(rest)/1000)
	}
	fmt.Fprintf(stdout, "%+9.1f  in all\n", float64(sum)/1000)
}

func weigh(ctx context.Context, c *catalog.Catalog, app *catalog.Unit, temp string) (map[string]int64, error) {
	binary := filepath.Join(temp, "program")
	if err := size.BuildWithSymbols(ctx, c, app, binary); err != nil {
		return nil, err
	}
	return packageBytes(binary)
}

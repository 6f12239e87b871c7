// Gentree writes a repository of N generated units, for benchmarks: Go code
// that compiles, passes go vet and its own tests, with specs in which
// frontmatter-lint finds nothing. Words in names and prose are distributed as
// in real text (few words often, many words rarely), units use each other, and
// some are used by very many.
//
//	go run ./tools/dev/gentree -n 10000 -seed 1 -out DIR
//
// The same n and seed produce the same bytes.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fnregistry.dev/functions/infra/program"
)

type settings struct {
	N      int    `yaml:"-" flag:"units" short:"n" doc:"how many units to write (programs come on top, one for each 500 units)"`
	Seed   uint64 `yaml:"-" flag:"seed" doc:"seed of the generator"`
	Out    string `yaml:"-" flag:"out" doc:"the folder to write to; it must be missing or empty"`
	Commit bool   `yaml:"-" flag:"commit" doc:"commit the files to the repository (for frontmatter-lint -changed HEAD); this takes longer than all the rest"`
}

func main() { program.ProgramMain(gentree()) }

func gentree() program.ProgramRunConfig {
	return program.ProgramRunConfig{
		Name: "gentree", Doc: "write a repository of generated units, for benchmarks",
		Commands: []*program.ProgramCommandHandle{program.ProgramCommand(program.ProgramCommandConfig[*settings]{
			Defaults: &settings{N: 1000, Seed: 1}, Run: generate,
		})},
	}
}

func generate(ctx context.Context, call program.ProgramCall[*settings]) error {
	cfg := call.Settings
	switch {
	case cfg.Out == "":
		return errors.New("no -out given")
	case cfg.N < 1 || cfg.N > maxUnits:
		return fmt.Errorf("--units is %d; it can be 1 to %d", cfg.N, maxUnits)
	}
	start := time.Now()
	tree := newPlan(cfg.N, cfg.Seed)
	if err := writeTree(ctx, tree, cfg.Out); err != nil {
		return err
	}
	if err := initRepository(ctx, cfg.Out, cfg.Commit); err != nil {
		return err
	}
	_, err := fmt.Fprintf(call.Stdout, "%s: %d units in %d packages, %d programs, %.1f s\n",
		cfg.Out, len(tree.units), len(tree.packages), len(tree.apps), time.Since(start).Seconds())
	return err
}

// Mutate changes the code of packages in one small place at a time and runs
// their tests: a change that no test detects is a mistake that could go
// unnoticed.
//
//	go run ./tools/dev/mutate -n 60 ./fn_registry/...
//
// It draws a sample, and prints the seed that reproduces it, each surviving
// mutant, and the score: the share of mutants that a test detected. It writes
// no files: the go command reads the changed file through -overlay.
package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"fnregistry.dev/functions/infra/program"
)

type settings struct {
	N       int           `yaml:"-" flag:"mutants" short:"n" doc:"how many mutants to try" min:"1"`
	Seed    uint64        `yaml:"-" flag:"seed" doc:"seed of the sample; 0: a random one"`
	Min     float64       `yaml:"-" flag:"min" doc:"fail below this score in percent"`
	Timeout time.Duration `yaml:"-" flag:"timeout" doc:"a test that takes longer counts as failed"`
	Dir     string        `yaml:"-" flag:"dir" doc:"the folder to run the go command in"`
}

func main() { program.ProgramMain(mutateProgram()) }

func mutateProgram() program.ProgramRunConfig {
	return program.ProgramRunConfig{
		Name: "mutate", Doc: "find changes of code that no test detects",
		Commands: []*program.ProgramCommandHandle{program.ProgramCommand(program.ProgramCommandConfig[*settings]{
			Args: "PACKAGE...", MinArgs: 1, MaxArgs: -1,
			Defaults: &settings{N: 60, Timeout: 2 * time.Minute, Dir: "."}, Run: mutate,
		})},
	}
}

func mutate(ctx context.Context, call program.ProgramCall[*settings]) error {
	cfg, stdout := call.Settings, call.Stdout
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64N(1 << 32)
	}
	packages, err := list(ctx, cfg.Dir, call.Args)
	if err != nil {
		return err
	}
	var all []mutant
	for _, p := range packages {
		found, err := mutantsOf(p)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	r := rand.New(rand.NewPCG(cfg.Seed, 0))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	fmt.Fprintf(stdout, "seed %d: %d of %d mutants in %d packages\n", cfg.Seed, min(cfg.N, len(all)), len(all), len(packages))
	t := trial{dir: cfg.Dir, timeout: cfg.Timeout, packages: packages, green: map[string]bool{}}
	score, err := t.sample(ctx, all, cfg.N, stdout)
	if err != nil {
		return err
	}
	if score < cfg.Min {
		return fmt.Errorf("the score is %.1f %%, less than %.1f", score, cfg.Min)
	}
	return nil
}

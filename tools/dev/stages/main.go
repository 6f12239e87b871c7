// Command stages runs the tests of all modules in stages, each with the servers
// that it needs, and sums up which failed and what was skipped. A failing stage
// does not stop the others.
//
//	stages test     every stage once
//	stages flaky    every stage FLAKY_COUNT times, idle and next to busy loops
//	stages soak     kills of sqlite_api, and the Matrix proof SOAK_RUNS times,
//	                next to busy loops
//
// The make targets of these names build and run it, in the root of the
// repository; make help and the type config list their variables. Exit status:
// 0, 1 when a stage failed, 2 when none could be run, 128 and the signal's
// number when one ended it.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// config is what the make targets pass in the environment.
type config struct {
	race        bool     // RACE=1: under the race detector
	skipServers bool     // SKIP_SERVERS=1: start no server
	stages      []string // STAGES: names of the stages to run; default all
	packages    []string // PKG: the packages to run, as patterns; default all
	count       int      // FLAKY_COUNT: runs of each package; default 20
	runs        int      // SOAK_RUNS: proofs on each server; default 100
	messages    int      // SOAK_MESSAGES: messages of each proof; default 2000
	kills       int      // SOAK_KILLS: kills of sqlite_api for each driver and journal mode; default 200
	busy        int      // BUSY: busy loops; default one more than there are CPUs
}

func configFrom(command string, env func(string) string) (config, error) {
	cfg := config{stages: strings.Fields(env("STAGES")), packages: strings.Fields(env("PKG"))}
	for _, flag := range []struct {
		name string
		to   *bool
	}{{"RACE", &cfg.race}, {"SKIP_SERVERS", &cfg.skipServers}} {
		switch text := env(flag.name); text {
		case "", "0":
		case "1":
			*flag.to = true
		default: // "yes"? "true"? Don't start servers by mistake
			return cfg, fmt.Errorf("%s must be 1 or 0, not %q", flag.name, text)
		}
	}
	if command == "soak" && (cfg.race || cfg.skipServers || len(cfg.stages) > 0 || len(cfg.packages) > 0) {
		return cfg, fmt.Errorf("soak takes SOAK_RUNS, SOAK_MESSAGES, SOAK_KILLS and BUSY, not RACE, SKIP_SERVERS, STAGES or PKG")
	}
	for _, number := range []struct {
		name        string
		to          *int
		value, most int
	}{
		{"FLAKY_COUNT", &cfg.count, 20, 10_000}, // for which a package has four weeks
		{"SOAK_RUNS", &cfg.runs, 100, 1_000_000},
		{"SOAK_MESSAGES", &cfg.messages, 2000, 1_000_000},
		{"SOAK_KILLS", &cfg.kills, 200, 10_000},
		{"BUSY", &cfg.busy, runtime.NumCPU() + 1, 1000}, // threads
	} {
		*number.to = number.value
		if text := env(number.name); text != "" {
			value, err := strconv.Atoi(text)
			if err != nil || value < 1 || value > number.most {
				return cfg, fmt.Errorf("%s must be a number from 1 to %d, not %q", number.name, number.most, text)
			}
			*number.to = value
		}
	}
	for _, name := range cfg.stages {
		if !slices.Contains(stageNames, name) {
			return cfg, fmt.Errorf("there is no stage %q; there are %s", name, strings.Join(stageNames, ", "))
		}
		if name == synapseStage && cfg.skipServers {
			return cfg, fmt.Errorf("stage %s needs a server, and SKIP_SERVERS=1 starts none", name)
		}
	}
	return cfg, nil
}

// The children are started by the main thread, whose end is the end of this
// process and, on Linux, of theirs (see endWithParent). So this can't use
// program_main, which runs a command in a goroutine.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) > 2 && os.Args[1] == guardCommand {
		os.Exit(guard(os.Args[2:]))
	}
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

func run(args []string, env func(string) string, stdout, stderr io.Writer) int {
	fail := func(err error) int {
		fmt.Fprintf(stderr, "stages: error: %v\n", err)
		return 2
	}
	if len(args) != 1 {
		return fail(fmt.Errorf("want test, flaky or soak"))
	}
	cfg, err := configFrom(args[0], env)
	if err != nil {
		return fail(err)
	}
	r := newRunner(stdout, stderr)
	defer r.close()
	if !cfg.skipServers {
		dir, err := os.MkdirTemp("", "stages-")
		if err != nil {
			return fail(err)
		}
		defer os.RemoveAll(dir)
		// Not go run: a signal that ends go run does not reach its program.
		r.testenv = filepath.Join(dir, "testenv")
		if out, err := exec.Command("go", "build", "-o", r.testenv, "./tools/testenv").CombinedOutput(); err != nil {
			return fail(fmt.Errorf("build testenv: %w\n%s", err, out))
		}
	}
	switch args[0] {
	case "test":
		err = test(r, cfg)
	case "flaky":
		err = flaky(r, cfg)
	case "soak":
		err = soak(r, cfg)
	default:
		err = fmt.Errorf("there is no %q; there are test, flaky and soak", args[0])
	}
	if err != nil {
		return fail(err)
	}
	return r.sumUp()
}

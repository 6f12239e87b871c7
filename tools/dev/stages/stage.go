package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// stage is one run of go test with its servers.
type stage struct {
	name    string
	title   string
	servers []string // for testenv up; nil: none
	args    []string // of go test
}

// The stages, in their order.
const (
	mainStage     = "main"
	dendriteStage = "dendrite"
	synapseStage  = "synapse"
	mattnStage    = "sqlite_mattn"
	untaggedStage = "untagged"
)

var stageNames = []string{mainStage, dendriteStage, synapseStage, mattnStage, untaggedStage}

const (
	matrixFolder = "fnregistry.dev/functions/infra/matrix"
	sqliteFolder = "fnregistry.dev/functions/infra/sqlite"
	timeout      = 20 * time.Minute // of one package's tests
)

// stages returns the stages to run. Each package runs count times in its stage.
func stages(cfg config, count int) ([]stage, error) {
	packages, err := goList(cfg.packages)
	if err != nil {
		return nil, err
	}
	inMatrix := func(p string) bool { return within(p, matrixFolder) }
	plain := slices.DeleteFunc(slices.Clone(packages), inMatrix)
	matrix := only(packages, inMatrix)
	sqlite := only(packages, func(p string) bool { return cfg.race && within(p, sqliteFolder) })
	crypto := only(packages, func(p string) bool { return p == matrixFolder+"/matrixcrypto" })

	var list []stage
	add := func(name, title string, servers, packages []string, args ...string) {
		if len(packages) == 0 || len(cfg.stages) > 0 && !slices.Contains(cfg.stages, name) {
			return
		}
		if cfg.skipServers {
			servers = nil
		}
		list = append(list, stage{name, title, servers, slices.Concat(repeat(count), args, packages)})
	}
	// make lint vets all packages, with more checks than go test has and with
	// these tags.
	flags := []string{"-vet=off"}
	if cfg.race {
		flags = append(flags, "-race")
	}
	add(mainStage, "main packages", []string{"postgres", "clickhouse", "keyring", "matrix"}, plain, flags...)
	// A homeserver on two cores answers late when much else runs, so the
	// Matrix packages have it one after the other.
	one := append([]string{"-p=1"}, flags...)
	if cfg.skipServers {
		add(dendriteStage, "Matrix packages", nil, matrix, one...)
	} else {
		add(dendriteStage, "Matrix packages on Dendrite", []string{"matrix"}, matrix, one...)
		// Without the race detector, for time: what it could find here,
		// the stage on Dendrite runs, too.
		add(synapseStage, "Matrix packages on Synapse", []string{"postgres", "matrix=synapse"}, matrix, "-p=1", "-vet=off")
	}
	add(mattnStage, "SQLite packages with mattn's driver", nil, sqlite, "-race", "-tags=sqlite_mattn,sqlite_fts5")
	add(untaggedStage, "matrixcrypto without tags", nil, crypto, "-tags=")
	return list, nil
}

// repeat returns the arguments for count runs of each test, with enough time
// for them. Cached results never count: a test that builds another program, or
// reads files of another module as tools/dev/opstest does, looks unchanged to
// go test if only those changed.
func repeat(count int) []string {
	return []string{"-count=" + strconv.Itoa(count), "-timeout=" + (timeout * time.Duration((count+4)/5)).String()}
}

func only(packages []string, in func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(packages), func(p string) bool { return !in(p) })
}

func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

// goList returns the packages that match the patterns; without patterns, all of
// the workspace.
func goList(patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		patterns = []string{"work"}
	}
	cmd := exec.Command("go", append([]string{"list"}, patterns...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w\n%s", strings.Join(patterns, " "), err, &stderr)
	}
	return strings.Fields(string(out)), nil
}

// command returns the stage's command, in the environment and folder of this
// process.
func (s stage) command(testenv string) []string {
	test := append([]string{"go", "test", "-json"}, s.args...)
	if s.servers == nil {
		return test
	}
	return slices.Concat([]string{testenv, "up"}, s.servers, []string{"--"}, test)
}

// test runs every stage once.
func test(r *runner, cfg config) error {
	list, err := stages(cfg, 1)
	if err != nil {
		return err
	}
	for _, s := range list {
		r.run(s.title, s.command(r.testenv))
	}
	return nil
}

// flaky runs every stage cfg.count times, idle and next to busy loops.
func flaky(r *runner, cfg config) error {
	list, err := stages(cfg, cfg.count)
	if err != nil {
		return err
	}
	for _, s := range list {
		r.run(fmt.Sprintf("%s, %d times", s.title, cfg.count), s.command(r.testenv))
		if r.ended() {
			continue // it is reported for the rest, too
		}
		stop := busy(cfg.busy)
		r.run(fmt.Sprintf("%s, %d times next to %d busy loops", s.title, cfg.count, cfg.busy), s.command(r.testenv))
		stop()
	}
	return nil
}

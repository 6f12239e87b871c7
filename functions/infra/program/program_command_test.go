package program_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnregistry.dev/functions/infra/program"
)

func TestProgramCommand_Complete(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"":                           "list\tlist what there is|fail\tfail|config\tprint the effective settings and where each comes from|completion\tprint a shell completion script: bash, zsh, fish|help\tsay what a command does|:none",
		"co":                         "config\tprint the effective settings and where each comes from|completion\tprint a shell completion script: bash, zsh, fish|:none",
		"help fa":                    "fail\tfail|:none",
		"completion ":                "bash|fish|zsh|:none",
		"list --al":                  "--all\talso what is sold out|:none",
		"list --kind fr":             "fruit|:nospace",
		"list -k fruit,to":           "fruit,tool|:nospace",
		"list --kind=fruit,":         "--kind=fruit,fruit|--kind=fruit,tool|:nospace",
		"--limit 3 list b a-":        "a--3-[b]|:none",
		"list --limit 4 --addr a-a":  "a-addr-4-[]|:none",
		"list -- --al":               ":none",
		"list --config ":             ":files",
		"fail ":                      ":files",
		"fail a b c":                 ":none",
		"config j":                   "json|:none",
		"config --log-format ":       "text|json|:none",
		"list --log-level=d":         "--log-level=debug|:none",
		"list --nonsense x --kind f": "fruit|:nospace",
	} {
		got := start(t.Context(), shop(), nil, append([]string{"__complete"}, strings.Split(words, " ")...)...)
		if want = strings.ReplaceAll(want, "|", "\n") + "\n"; got.code != 0 || got.stdout != want || got.stderr != "" {
			t.Errorf("%q: %+v", words, got)
		}
	}
}

// Where Complete has nothing to say, words are files; behind the last argument
// there are none.
func TestProgramCommand_CompleteFiles(t *testing.T) {
	t.Parallel()
	cfg := program.ProgramRunConfig{Name: "read", Doc: "reads", Commands: []*program.ProgramCommandHandle{
		program.ProgramCommand(program.ProgramCommandConfig[*struct{}]{
			Args: "FILE LINE", MinArgs: 2, MaxArgs: 2, Run: nothing,
			Complete: func(_ context.Context, c program.ProgramCompletion[*struct{}]) []string {
				return [][]string{nil, {"1"}, {"never"}}[len(c.Args)]
			},
		}),
	}}
	for words, want := range map[string]string{"": ":files\n", "a ": "1\n:none\n", "a 1 ": ":none\n"} {
		got := start(t.Context(), cfg, nil, append([]string{"__complete"}, strings.Split(words, " ")...)...)
		if !strings.HasSuffix(got.stdout, want) || strings.Contains(got.stdout, "never") {
			t.Errorf("%q: %+v", words, got)
		}
	}
}

// Bugs in a program's declaration show at its first start, so in every test of
// it.
func TestProgramCommand_Defects(t *testing.T) {
	t.Parallel()
	run := func(context.Context, program.ProgramCall[*struct{}]) error { return nil }
	plain := func(name string) *program.ProgramCommandHandle {
		return program.ProgramCommand(program.ProgramCommandConfig[*struct{}]{Name: name, Run: run})
	}
	type twice struct {
		A bool `yaml:"-" flag:"all" doc:"x"`
		B bool `yaml:"all" doc:"x"`
	}
	type some struct {
		A bool `yaml:"one" doc:"x"`
	}
	type other struct {
		B bool `yaml:"two" doc:"x"`
	}
	type version struct {
		V string `yaml:"version" doc:"x"`
	}
	type config struct {
		C string `yaml:"config" doc:"x"`
	}
	type short struct {
		H string `yaml:"-" flag:"host" short:"h" doc:"x"`
	}
	type option struct {
		B bool `flag:"b" doc:"x"`
	}
	for want, commands := range map[string][]*program.ProgramCommandHandle{
		"no name or no command":               nil,
		`two commands are called "help"`:      {plain("help")},
		`two commands are called "a"`:         {plain("a"), plain("a")},
		`command "a" has no Run`:              {program.ProgramCommand(program.ProgramCommandConfig[*struct{}]{Name: "a"})},
		"there are two flags --all":           {command[twice]("a")},
		`command "b" has other settings than`: {command[some]("a"), command[other]("b")},
		"version can't be a flag of its own":  {command[version]("a")},
		"config can't be a flag of its own":   {command[config]("a")},
		"every program has -h":                {command[short]("a")},
		`option --b needs the tag yaml:"-"`:   {command[option]("a")},
	} {
		got := start(t.Context(), program.ProgramRunConfig{Name: "x", Doc: "x", Commands: commands}, nil, "a")
		if got.code != 70 || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: %+v", want, got)
		}
	}
}

// Values that one call reads into maps and through pointers do not leak into
// the next one's defaults.
func TestProgramCommand_DefaultsAreNotShared(t *testing.T) {
	t.Parallel()
	type job struct {
		Args []string `yaml:"args"`
	}
	type inner struct {
		Limits *struct {
			CPU int `yaml:"cpu"`
		} `yaml:"limits" doc:"x"`
	}
	type jobs struct {
		Jobs  map[string]job   `yaml:"jobs" doc:"x"`
		Roots []string         `yaml:"roots" doc:"x"`
		Any   any              `yaml:"any" doc:"x"`
		Log   *strings.Builder `yaml:"-"`
		inner
	}
	log := new(strings.Builder)
	defaults := &jobs{Jobs: map[string]job{"a": {Args: []string{"b"}}}, Roots: []string{"c"}, Any: map[string]any{"d": 1}, Log: log}
	defaults.Limits = &struct {
		CPU int `yaml:"cpu"`
	}{CPU: 1}
	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, []byte("jobs: {n: {args: [x]}}\nlimits: {cpu: 9}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := program.ProgramRunConfig{Name: "x", Doc: "x", Commands: []*program.ProgramCommandHandle{
		program.ProgramCommand(program.ProgramCommandConfig[*jobs]{Defaults: defaults, Run: func(_ context.Context, call program.ProgramCall[*jobs]) error {
			s := call.Settings
			_, err := fmt.Fprintln(call.Stdout, s.Jobs, s.Roots, s.Any, s.Limits.CPU, s.Log == log)
			s.Jobs["a"].Args[0], s.Roots[0], s.Any.(map[string]any)["d"] = "changed", "changed", 2
			return err
		}}),
	}}
	want := "map[a:{[b]}] [c] map[d:1] 1 true\n"
	for _, env := range []map[string]string{nil, {"X_CONFIG": file}, nil} {
		got := start(t.Context(), cfg, env)
		if env == nil && got.stdout != want || env != nil && got.stdout != "map[a:{[b]} n:{[x]}] [c] map[d:1] 9 true\n" {
			t.Errorf("%v: %+v", env, got)
		}
	}
}

func command[T any](name string) *program.ProgramCommandHandle {
	return program.ProgramCommand(program.ProgramCommandConfig[*T]{Name: name, Run: func(context.Context, program.ProgramCall[*T]) error { return nil }})
}

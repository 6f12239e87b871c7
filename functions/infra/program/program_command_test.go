package program_test

import (
	"context"
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
		"config --format j":          "json|:none",
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

// Defects of a program show at its first start, in each test of it.
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
	type other struct {
		B bool `yaml:"b" doc:"x"`
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
		`command "b" has other settings than`: {command[twice]("a"), command[other]("b")},
		`option --b needs the tag yaml:"-"`:   {command[option]("a")},
	} {
		got := start(t.Context(), program.ProgramRunConfig{Name: "x", Doc: "x", Commands: commands}, nil, "a")
		if got.code != 70 || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: %+v", want, got)
		}
	}
}

func command[T any](name string) *program.ProgramCommandHandle {
	return program.ProgramCommand(program.ProgramCommandConfig[*T]{Name: name, Run: func(context.Context, program.ProgramCall[*T]) error { return nil }})
}

package program_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/program"
)

// daemon has typical settings of a daemon; shop and the types below make up a
// program with commands.
type daemon struct {
	program.ProgramLog
	Addr  string                `yaml:"addr" doc:"host:port to listen on"`
	Token program.ProgramSecret `yaml:"token" doc:"that clients send"`
}

type listOptions struct {
	daemon
	Kind  []string `yaml:"-" flag:"kind" short:"k" doc:"only these" enum:"fruit,tool"`
	Limit int      `yaml:"-" flag:"limit" doc:"how many" min:"1"`
	All   bool     `yaml:"-" flag:"all" doc:"also what is sold out"`
}

// shop is a program: list prints its arguments, fail fails in the given way.
func shop() program.ProgramRunConfig {
	return program.ProgramRunConfig{
		Name: "shop", Doc: "buys and sells", Help: "Exit codes: 0 sold.",
		StopTimeout: 50 * time.Millisecond,
		Commands: []*program.ProgramCommandHandle{
			program.ProgramCommand(program.ProgramCommandConfig[*listOptions]{
				Name: "list", Args: "[WORD...]", MaxArgs: -1, Doc: "list what there is", Help: "  shop list apples",
				Defaults: &listOptions{daemon: daemon{Addr: "127.0.0.1:1"}, Limit: 10},
				Complete: func(_ context.Context, c program.ProgramCompletion[*listOptions]) []string {
					return []string{"apples\tred ones", "axes", fmt.Sprintf("a-%s-%d-%v", c.Flag, c.Settings.Limit, c.Args)}
				},
				Run: func(_ context.Context, call program.ProgramCall[*listOptions]) error {
					s := call.Settings
					call.Log.Debug("listing")
					call.Log.Info("listed", "token", s.Token)
					_, err := fmt.Fprintf(call.Stdout, "%q dash=%d kind=%q limit=%d all=%t addr=%s\n", call.Args, call.Dash, s.Kind, s.Limit, s.All, s.Addr)
					return err
				},
			}),
			program.ProgramCommand(program.ProgramCommandConfig[*daemon]{
				Name: "fail", Args: "HOW", ArgsDoc: "a way to fail", MinArgs: 1, MaxArgs: 2, Doc: "fail",
				Defaults: &daemon{Addr: "127.0.0.1:1"},
				Run:      fail,
			}),
		},
	}
}

func fail(ctx context.Context, call program.ProgramCall[*daemon]) error {
	secret := call.Settings.Token.Reveal()
	switch call.Args[0] {
	case "error":
		return &core.Error{Code: core.CodeUnavailable, Op: "buy", Message: "the shop is closed to " + secret, Hint: "come again with " + secret}
	case "exit":
		return program.ProgramExit(3)
	case "panic":
		panic("no apples for " + secret)
	case "wait":
		<-ctx.Done()
		return ctx.Err()
	case "ready":
		fmt.Fprintln(call.Stdout, "ready")
		<-ctx.Done()
		return ctx.Err()
	case "cause": // what a unit returns that was waiting
		fmt.Fprintln(call.Stdout, "ready")
		<-ctx.Done()
		return &core.Error{Op: "postgres_open", Err: context.Cause(ctx)}
	case "clean":
		<-ctx.Done()
		fmt.Fprintln(call.Stderr, "cleaned up")
		return nil
	case "hang":
		select {}
	case "stuck":
		fmt.Fprintln(call.Stdout, "ready")
		<-ctx.Done()
		fmt.Fprintln(call.Stdout, "stopping")
		select {}
	case "flood":
		fmt.Fprintln(call.Stdout, "apples")
		for ctx.Err() == nil {
			fmt.Fprintln(call.Stdout, strings.Repeat("apples ", 100))
		}
		fmt.Fprintln(call.Stderr, "flood ended")
		return ctx.Err()
	}
	return errors.New("unknown way")
}

// result is the outcome of a run.
type result struct {
	code           int
	stdout, stderr string
}

// start runs a program in the test's own process.
func start(ctx context.Context, cfg program.ProgramRunConfig, env map[string]string, args ...string) result {
	var stdout, stderr bytes.Buffer
	cfg.Args, cfg.Stdin, cfg.Stdout, cfg.Stderr = append([]string{}, args...), strings.NewReader(""), &stdout, &stderr
	cfg.LookupEnv = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	code := program.ProgramRun(ctx, cfg)
	return result{code, stdout.String(), stderr.String()}
}

func TestProgramRun_Arguments(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"list":                           `[] dash=-1 kind=[] limit=10 all=false addr=127.0.0.1:1`,
		"list a --limit 3 b -all":        `["a" "b"] dash=-1 kind=[] limit=3 all=true addr=127.0.0.1:1`,
		"--limit=3 -k fruit,tool list a": `["a"] dash=-1 kind=["fruit" "tool"] limit=3 all=false addr=127.0.0.1:1`,
		"list a -- --all -- b":           `["a" "--all" "--" "b"] dash=1 kind=[] limit=10 all=false addr=127.0.0.1:1`,
		"list -- -x":                     `["-x"] dash=0 kind=[] limit=10 all=false addr=127.0.0.1:1`,
		"--addr :2 list list":            `["list"] dash=-1 kind=[] limit=10 all=false addr=:2`,
	} {
		got := start(t.Context(), shop(), nil, strings.Fields(args)...)
		if got.code != 0 || got.stdout != want+"\n" {
			t.Errorf("%s: %d %s%s", args, got.code, got.stdout, got.stderr)
		}
	}
}

func TestProgramRun_Mistakes(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"lst":                "shop: error: no command \"lst\"\nhint: did you mean list?\n",
		"buy":                "shop: error: no command \"buy\"\nhint: shop --help lists the commands\n",
		"help lst":           "shop: error: no command \"lst\"\nhint: did you mean list?\n",
		"--lmit 3 list":      "shop: error: unknown flag: --lmit; did you mean --limit?\nhint: shop --help lists the commands\n",
		"--nonsense":         "shop: error: unknown flag: --nonsense\nhint: shop --help lists the commands\n",
		"--verison":          "shop: error: unknown flag: --verison; did you mean --version?\nhint: shop --help lists the commands\n",
		"list --hlep":        "shop: error: unknown flag: --hlep; did you mean --help?\nhint: shop list --help shows the flags\n",
		"list --nonsense":    "shop: error: unknown flag: --nonsense\nhint: shop list --help shows the flags\n",
		"list --limit":       "shop: error: --limit needs a value\nhint: shop list --help shows the flags\n",
		"list --limit=":      "shop: error: --limit is empty; omit it, or give it a value\nhint: shop list --help shows the flags\n",
		"list --limit 0":     "shop: error: --limit: 0 is less than 1\nhint: shop list --help shows the flags\n",
		"list -k fruit,tol":  "shop: error: --kind: \"tol\" is not one of fruit, tool; did you mean tool?\nhint: shop list --help shows the flags\n",
		"list --log-level x": "shop: error: log.level (flag --log-level): \"x\" is not one of debug, info, warn, error\nhint: shop list --help shows the flags\n",
		"fail":               "shop: error: shop fail needs a way to fail\nhint: usage: shop fail [flags] HOW\n",
		"fail exit 2 3":      "shop: error: shop fail: unexpected argument \"3\"\nhint: usage: shop fail [flags] HOW\n",
		"completion":         "shop: error: shop completion needs a shell: bash, zsh or fish\nhint: usage: shop completion SHELL\n",
		"completion tcsh":    "shop: error: shop completion needs a shell: bash, zsh or fish, not \"tcsh\"\nhint: shop help completion says what to do with what it prints\n",
		"config xml":         "shop: error: \"xml\" is not one of text, json\n",
		"config json x":      "shop: error: shop config: unexpected argument \"x\"\nhint: usage: shop config [flags] [text|json]\n",
	} {
		got := start(t.Context(), shop(), nil, strings.Fields(args)...)
		if got.code != 64 || got.stdout != "" || got.stderr != want {
			t.Errorf("%s: %d %s%s", args, got.code, got.stdout, got.stderr)
		}
	}
}

// The error of a command determines the program's exit status and its message;
// a secret is in neither.
func TestProgramRun_Ends(t *testing.T) {
	t.Parallel()
	env := map[string]string{"SHOP_TOKEN": "hunter2"}
	for how, want := range map[string]result{
		"exit":  {3, "", ""},
		"error": {69, "", "shop: error: buy: the shop is closed to [secret]\nhint: come again with [secret]\n"},
	} {
		if got := start(t.Context(), shop(), env, "fail", how); got != want {
			t.Errorf("%s: %+v", how, got)
		}
	}
	got := start(t.Context(), shop(), env, "fail", "panic")
	lines := strings.Split(got.stderr, "\n")
	if got.code != 70 || lines[0] != "shop: error: panic: no apples for [secret]" || !strings.Contains(got.stderr, "program_run_test.go:") ||
		strings.Contains(got.stderr, "hunter2") {
		t.Errorf("panic: %+v", got)
	}
	cfg := shop()
	cfg.ExitCode = func(error) int { return 2 }
	if got := start(t.Context(), cfg, env, "fail", "panic"); got.code != 2 {
		t.Errorf("an exit code of the program's own: %d", got.code)
	}
}

func TestProgramRun_Canceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for how, want := range map[string]result{
		"wait":  {130, "", ""},
		"clean": {0, "", "cleaned up\n"},
		"hang":  {75, "", "shop: error: it has not stopped 50ms after it was asked to: context canceled\n"},
	} {
		cfg := shop()
		if how != "hang" {
			cfg.StopTimeout = time.Minute // a loaded machine is slow to end them
		}
		if got := start(ctx, cfg, nil, "fail", how); got != want {
			t.Errorf("%s: %+v", how, got)
		}
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// Output whose reader has gone is not an error; output that could not be
// written is one, though the command ignores it.
func TestProgramRun_Output(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args string
		err  error
		want int
		text string
	}{
		"closed":           {"list", io.ErrClosedPipe, 0, ""},
		"closed, ignored":  {"fail ready", io.ErrClosedPipe, 0, ""},
		"closed, help":     {"--help", io.ErrClosedPipe, 0, ""},
		"full":             {"list", errors.New("disk full"), 70, "shop: error: disk full\n"},
		"full, ignored":    {"fail flood", errors.New("disk full"), 130, "flood ended\n"},
		"closed, it fails": {"fail error", io.ErrClosedPipe, 69, "shop: error: buy: the shop is closed to \nhint: come again with \n"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if c.args == "fail flood" { // it ends only because of that
			cancel()
		}
		var stderr bytes.Buffer
		cfg := shop()
		cfg.Args, cfg.Stdout, cfg.Stderr = strings.Fields(c.args), brokenWriter{c.err}, &stderr
		cfg.LookupEnv = func(name string) (string, bool) {
			v, ok := map[string]string{"SHOP_LOG_LEVEL": "error"}[name]
			return v, ok
		}
		if got := program.ProgramRun(ctx, cfg); got != c.want || stderr.String() != c.text {
			t.Errorf("%s: %d, %s", name, got, &stderr)
		}
	}
}

func TestProgramRun_Help(t *testing.T) {
	t.Parallel()
	golden(t, "help.txt", start(t.Context(), shop(), nil, "--help").stdout)
	golden(t, "help_list.txt", start(t.Context(), shop(), nil, "help", "list").stdout)
	golden(t, "help_config.txt", start(t.Context(), shop(), nil, "config", "-h").stdout)
	for _, command := range []string{"list", "fail", "config", "completion", "help"} {
		for line := range strings.Lines(start(t.Context(), shop(), nil, "help", command).stdout) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("help %s has a line of %d columns: %s", command, n, line)
			}
		}
	}
	wide := shop()
	example := "  shop list " + strings.Repeat("apples ", 12) + "# stays as it is"
	wide.Help = strings.Repeat("Prose is wrapped. ", 8) + "\n\n" + example
	if got := start(t.Context(), wide, nil, "--help").stdout; !strings.Contains(got, "Prose is\nwrapped.") || !strings.Contains(got, "\n\n"+example+"\n") {
		t.Errorf("a wide help text: %s", got)
	}
	if got := start(t.Context(), shop(), nil); got.code != 0 || !strings.HasPrefix(got.stdout, "shop: buys and sells\n") {
		t.Errorf("without arguments: %+v", got)
	}
	for _, args := range []string{"--version", "-version list", "--limit 3 --version"} {
		got := start(t.Context(), shop(), nil, strings.Fields(args)...)
		if f := strings.Fields(got.stdout); got.code != 0 || len(f) != 4 || f[0]+f[1] != "shopversion" || !strings.HasPrefix(f[3], "go1") {
			t.Errorf("%s: %+v", args, got)
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile("testdata/"+file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/" + file)
	if err != nil || got != string(want) {
		t.Errorf("%s: %v, got\n%s", file, err, got)
	}
}

// config prints the settings that a command would get.
func TestProgramRun_Config(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(file, []byte("addr: file:1\nlog:\n  level: warn\ntoken: {env: THE_TOKEN}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"SHOP_CONFIG": file, "SHOP_LOG_FORMAT": "json", "THE_TOKEN": "hunter2"}
	text := func(format string) string {
		got := start(t.Context(), shop(), env, "config", "--quiet", format)
		if got.code != 0 || got.stderr != "" || strings.Contains(got.stdout, "hunter2") {
			t.Errorf("%s: %+v", format, got)
		}
		return strings.ReplaceAll(got.stdout, file, "shop.yaml")
	}
	want := `log.level   warn      shop.yaml:3:10
log.format  json      environment SHOP_LOG_FORMAT
quiet       true      flag --quiet
addr        file:1    shop.yaml:1:7
token       [secret]  shop.yaml:4:8
`
	if got := text("text"); got != want {
		t.Errorf("got\n%s", got)
	}
	golden(t, "config.json", text("json"))

	if err := os.WriteFile(file, []byte("adr: x\nlog: [1]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := start(t.Context(), shop(), env, "list")
	got.stderr = strings.ReplaceAll(got.stderr, file, "shop.yaml")
	want = "shop: error: shop.yaml:1:1: unknown key \"adr\"; did you mean addr?\nshop.yaml:2:6: log: it is a list, want keys with values\n"
	if got.code != 64 || got.stderr != want {
		t.Errorf("%+v", got)
	}
	for _, args := range []string{"config -h", "list -h"} { // need no file
		if got := start(t.Context(), shop(), env, strings.Fields(args)...); got.code != 0 {
			t.Errorf("%s: %+v", args, got)
		}
	}
}

// A setting may have any name that is not a built-in flag's, even one that
// config might want for itself.
func TestProgramRun_ConfigNames(t *testing.T) {
	t.Parallel()
	type named struct {
		Format string `yaml:"format" doc:"x"`
		JSON   bool   `yaml:"json" doc:"x"`
		Text   string `yaml:"text" doc:"x"`
		Output string `yaml:"output" doc:"x"`
	}
	cfg := program.ProgramRunConfig{Name: "x", Doc: "x", Commands: []*program.ProgramCommandHandle{command[named]("a")}}
	got := start(t.Context(), cfg, nil, "config", "--format=png", "--json", "--text=b", "--output", "c")
	want := "format  png   flag --format\njson    true  flag --json\ntext    b     flag --text\noutput  c     flag --output\n"
	if got != (result{0, want, ""}) {
		t.Errorf("%+v", got)
	}
	if got := start(t.Context(), cfg, nil, "a", "--format=png"); got != (result{}) {
		t.Errorf("%+v", got)
	}
}

// The effective settings can be shown while a secret store is down, and when a
// value is out of bounds.
func TestProgramRun_ConfigWithoutSecrets(t *testing.T) {
	t.Parallel()
	type bounded struct {
		Token program.ProgramSecret `yaml:"token" doc:"x"`
		Empty program.ProgramSecret `yaml:"empty" doc:"x"`
		Size  int                   `yaml:"size" doc:"x" max:"9"`
	}
	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, []byte("token: {store: a/b}\nsize: 10\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := program.ProgramRunConfig{Name: "x", Doc: "x", Commands: []*program.ProgramCommandHandle{
		program.ProgramCommand(program.ProgramCommandConfig[*bounded]{
			Name: "a", Run: func(context.Context, program.ProgramCall[*bounded]) error { return nil },
			Secret: func(context.Context, string) (string, error) {
				t.Error("the secret was fetched")
				return "", errors.New("the store is down")
			},
		}),
	}}
	got := start(t.Context(), cfg, map[string]string{"X_CONFIG": file}, "config")
	got.stdout, got.stderr = strings.ReplaceAll(got.stdout, file, "x.yaml"), strings.ReplaceAll(got.stderr, file, "x.yaml")
	want := "token  [secret]  x.yaml:1:8\nempty            default\nsize   10        x.yaml:2:7\n"
	if got != (result{64, want, "x: error: size (x.yaml:2:7): 10 is more than 9\n"}) {
		t.Errorf("%+v", got)
	}
}

func nothing(context.Context, program.ProgramCall[*struct{}]) error { return nil }

// A program without named commands has only settings and arguments.
func TestProgramRun_Root(t *testing.T) {
	t.Parallel()
	cfg := program.ProgramRunConfig{Name: "lint", Doc: "lints", Commands: []*program.ProgramCommandHandle{
		program.ProgramCommand(program.ProgramCommandConfig[*struct {
			Fix bool `yaml:"-" flag:"fix" doc:"mend"`
		}]{Args: "[ROOT]", MaxArgs: 1, Run: func(_ context.Context, call program.ProgramCall[*struct {
			Fix bool `yaml:"-" flag:"fix" doc:"mend"`
		}]) error {
			_, err := fmt.Fprintln(call.Stdout, call.Args, call.Settings.Fix)
			return err
		}}),
	}}
	for args, want := range map[string]string{"": "[] false\n", "-fix .": "[.] true\n", ". --fix": "[.] true\n", "confg": "[confg] false\n"} {
		if got := start(t.Context(), cfg, nil, strings.Fields(args)...); got.code != 0 || got.stdout != want {
			t.Errorf("%s: %+v", args, got)
		}
	}
	if got := start(t.Context(), cfg, nil, "a", "b"); got.code != 64 || !strings.Contains(got.stderr, `unexpected argument "b"`) {
		t.Errorf("%+v", got)
	}
	golden(t, "help_root.txt", start(t.Context(), cfg, nil, "-h").stdout)

	// Beside named commands, --help says how the program is called without one.
	cfg.Commands = append(cfg.Commands,
		program.ProgramCommand(program.ProgramCommandConfig[*struct{}]{Help: "Lints ROOT.", Args: "ROOT", MaxArgs: 1, Run: nothing}),
		program.ProgramCommand(program.ProgramCommandConfig[*struct{}]{Name: "rules", Doc: "lists rules", Run: nothing}))[1:]
	help := start(t.Context(), cfg, nil, "-h").stdout
	if want := "lint: lints\n\nusage: lint ROOT\n       lint COMMAND ...\n\nLints ROOT.\n\nCommands:\n  rules "; !strings.HasPrefix(help, want) {
		t.Errorf("%s\nwant %s", help, want)
	}
}

// What a file that others made brings into an error can't control the terminal.
func TestProgramRun_Escapes(t *testing.T) {
	t.Parallel()
	cfg := program.ProgramRunConfig{Name: "x", Doc: "x", Commands: []*program.ProgramCommandHandle{
		program.ProgramCommand(program.ProgramCommandConfig[*struct{}]{
			Run: func(context.Context, program.ProgramCall[*struct{}]) error {
				return errors.Join(errors.New("bad name \x1b]0;evil\x07\u202e"), errors.New("\tanother"))
			},
		}),
	}}
	if got := start(t.Context(), cfg, nil); got.stderr != "x: error: bad name  ]0;evil \n\tanother\n" {
		t.Errorf("%q", got.stderr)
	}
}

package program_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/program"
)

type settings struct {
	Addr    string                `yaml:"addr" doc:"host:port to listen on"`
	Timeout time.Duration         `yaml:"timeout" doc:"for a request" min:"1s" max:"1h"`
	Workers int                   `yaml:"workers" doc:"how many" min:"1" max:"64"`
	Verbose bool                  `yaml:"verbose" doc:"log more"`
	Roots   []string              `yaml:"roots" doc:"folders"`
	Level   string                `yaml:"level" doc:"of the log" enum:"debug,info,error"`
	Token   program.ProgramSecret `yaml:"token" doc:"that clients send"`
	HTTP    struct {
		MaxBody int64 `yaml:"max_body" doc:"bytes of a request"`
	} `yaml:"http"`
	Jobs map[string]struct {
		Command string `yaml:"command"`
	} `yaml:"jobs" doc:"what to run"`
	Hidden string `yaml:"-"`
	rules
}

type rules struct {
	Ratio float64 `yaml:"ratio" doc:"a share" max:"1"`
}

func (s *settings) Validate() error {
	if s.Addr == "nowhere" {
		return errors.New("addr: nowhere is not a place")
	}
	return nil
}

func defaults() settings {
	s := settings{Addr: "127.0.0.1:80", Timeout: time.Minute, Workers: 4, Level: "info"}
	s.HTTP.MaxBody = 1 << 20
	return s
}

// world is an environment and a file.
type world struct {
	env  map[string]string
	file string
	args []string
}

func (w world) load(t *testing.T) (program.ProgramConfigResult[settings], error) {
	t.Helper()
	args := w.args
	if w.file != "" {
		path := filepath.Join(t.TempDir(), "app.yaml")
		if err := os.WriteFile(path, []byte(w.file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"-config", path}, args...)
	}
	return program.ProgramConfig(t.Context(), program.ProgramConfigSources[settings]{
		Program: "my-app", Defaults: defaults(), Args: args,
		LookupEnv: func(name string) (string, bool) { v, ok := w.env[name]; return v, ok },
		Secret: func(_ context.Context, name string) (string, error) {
			if name != "my-app/token" {
				return "", &core.Error{Code: core.CodeNotFound, Op: "get", Message: "no such token"}
			}
			return "s3cret", nil
		},
	})
}

func TestProgramConfig_Precedence(t *testing.T) {
	t.Parallel()
	result, err := world{
		file: "addr: file:1\ntimeout: 2s\nroots: [a, b]\nhttp:\n  max_body: 5\njobs:\n  nightly: {command: backup}\n",
		env:  map[string]string{"MY_APP_TIMEOUT": "3s", "MY_APP_WORKERS": "7", "MY_APP_LEVEL": "", "MY_APP_HTTP_MAX_BODY": "6"},
		args: []string{"-workers=8", "--verbose", "rest", "-roots", "c", "-roots", "d,e", "--", "-x"},
	}.load(t)
	if err != nil {
		t.Fatal(err)
	}
	c := result.Config
	if c.Addr != "file:1" || c.Timeout != 3*time.Second || c.Workers != 8 || !c.Verbose || c.Level != "info" || c.HTTP.MaxBody != 6 ||
		!reflect.DeepEqual(c.Roots, []string{"c", "d", "e"}) || c.Jobs["nightly"].Command != "backup" || !reflect.DeepEqual(result.Args, []string{"rest", "-x"}) {
		t.Errorf("%+v, %q", c, result.Args)
	}
	var got []string
	for _, v := range result.Values {
		got = append(got, v.Key+"="+v.Value+" <- "+strings.ReplaceAll(v.From, result.File, "app.yaml"))
	}
	want := []string{
		"addr=file:1 <- app.yaml:1:7", "timeout=3s <- environment MY_APP_TIMEOUT", "workers=8 <- flag --workers", "verbose=true <- flag --verbose",
		"roots=c,d,e <- flag --roots", "level=info <- default", "token= <- default", "http.max_body=6 <- environment MY_APP_HTTP_MAX_BODY",
		"jobs= <- app.yaml:7", "ratio=0 <- default",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A list, or a structure, comes from the line where it begins, in every run.
func TestProgramConfig_OriginOfList(t *testing.T) {
	t.Parallel()
	w := world{file: "addr: a:1\nroots:\n  - a\n  - b\n  - c\n  - d\njobs:\n  z: {command: x}\n  a: {command: y}\n"}
	for range 20 {
		result, err := w.load(t)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range map[int]string{4: "roots=a,b,c,d <- app.yaml:3", 8: "jobs= <- app.yaml:8"} {
			v := result.Values[i]
			if got := v.Key + "=" + v.Value + " <- " + strings.ReplaceAll(v.From, result.File, "app.yaml"); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
		}
	}
}

func TestProgramConfig_Mistakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		world
		want string
	}{
		"unknown flag":     {world{args: []string{"-adr", "x"}}, "program_config: unknown flag: --adr; did you mean --addr?"},
		"flag's value":     {world{args: []string{"-workers", "many"}}, `program_config: workers (flag --workers): "many" is not a whole number in range`},
		"flag without":     {world{args: []string{"-workers"}}, "program_config: --workers needs a value"},
		"bool":             {world{args: []string{"-verbose=maybe"}}, `program_config: verbose (flag --verbose): "maybe" is not true or false`},
		"bound":            {world{env: map[string]string{"MY_APP_WORKERS": "65"}}, "program_config: workers (environment MY_APP_WORKERS): 65 is more than 64"},
		"duration's bound": {world{file: "timeout: 10ms\n"}, "program_config: timeout (app.yaml:1:10): 10ms is less than 1s"},
		"enum":             {world{file: "level: inof\n"}, `program_config: level (app.yaml:1:8): "inof" is not one of debug, info, error; did you mean info?`},
		"not a number":     {world{args: []string{"-ratio", "NaN"}}, "program_config: ratio (flag --ratio): it is not a number"},
		"file": {world{file: "adr: x\nworkers: [1]\n"}, "program_config: app.yaml:1:1: unknown key \"adr\"; did you mean addr?\n" +
			"app.yaml:2:10: workers: it is a list, want a whole number that fits int"},
		"file, also out of bounds": {world{file: "adr: x\nlevel: inof\nworkers: 65\naddr: a\naddr: b\n"}, "program_config: app.yaml:1:1: unknown key \"adr\"; did you mean addr?\n" +
			"app.yaml:5:1: key \"addr\" appears twice, first in line 4\n" +
			"workers (app.yaml:3:10): 65 is more than 64\nlevel (app.yaml:2:8): \"inof\" is not one of debug, info, error; did you mean info?"},
		"bounds": {world{file: "level: inof\n", args: []string{"-workers", "65"}}, "program_config: workers (flag --workers): 65 is more than 64\n" +
			`level (app.yaml:1:8): "inof" is not one of debug, info, error; did you mean info?`},
		"missing file": {world{args: []string{"-config", "/does/not/exist.yaml"}}, "program_config: open /does/not/exist.yaml: no such file or directory"},
		"a folder":     {world{args: []string{"-config", "/"}}, "program_config: app.yaml is a folder"},
		"validate":     {world{args: []string{"-addr", "nowhere"}}, "program_config: addr: nowhere is not a place"},
		"secret in file": {world{file: "token: hunter2\n"}, "program_config: app.yaml:1:8: token: a secret does not belong in this file; " +
			"write where it is kept: {file: PATH}, {env: NAME} or {store: NAME}"},
		"secret's place": {world{file: "token: {file: a, env: b}\n"}, "program_config: app.yaml:1:8: token: write where it is kept: {file: PATH}, {env: NAME} or {store: NAME}"},
		"empty secret":   {world{file: "token: {env: NOTHING}\n"}, "program_config: token (app.yaml:1:8): the secret that it names is empty or not set"},
		"empty variable": {world{env: map[string]string{"MY_APP_TOKEN": ""}}, "program_config: token (environment MY_APP_TOKEN): it is empty; unset it, or set it to the secret"},
		"secret as flag": {world{args: []string{"-token", "hunter2"}}, "program_config: unknown flag: --token; did you mean --token-file?"},
		"no such token":  {world{file: "token: {store: other}\n"}, "program_config: token: get: no such token"},
		"help":           {world{args: []string{"-h"}}, "help was asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, err := c.load(t)
			got := fmt.Sprint(err)
			if result.File != "" && name != "missing file" {
				got = strings.ReplaceAll(got, result.File, "app.yaml")
			}
			if got != c.want || core.ErrorCode(err) == core.CodeInternal && name != "help" {
				t.Errorf("%s, %s\nwant %s", core.ErrorCode(err), got, c.want)
			}
			if strings.Contains(got, "hunter2") {
				t.Error("the secret is shown")
			}
		})
	}
}

func TestProgramConfig_Secrets(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string]world{
		"variable":          {env: map[string]string{"MY_APP_TOKEN": "s3cret"}},
		"variable's file":   {env: map[string]string{"MY_APP_TOKEN_FILE": path}},
		"flag":              {args: []string{"-token-file", path}, env: map[string]string{"MY_APP_TOKEN": "other"}},
		"file":              {file: "token: {file: " + path + "}\n"},
		"file's variable":   {file: "token: {env: THE_TOKEN}\n", env: map[string]string{"THE_TOKEN": "s3cret"}},
		"store":             {file: "token: {store: my-app/token}\n"},
		"variable, over it": {file: "token: {store: gone}\n", env: map[string]string{"MY_APP_TOKEN": "s3cret"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, err := w.load(t)
			if err != nil || result.Config.Token.Reveal() != "s3cret" {
				t.Fatalf("%v", err)
			}
			var log strings.Builder
			slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", result.Config, "token", result.Config.Token)
			text, err := json.Marshal(result)
			printed := fmt.Sprintf("%v %+v %#v %s %x %q", result, result, result.Config.Token, result.Config.Token, result.Config.Token, result.Config.Token)
			for _, out := range []string{string(text), printed, log.String()} {
				if err != nil || strings.Contains(out, "s3cret") || strings.Contains(out, "733363726574") || !strings.Contains(out, "[secret]") {
					t.Errorf("%s, %v", out, err)
				}
			}
		})
	}
}

func TestProgramConfig_Defects(t *testing.T) {
	t.Parallel()
	type noDoc struct {
		A string `yaml:"name"`
	}
	type noName struct {
		A string `doc:"x"`
	}
	if _, err := program.ProgramConfig(t.Context(), program.ProgramConfigSources[noDoc]{Program: "a"}); core.ErrorCode(err) != core.CodeInternal {
		t.Error(err)
	}
	if _, err := program.ProgramConfig(t.Context(), program.ProgramConfigSources[noName]{Program: "a"}); core.ErrorCode(err) != core.CodeInternal {
		t.Error(err)
	}
	if _, err := program.ProgramConfig(t.Context(), program.ProgramConfigSources[settings]{}); core.ErrorCode(err) != core.CodeInternal {
		t.Error(err)
	}
}

// What a bool may be in the file it may be in the environment and behind a
// flag, too.
func TestProgramConfig_Bools(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"true": "true", "True": "true", "TRUE": "true", "yes": "true", "y": "true", "Y": "true", "on": "true",
		"false": "false", "False": "false", "FALSE": "false", "no": "false", "n": "false", "N": "false", "off": "false",
		"maybe": "", "2": "", "oui": "",
	} {
		for from, w := range map[string]world{
			"file":        {file: "verbose: " + word + "\n"},
			"environment": {env: map[string]string{"MY_APP_VERBOSE": word}},
			"flag":        {args: []string{"--verbose=" + word}},
		} {
			got := ""
			if result, err := w.load(t); err == nil {
				got = fmt.Sprint(result.Config.Verbose)
			} else if core.ErrorCode(err) != core.CodeInvalid {
				t.Errorf("%s from the %s: %v", word, from, err)
			}
			if got != want {
				t.Errorf("%s from the %s: %q, want %q", word, from, got, want)
			}
		}
	}
}

// A mistake on the command line has a hint on it; one in the file or in the
// environment has not.
func TestProgramConfig_Hints(t *testing.T) {
	t.Parallel()
	const hint = "my-app --help lists the settings"
	for name, c := range map[string]struct {
		world
		want string
	}{
		"unknown flag":  {world{args: []string{"--adr=x"}}, hint},
		"flag's value":  {world{args: []string{"--workers=many"}}, hint},
		"flag's bound":  {world{args: []string{"--workers=65"}}, hint},
		"missing value": {world{args: []string{"--workers"}}, hint},
		"unknown key":   {world{file: "adr: x\n"}, ""},
		"file's bound":  {world{file: "workers: 65\n"}, ""},
		"environment":   {world{env: map[string]string{"MY_APP_WORKERS": "65"}}, ""},
	} {
		_, err := c.load(t)
		if got := core.ErrorHint(err); err == nil || got != c.want {
			t.Errorf("%s: hint %q, %v", name, got, err)
		}
	}
}

// A program without a token store offers none.
func TestProgramConfig_NoStore(t *testing.T) {
	t.Parallel()
	type secrets struct {
		Token program.ProgramSecret `yaml:"token" doc:"x"`
	}
	for file, want := range map[string]string{
		"token: hunter2\n":       "write where it is kept: {file: PATH} or {env: NAME}",
		"token: {stor: x}\n":     "write where it is kept: {file: PATH} or {env: NAME}",
		"token: {store: my/x}\n": "this program has no token store; write {file: PATH} or {env: NAME}",
	} {
		path := filepath.Join(t.TempDir(), "app.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := program.ProgramConfig(t.Context(), program.ProgramConfigSources[secrets]{Program: "a", Args: []string{"--config", path}})
		if core.ErrorCode(err) != core.CodeInvalid || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v", file, err)
		}
	}
	for _, stores := range []bool{false, true} {
		d, err := program.ProgramDescribe("a", secrets{})
		if err != nil {
			t.Fatal(err)
		}
		d.Stores = stores
		if got := strings.Contains(string(d.JSONSchema()), `"store"`); got != stores {
			t.Errorf("with a store %t: the schema has it: %t", stores, got)
		}
	}
}

// Names of flags that could not be told from others are defects of the program.
func TestProgramConfig_FlagTags(t *testing.T) {
	t.Parallel()
	for name, load := range map[string]func() error{
		"one letter": defect[struct {
			A bool `yaml:"-" flag:"a" doc:"x"`
		}],
		"a key of one letter": defect[struct {
			A bool `yaml:"a" doc:"x"`
		}],
		"a dash in front": defect[struct {
			A bool `yaml:"-" flag:"-all" doc:"x"`
		}],
		"a space": defect[struct {
			A bool `yaml:"-" flag:"all of" doc:"x"`
		}],
		"a long short": defect[struct {
			A bool `yaml:"-" flag:"all" short:"al" doc:"x"`
		}],
		"a short that is no letter": defect[struct {
			A bool `yaml:"-" flag:"all" short:"=" doc:"x"`
		}],
	} {
		if err := load(); core.ErrorCode(err) != core.CodeInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := defect[struct {
		A bool `yaml:"-" flag:"dry-run2" short:"N" doc:"x"`
		B struct {
			C int `yaml:"c" doc:"x"`
		} `yaml:"b"`
	}](); err != nil {
		t.Error(err)
	}
}

func defect[T any]() error {
	_, err := program.ProgramConfig(context.Background(), program.ProgramConfigSources[T]{Program: "x"})
	return err
}

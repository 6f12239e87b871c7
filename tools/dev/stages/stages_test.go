package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childEnv makes this test binary run one stage next to a busy loop.
const childEnv = "STAGES_TEST_CHILD"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == guardCommand {
		os.Exit(guard(os.Args[2:]))
	}
	if os.Getenv(childEnv) != "" {
		r := newRunner(os.Stdout, os.Stderr)
		defer busy(1)()
		r.run("waiting", []string{"sh", "-c", `sh -c 'echo "pid $$"; exec sleep 1011'; exit 1`})
		r.run("never", []string{"false"})
		os.Exit(r.sumUp())
	}
	os.Exit(m.Run())
}

var packages = map[string]string{
	"go.mod":      "module example.com/m\n\ngo 1.26.0\n",
	"a/a.go":      "package a\n",
	"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestPass(t *testing.T) { t.Log(\"passed and silent\") }\n",
	"b/b.go":      "package b\n",
	"b/b_test.go": `package b

import "testing"

func TestPass(t *testing.T) { t.Log("passed and silent") }

func TestFail(t *testing.T) {
	t.Log("above")
	for _, name := range []string{"x", "y"} {
		t.Run(name, func(t *testing.T) { if name == "y" { t.Error("wrong") } })
	}
}

func TestSkip(t *testing.T) {
	t.Run("sub", func(t *testing.T) { t.Skip("skipped, because SKIP_SERVERS=1: it needs a real postgres (X is not set)") })
	t.Run("other", func(t *testing.T) { t.Skip("not as this user") })
}
`,
	"c/c.go":      "package c\n\nvar x int = \"no number\"\n",
	"c/c_test.go": "package c\n",
	"d/d.go":      "package d\n",
	"e/e_test.go": "package e\n\nimport \"testing\"\n\nfunc TestPanic(t *testing.T) { panic(\"no way out\") }\n",
}

// module writes the packages to a folder.
func module(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for path, text := range packages {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func goTest(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("go", append(append([]string{"test", "-p=1", "-count=1"}, args...), "./...")...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	return cmd
}

// The output is that of go test without -json, except for times, addresses and
// the indentation of subtests.
func TestReport_AsGoTest(t *testing.T) {
	t.Parallel()
	dir := module(t)
	var plain, printed bytes.Buffer
	cmd := goTest(dir)
	cmd.Stdout, cmd.Stderr = &plain, &plain
	if err := cmd.Run(); err == nil {
		t.Fatal("go test passes")
	}
	report := newReport(&printed)
	cmd = goTest(dir, "-json")
	cmd.Stdout = report
	if err := cmd.Run(); err == nil {
		t.Fatal("go test -json passes")
	}
	report.end()
	changing := regexp.MustCompile(`\d+\.\d+s|0x[0-9a-f]+|goroutine \d+|\+0x.*`)
	indent := regexp.MustCompile(`(?m)^ +`)
	want := indent.ReplaceAllString(changing.ReplaceAllString(plain.String(), "N"), "")
	got := indent.ReplaceAllString(changing.ReplaceAllString(printed.String(), "N"), "")
	// The last line belongs to the whole run, not to a package.
	if want = strings.TrimSuffix(want, "FAIL\n"); got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
	if want := []string{"example.com/m/b TestFail/y", "example.com/m/c", "example.com/m/e TestPanic"}; !slices.Equal(counted(report.failed), want) {
		t.Errorf("failed %q, want %q", counted(report.failed), want)
	}
	var skipped []string
	for _, s := range report.skipped {
		skipped = append(
			skipped,
			fmt.Sprintf("%s|%s|%t", s.name, s.server, strings.HasSuffix(s.reason, "not as this user")),
		)
	}
	if want := []string{"example.com/m/b TestSkip/sub|postgres|false", "example.com/m/b TestSkip/other||true"}; !slices.Equal(skipped, want) {
		t.Errorf("skipped %q, want %q", skipped, want)
	}
}

// A failing stage does not keep the next from running, and the summary lists
// what failed and what was skipped.
func TestRun_SumsUp(t *testing.T) {
	t.Parallel()
	dir := module(t)
	var stdout, stderr bytes.Buffer
	r := newRunner(&stdout, &stderr)
	defer r.close()
	r.run("first", []string{"sh", "-c", "cd " + dir + " && GOWORK=off GOFLAGS= go test -json ./b"})
	r.run("second", []string{"sh", "-c", "cd " + dir + " && echo noise >&2 && echo testenv: news >&2 && GOWORK=off GOFLAGS= go test -json ./a"})
	r.run("third", []string{"sh", "-c", "echo cause >&2; exit 3"})
	if code := r.sumUp(); code != 1 {
		t.Errorf("exit status %d", code)
	}
	_, summary, _ := strings.Cut(stdout.String(), "stages: summary\n")
	summary = regexp.MustCompile(` {2,}\d+\.\ds`).ReplaceAllString(summary, " T")
	want := `  FAIL T  first
                    example.com/m/b TestFail/y
  ok T  second
  FAIL T  third
stages: skipped, because SKIP_SERVERS=1: 1
  postgres  1  example.com/m/b
stages: skipped for other reasons: 1
  example.com/m/b TestSkip/other: b_test.go:16: not as this user
`
	if summary != want {
		t.Errorf("summary\n%s\nwant\n%s", summary, want)
	}
	if stderr.String() != "testenv: news\ncause\n" {
		t.Errorf("stderr %q", &stderr)
	}
}

// However the run ends, so do the busy loop, which is in its process, and what
// the stage has started, by itself or, like go test, through a child.
func TestRun_EndsWithIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}, {syscall.SIGKILL, -1}} {
		t.Run(test.signal.String(), func(t *testing.T) {
			t.Parallel()
			if test.signal == syscall.SIGKILL && runtime.GOOS != "linux" {
				t.Skip("only Linux can end a child with its parent")
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childEnv+"=1")
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			in := bufio.NewReader(stdout)
			pid := 0
			for pid == 0 {
				line, err := in.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				_, _ = fmt.Sscanf(line, "pid %d", &pid)
			}
			if err := cmd.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			var rest bytes.Buffer
			_, _ = rest.ReadFrom(in)
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit status %d, want %d\n%s", code, test.code, &rest)
			}
			if test.code > 0 && !strings.Contains(rest.String(), "not run") {
				t.Errorf("nothing about the stage that was not run:\n%s", &rest)
			}
			deadline := time.Now().Add(30 * time.Second)
			for syscall.Kill(pid, 0) == nil {
				if time.Now().After(deadline) {
					t.Fatalf("the stage's process %d is still there", pid)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		command string
		env     map[string]string
		want    string // a part of the error
	}{
		"nothing":      {"test", nil, ""},
		"all":          {"flaky", map[string]string{"RACE": "1", "STAGES": "main synapse", "FLAKY_COUNT": "3", "SOAK_RUNS": "1"}, ""},
		"no number":    {"flaky", map[string]string{"FLAKY_COUNT": "x"}, `FLAKY_COUNT must be a number from 1 to 10000, not "x"`},
		"too small":    {"soak", map[string]string{"SOAK_RUNS": "0"}, "SOAK_RUNS must be a number from 1"},
		"too large":    {"soak", map[string]string{"BUSY": "100000"}, `BUSY must be a number from 1 to 1000, not "100000"`},
		"overflow":     {"flaky", map[string]string{"FLAKY_COUNT": "100000000000"}, "FLAKY_COUNT must be a number from 1 to 10000"},
		"no stage":     {"test", map[string]string{"STAGES": "mian"}, `there is no stage "mian"; there are main, dendrite, synapse`},
		"no and yes":   {"test", map[string]string{"RACE": "0", "SKIP_SERVERS": "1"}, ""},
		"true":         {"test", map[string]string{"SKIP_SERVERS": "true"}, `SKIP_SERVERS must be 1 or 0, not "true"`},
		"no race":      {"test", map[string]string{"RACE": "no"}, `RACE must be 1 or 0, not "no"`},
		"no server":    {"test", map[string]string{"SKIP_SERVERS": "1", "STAGES": "main synapse"}, "stage synapse needs a server, and SKIP_SERVERS=1 starts none"},
		"soak":         {"soak", map[string]string{"SOAK_RUNS": "1", "RACE": "0"}, ""},
		"soak, stages": {"soak", map[string]string{"STAGES": "synapse"}, "soak takes SOAK_RUNS, SOAK_MESSAGES, SOAK_KILLS and BUSY, not"},
		"soak, none":   {"soak", map[string]string{"SKIP_SERVERS": "1"}, "soak takes SOAK_RUNS, SOAK_MESSAGES, SOAK_KILLS and BUSY, not"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := configFrom(test.command, func(key string) string { return test.env[key] })
			if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A flag that is 0 is off.
func TestConfig_Off(t *testing.T) {
	t.Parallel()
	cfg, err := configFrom("test", func(key string) string {
		return map[string]string{"RACE": "0", "SKIP_SERVERS": "0"}[key]
	})
	if err != nil || cfg.race || cfg.skipServers {
		t.Errorf("got %+v, %v", cfg, err)
	}
}

// Each package of the workspace is in a stage, the Matrix packages run on both
// homeservers, and without servers testenv is not run.
func TestStages(t *testing.T) {
	t.Parallel()
	all, err := goList([]string{"fnregistry.dev/functions/..."})
	if err != nil {
		t.Fatal(err)
	}
	matrix := len(only(all, func(p string) bool { return within(p, matrixFolder) }))
	if matrix < 3 || matrix == len(all) {
		t.Fatalf("%d of %d packages are Matrix's", matrix, len(all))
	}
	for name, test := range map[string]struct {
		cfg  config
		want []string
	}{
		"all":     {config{}, []string{"testenv up postgres clickhouse keyring matrix -- rest", "testenv up matrix -- matrix", "testenv up postgres matrix=synapse -- matrix", "go test one"}},
		"race":    {config{race: true}, []string{"testenv up postgres clickhouse keyring matrix -- rest", "testenv up matrix -- matrix", "testenv up postgres matrix=synapse -- matrix", "go test sqlite", "go test one"}},
		"skipped": {config{skipServers: true}, []string{"go test rest", "go test matrix", "go test one"}},
		"one":     {config{stages: []string{synapseStage}}, []string{"testenv up postgres matrix=synapse -- matrix"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.cfg.packages = []string{"fnregistry.dev/functions/..."}
			list, err := stages(test.cfg, 1)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range list {
				command := strings.Join(s.command("testenv"), " ")
				if !strings.Contains(command, " -count=1 ") {
					t.Errorf("%s takes cached results", command)
				}
				before, _, _ := strings.Cut(command, "go test")
				n := strings.Count(command, "fnregistry.dev/")
				what := map[int]string{matrix: "matrix", len(all) - matrix: "rest", 1: "one"}[n]
				if strings.Contains(command, "-tags=sqlite_mattn,sqlite_fts5") {
					what = "sqlite"
				}
				if before == "" {
					before = "go test "
				}
				got = append(got, before+what)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Programs that tests start under the race detector end at once.
func TestRunner_RaceEnv(t *testing.T) {
	for given, want := range map[string]string{"": "<atexit_sleep_ms=0>", "halt_on_error=1": "<atexit_sleep_ms=0 halt_on_error=1>"} {
		t.Setenv("GORACE", given)
		var out bytes.Buffer
		r := newRunner(&out, &out)
		r.run("x", []string{"sh", "-c", `echo "<$GORACE>"`})
		r.close()
		if !strings.Contains(out.String(), want) {
			t.Errorf("GORACE=%s: %s", given, &out)
		}
	}
}

// make lint vets all that the stages leave to it.
func TestStages_Vet(t *testing.T) {
	t.Parallel()
	list, err := stages(config{race: true}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		off := slices.Contains(s.args, "-vet=off")
		if left := s.name == mainStage || s.name == dendriteStage || s.name == synapseStage; off != left {
			t.Errorf("%s: vet is off: %t", s.name, off)
		}
		if race := slices.Contains(s.args, "-race"); race == (s.name == synapseStage || s.name == untaggedStage) {
			t.Errorf("%s: race: %t", s.name, race)
		}
	}
	if len(list) != len(stageNames) {
		t.Errorf("%d stages", len(list))
	}
	lint, err := os.ReadFile("../../../Makefile")
	if err != nil || !bytes.Contains(lint, []byte("$(GO) vet work\n")) {
		t.Errorf("make lint does not vet all: %v", err)
	}
}

//go:build linux

package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
)

// sh runs a script with the test's mark.
func sh(t *testing.T, script string, change ...func(*ProcessRunConfig)) (*ProcessRunResult, error) {
	t.Helper()
	return shContext(t.Context(), t, script, change...)
}

func shContext(ctx context.Context, t *testing.T, script string, change ...func(*ProcessRunConfig)) (*ProcessRunResult, error) {
	t.Helper()
	cfg := ProcessRunConfig{Command: "sh", Args: []string{"-c", script}, Env: []string{markKey + "=" + markOf(t)}}
	for _, f := range change {
		f(&cfg)
	}
	return ProcessRun(ctx, cfg)
}

func TestProcessRun_Result(t *testing.T) {
	t.Parallel()
	before := time.Now()
	result, err := sh(t, `echo out; echo err >&2; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.05`)
	if err != nil {
		t.Fatal(err)
	}
	if result.Stdout.String() != "out\n" || result.Stderr.String() != "err\n" || result.ExitCode != 0 || result.Signal != 0 || result.OutputCut || result.Ended != nil {
		t.Errorf("%+v", result)
	}
	if result.Started.Before(before) || result.Duration < 50*time.Millisecond || result.Duration > time.Since(before) {
		t.Errorf("started %s, took %s", result.Started, result.Duration)
	}
	if cpu := result.UserTime + result.SystemTime; cpu <= 0 || cpu > time.Since(before) || result.MaxRSS < 100<<10 || result.MaxRSS > 1<<30 || result.PID < 2 {
		t.Errorf("user %s, system %s, %d bytes, pid %d", result.UserTime, result.SystemTime, result.MaxRSS, result.PID)
	}
}

func TestProcessRun_ExitCodeAndSignal(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]struct {
		code   int
		signal syscall.Signal
		text   string
	}{
		`exit 3`:           {3, 0, "process_run command=sh: exit status 3"},
		`exit 255`:         {255, 0, "process_run command=sh: exit status 255"},
		`kill -KILL $$`:    {-1, syscall.SIGKILL, "process_run command=sh: signal: killed"},
		`kill -TERM $$`:    {-1, syscall.SIGTERM, "process_run command=sh: signal: terminated"},
		`echo out; exit 1`: {1, 0, "process_run command=sh: exit status 1"},
	} {
		result, err := sh(t, script)
		exit, ok := errors.AsType[*exec.ExitError](err)
		if core.ErrorCode(err) != core.CodeInternal || !ok || exit.ExitCode() != want.code || err.Error() != want.text {
			t.Errorf("%s: %v", script, err)
		}
		if result.ExitCode != want.code || result.Signal != want.signal {
			t.Errorf("%s: %d, %s", script, result.ExitCode, result.Signal)
		}
	}
}

func TestProcessRun_NotStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	noInterpreter := file("interpreter", "#!/no/such/interpreter\n", 0o755)
	for name, c := range map[string]struct {
		cfg  ProcessRunConfig
		code core.Code
		text string
	}{
		"no such name":     {ProcessRunConfig{Command: "no-such-command"}, core.CodeNotFound, "install it"},
		"no such path":     {ProcessRunConfig{Command: dir + "/no"}, core.CodeNotFound, "use the path"},
		"no such folder":   {ProcessRunConfig{Command: "true", Dir: dir + "/no"}, core.CodeNotFound, "no such folder"},
		"Dir is a file":    {ProcessRunConfig{Command: "true", Dir: noInterpreter}, core.CodeNotFound, "no such folder"},
		"no interpreter":   {ProcessRunConfig{Command: noInterpreter}, core.CodeNotFound, "interpreter in its first line"},
		"not executable":   {ProcessRunConfig{Command: file("plain", "true", 0o644)}, core.CodeForbidden, "may you execute it"},
		"a folder":         {ProcessRunConfig{Command: dir}, core.CodeForbidden, "may you execute it"},
		"no program":       {ProcessRunConfig{Command: file("text", "\x00\x01", 0o755)}, core.CodeInvalid, "first line"},
		"too long":         {ProcessRunConfig{Command: "true", Args: []string{strings.Repeat("x", 1<<22)}}, core.CodeTooLarge, "too long"},
		"empty":            {ProcessRunConfig{}, core.CodeInvalid, "Command is empty"},
		"negative timeout": {ProcessRunConfig{Command: "true", Timeout: -1}, core.CodeInvalid, "negative"},
		"NUL in argument":  {ProcessRunConfig{Command: "true", Args: []string{"a\x00"}}, core.CodeInvalid, "NUL"},
		"NUL in Env":       {ProcessRunConfig{Command: "true", Env: []string{"A=\x00"}}, core.CodeInvalid, "Env[0] holds a NUL"},
		"no key in Env":    {ProcessRunConfig{Command: "true", Env: []string{"A=b", "=secret"}}, core.CodeInvalid, "Env[1] is not"},
	} {
		result, err := ProcessRun(t.Context(), c.cfg)
		coded, ok := errors.AsType[*core.Error](err)
		if result != nil || !ok || core.ErrorCode(err) != c.code || !strings.Contains(coded.Error()+" "+coded.Hint, c.text) {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if result, err := ProcessRun(ctx, ProcessRunConfig{Command: "true"}); result != nil || core.ErrorCode(err) != core.CodeCanceled {
		t.Errorf("cancelled before: %+v, %v", result, err)
	}
}

// A command that exists only in the current folder is not run. The current
// folder belongs to the process, so the test needs one of its own.
func TestProcessRun_CurrentFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/local-command", []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	player := playing(t, "run local")
	player.Dir, player.Env = dir, append(player.Env, "PATH=.:/bin:/usr/bin")
	out, err := player.CombinedOutput()
	if got := string(out); err != nil || !strings.HasPrefix(got, "not_found ") || !strings.HasSuffix(got, "write ./local-command to run what is in the current folder\n") {
		t.Errorf("got %q, %v", got, err)
	}
}

func init() {
	plays["run local"] = func() {
		_, err := ProcessRun(context.Background(), ProcessRunConfig{Command: "local-command"})
		coded, _ := errors.AsType[*core.Error](err)
		fmt.Println(core.ErrorCode(err), coded.Hint)
	}
}

func TestProcessRun_Environment(t *testing.T) {
	t.Setenv("FN_INHERITED", "parent") // not parallel
	dir := t.TempDir()
	for name, c := range map[string]struct {
		cfg  ProcessRunConfig
		want string
	}{
		"inherits, later wins": {ProcessRunConfig{Env: []string{"FN_OWN=1", "FN_OWN=2"}}, "parent 2 "},
		"replaces":             {ProcessRunConfig{Env: []string{"FN_INHERITED=child"}}, "child  "},
		"nothing inherited":    {ProcessRunConfig{Env: []string{"FN_OWN=1"}, NoEnv: true}, " 1 "},
		"nothing at all":       {ProcessRunConfig{NoEnv: true}, "  "},
		"PWD follows Dir":      {ProcessRunConfig{Dir: dir}, "parent  " + dir},
	} {
		c.cfg.Command, c.cfg.Args = "sh", []string{"-c", `printf '%s %s ' "$FN_INHERITED" "$FN_OWN"`}
		if c.cfg.Dir != "" {
			c.cfg.Args[1] += `; grep -z ^PWD= /proc/self/environ | tr -d '\000' | cut -c5- | tr -d '\n'`
		}
		if result, err := ProcessRun(t.Context(), c.cfg); err != nil || result.Stdout.String() != c.want {
			t.Errorf("%s: %q, %v, want %q", name, result.Stdout, err, c.want)
		}
	}
}

func TestProcessRun_Stdin(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	open, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for name, c := range map[string]struct {
		in     io.Reader
		script string
		want   string
	}{
		"none":            {nil, "cat", ""},
		"reader":          {strings.NewReader("hello"), "cat", "hello"},
		"file":            {open, "cat", "from a file"},
		"large":           {bytes.NewReader(big), "wc -c", "1048576\n"},
		"not read":        {bytes.NewReader(big), "true", ""},
		"read in part":    {bytes.NewReader(big), "head -c 16", "0123456789abcdef"},
		"endless":         {endless{}, "head -c 4", "yyyy"},
		"closed by child": {bytes.NewReader(big), "exec <&-; echo done", "done\n"},
	} {
		result, err := sh(t, c.script, func(cfg *ProcessRunConfig) { cfg.Stdin = c.in })
		if err != nil || result.Stdout.String() != c.want || result.OutputCut {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'y'
	}
	return len(p), nil
}

// os/exec would wait for the reader forever.
func TestProcessRun_StdinBlocks(t *testing.T) {
	t.Parallel()
	in, feed := io.Pipe()
	defer feed.Close()
	result, err := sh(t, `echo done`, func(cfg *ProcessRunConfig) { cfg.Stdin = in })
	if err != nil || result.Stdout.String() != "done\n" || result.OutputCut {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestProcessRun_StdinFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is gone")
	in := io.MultiReader(strings.NewReader("half"), failing{broken})
	result, err := sh(t, `cat`, func(cfg *ProcessRunConfig) { cfg.Stdin = in })
	if !errors.Is(err, broken) || result.Stdout.String() != "half" || result.ExitCode != 0 {
		t.Errorf("%+v, %v", result, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestProcessRun_CaptureIsBounded(t *testing.T) {
	t.Parallel()
	result, err := sh(t, `seq 1 200000; echo last; echo small >&2`, func(cfg *ProcessRunConfig) { cfg.CaptureBytes = 20 })
	if err != nil {
		t.Fatal(err)
	}
	const total = 9*2 + 90*3 + 900*4 + 9000*5 + 90000*6 + 100001*7 + 5
	want := fmt.Sprintf("1\n2\n3\n4\n5\n\n[... %d bytes dropped ...]\n0000\nlast\n", total-20)
	if got := result.Stdout; got.String() != want || got.Total() != total || got.Dropped != total-20 {
		t.Errorf("got %q of %d, want %q of %d", got, got.Total(), want, total)
	}
	if got := result.Stderr; got.String() != "small\n" || got.Dropped != 0 {
		t.Errorf("got %q", got)
	}
	result, err = sh(t, `seq 1 200000`, func(cfg *ProcessRunConfig) { cfg.CaptureBytes = -1 })
	if got := result.Stdout; err != nil || got.Head != nil || got.Tail != nil || got.Dropped != total-5 {
		t.Errorf("captured nothing: %q, %v", got, err)
	}
	result, err = sh(t, `seq 1 200000`)
	if got := result.Stdout; err != nil || len(got.Head)+len(got.Tail) != DefaultCaptureBytes || got.Total() != total-5 {
		t.Errorf("by default: %d and %d bytes of %d, %v", len(got.Head), len(got.Tail), got.Total(), err)
	}
}

func TestProcessRun_StreamsToWriters(t *testing.T) {
	t.Parallel()
	var both lines
	result, err := sh(t, `for i in 1 2 3; do echo o$i; echo e$i >&2; done`, func(cfg *ProcessRunConfig) { cfg.Stdout, cfg.Stderr = &both, &both })
	got := strings.Fields(string(both))
	slices.Sort(got)
	if err != nil || strings.Join(got, " ") != "e1 e2 e3 o1 o2 o3" || result.Stdout.String() != "o1\no2\no3\n" {
		t.Errorf("%q, %q, %v", got, result.Stdout, err)
	}
}

// lines has no lock: the race detector reports overlapping writes.
type lines []byte

func (l *lines) Write(p []byte) (int, error) {
	*l = append(*l, p...)
	return len(p), nil
}

func TestProcessRun_MergeStderr(t *testing.T) {
	t.Parallel()
	var to lines
	want := strings.Repeat("o\ne\n", 200)
	result, err := sh(t, `i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo o; echo e >&2; done`, func(cfg *ProcessRunConfig) { cfg.MergeStderr, cfg.Stdout = true, &to })
	if err != nil || result.Stdout.String() != want || string(to) != want || result.Stderr.Total() != 0 {
		t.Errorf("%q, %v", result.Stdout, err)
	}
}

// A writer that fails must not end the command by SIGPIPE: it is reported at
// the end.
func TestProcessRun_WriterFails(t *testing.T) {
	t.Parallel()
	full := errors.New("the disk is full")
	result, err := sh(t, `seq 1 100000; echo done >&2`, func(cfg *ProcessRunConfig) { cfg.Stdout = failing{full} })
	if !errors.Is(err, full) || !strings.Contains(err.Error(), "stdout could not be passed on") || result.ExitCode != 0 || result.Stderr.String() != "done\n" || result.Stdout.Total() != 588895 {
		t.Errorf("%+v, %v", result, err)
	}
	_, err = sh(t, `echo x; exit 4`, func(cfg *ProcessRunConfig) { cfg.Stdout = failing{full} })
	if exit, ok := errors.AsType[*exec.ExitError](err); !errors.Is(err, full) || !ok || exit.ExitCode() != 4 {
		t.Errorf("both: %v", err)
	}
}

// os/exec would wait for the writer forever.
func TestProcessRun_WriterBlocks(t *testing.T) {
	t.Parallel()
	out, blocked := io.Pipe()
	defer out.Close() // unblocks the write, so that no goroutine is left
	in, end := io.Pipe()
	writing := &onFirstWrite{f: func() { end.Close() }} // the command does not end before
	result, err := sh(t, `echo hello; read end; exit 0`, func(cfg *ProcessRunConfig) {
		cfg.Stdin, cfg.Stdout, cfg.WaitDelay = in, io.MultiWriter(writing, blocked), 50*time.Millisecond
	})
	if err != nil || !result.OutputCut || result.Stdout.String() != "hello\n" {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestProcessRun_Timeout(t *testing.T) {
	t.Parallel()
	// On a busy machine the command may not have started everything within the
	// first timeouts.
	for timeout := 300 * time.Millisecond; ; timeout *= 3 {
		began := time.Now()
		result, err := sh(t, `setsid sleep 1000 & echo started; sleep 1000`, func(cfg *ProcessRunConfig) { cfg.Timeout = timeout })
		if core.ErrorCode(err) != core.CodeTimeout || !strings.Contains(err.Error(), "did not end within "+timeout.String()) {
			t.Fatalf("%+v, %v", result, err)
		}
		if result.Signal != syscall.SIGTERM || result.ExitCode != -1 || result.OutputCut || result.Ended[0].Killed {
			t.Errorf("%+v", result)
		}
		if took := time.Since(began); took < timeout {
			t.Errorf("took %s", took)
		}
		if left := marked(markOf(t)); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		if result.Stdout.String() == "started\n" && len(result.Ended) == 3 {
			return
		}
		if timeout > time.Minute {
			t.Fatalf("after %s: %+v", timeout, result)
		}
	}
}

func TestProcessRun_Cancel(t *testing.T) {
	t.Parallel()
	reason := errors.New("the user pressed the button")
	ctx, cancel := context.WithCancelCause(t.Context())
	result, err := shContext(ctx, t, `sleep 1000 & wait`, func(cfg *ProcessRunConfig) {
		cfg.OnStart = func(int) { cancel(reason) }
	})
	if core.ErrorCode(err) != core.CodeCanceled || !errors.Is(err, reason) || result.Signal != syscall.SIGTERM {
		t.Errorf("%+v, %v", result, err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err = shContext(ctx, t, `sleep 1000`); core.ErrorCode(err) != core.CodeTimeout {
		t.Errorf("deadline: %v", err)
	}
	if left := marked(markOf(t)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// What a command prints in its grace period is still read, and how it ends is
// up to it.
func TestProcessRun_GraceIsUsed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	started := &onFirstWrite{f: cancel}
	result, err := shContext(ctx, t, `trap 'echo cleaning; exit 7' TERM; echo started; while :; do sleep 0.01; done`, func(cfg *ProcessRunConfig) { cfg.Stdout = started })
	if core.ErrorCode(err) != core.CodeCanceled || result.ExitCode != 7 || result.Stdout.String() != "started\ncleaning\n" {
		t.Errorf("%+v, %v", result, err)
	}
}

type onFirstWrite struct {
	once sync.Once
	f    func()
}

func (w *onFirstWrite) Write(p []byte) (int, error) {
	w.once.Do(w.f)
	return len(p), nil
}

func TestProcessRun_KilledAfterGrace(t *testing.T) {
	t.Parallel()
	for _, grace := range []time.Duration{200 * time.Millisecond, -1} {
		ctx, cancel := context.WithCancel(t.Context())
		started := &onFirstWrite{f: cancel}
		result, err := shContext(ctx, t, `trap '' TERM; echo started; while :; do sleep 0.01; done`, func(cfg *ProcessRunConfig) {
			cfg.Stdout, cfg.Grace = started, grace
		})
		if core.ErrorCode(err) != core.CodeCanceled || result.Signal != syscall.SIGKILL || !result.Ended[0].Killed || result.Duration < grace {
			t.Errorf("grace %s: %+v, %v", grace, result, err)
		}
	}
}

// A trap of os/exec: the command has ended, but a background process holds its
// stdout open.
func TestProcessRun_BackgroundHoldsOutput(t *testing.T) {
	t.Parallel()
	in, end := io.Pipe()
	// The command does not end before its output is read.
	written := &onFirstWrite{f: func() { end.Close() }}
	result, err := sh(t, `sleep 1000 & echo $!; read end; exit 0`, func(cfg *ProcessRunConfig) {
		cfg.Stdin, cfg.Stdout, cfg.WaitDelay = in, written, 100*time.Millisecond
	})
	if err != nil || !result.OutputCut || result.ExitCode != 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	pid := numbers(t, strings.Fields(result.Stdout.String()))[0]
	if !isAlive(pid) {
		t.Error("the background process was ended")
	}
	if _, err := ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: pid}); err != nil {
		t.Error(err)
	}
	// If its output goes elsewhere there is nothing to wait for.
	result, err = sh(t, `sleep 1000 >/dev/null 2>&1 & echo $!`, func(cfg *ProcessRunConfig) { cfg.WaitDelay = time.Hour })
	if err != nil || result.OutputCut {
		t.Errorf("%+v, %v", result, err)
	}
	if _, err := ProcessKillTree(t.Context(), ProcessKillTreeConfig{PID: numbers(t, strings.Fields(result.Stdout.String()))[0]}); err != nil {
		t.Error(err)
	}
}

func TestProcessRun_CancelWhileOutputIsHeld(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		eventually(func() bool { left := marked(markOf(t)); return len(left) == 1 && nameOf(left[0]) == "sleep" })
		cancel()
	}()
	result, err := shContext(ctx, t, `sleep 1000 & exit 0`, func(cfg *ProcessRunConfig) { cfg.WaitDelay = time.Hour })
	if result == nil || (err != nil && core.ErrorCode(err) != core.CodeCanceled) || len(result.Ended) == 0 || len(marked(markOf(t))) > 0 {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestProcessRun_KillLeftovers(t *testing.T) {
	t.Parallel()
	ready := filepath.Join(t.TempDir(), "ready")
	result, err := sh(t, `sleep 1000 & (trap '' TERM; echo >"$0"; sleep 1000) & until [ -e "$0" ]; do sleep 0.01; done; exit 5`, func(cfg *ProcessRunConfig) {
		cfg.Args = append(cfg.Args, ready)
		cfg.KillLeftovers, cfg.WaitDelay, cfg.Grace = true, time.Hour, 100*time.Millisecond
	})
	killed := func(p ProcessEnded) bool { return p.Killed }
	if result == nil || result.ExitCode != 5 || result.OutputCut || len(result.Ended) < 2 || !slices.ContainsFunc(result.Ended, killed) || len(marked(markOf(t))) > 0 {
		t.Errorf("%+v, %v, left %v", result, err, marked(markOf(t)))
	}
	result, err = sh(t, `true`, func(cfg *ProcessRunConfig) { cfg.KillLeftovers = true })
	if err != nil || result.Ended != nil {
		t.Errorf("nothing left: %+v, %v", result, err)
	}
}

func TestProcessRun_OnStart(t *testing.T) {
	t.Parallel()
	var got int
	result, err := sh(t, `echo $$`, func(cfg *ProcessRunConfig) { cfg.OnStart = func(pid int) { got = pid } })
	if err != nil || got != result.PID || result.Stdout.String() != fmt.Sprintln(got) {
		t.Errorf("%d, %+v, %v", got, result, err)
	}
}

func TestProcessRun_NoSecretsInErrors(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, c := range []ProcessRunConfig{
		{Command: "no-such-command"},
		{Command: "/no/such/path"},
		{Command: "true", Dir: "/no/such/folder"},
		{Command: "sh", Args: []string{"-c", "echo $TOKEN; echo $TOKEN >&2; exit 1"}},
		{Command: "sleep", Args: []string{"1000"}, Timeout: time.Millisecond},
		{Command: "cat", Stdout: failing{io.ErrClosedPipe}},
		{Command: "true", Args: []string{strings.Repeat("x", 1<<22)}},
		{Command: "true", Env: []string{secret}},
		{Command: "true", Env: []string{"TOKEN=" + secret + "\x00"}},
		{Command: "true", Args: []string{secret + "\x00"}},
	} {
		c.Env = append(c.Env, "TOKEN="+secret)
		c.Args = append(c.Args, secret)
		if c.Command == "cat" {
			c.Args, c.Stdin = nil, strings.NewReader(secret)
		}
		_, err := ProcessRun(t.Context(), c)
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
			t.Errorf("%s: %v", c.Command, err)
		}
	}
}

func TestProcessRun_ManyAtOnce(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			result, err := sh(t, fmt.Sprintf("echo %d; exit %d", i, i))
			if result == nil || result.ExitCode != i || result.Stdout.String() != fmt.Sprintln(i) || (err == nil) != (i == 0) {
				t.Errorf("%d: %+v, %v", i, result, err)
			}
		})
	}
	all.Wait()
}

func FuzzHeadTail(f *testing.F) {
	f.Add([]byte("hello world, this is a text"), 7, 3)
	f.Add([]byte("abcdefghijklmnop"), 5, 1)
	f.Add([]byte{}, 0, 1)
	f.Fuzz(func(t *testing.T, data []byte, limit, chunk int) {
		limit, chunk = min(max(limit, 0), 1<<10), max(chunk, 1)
		o := &output{kept: headTail{limit: limit}}
		for part := range slices.Chunk(data, chunk) {
			o.kept.add(part)
		}
		got := o.captured()
		kept := append(bytes.Clone(got.Head), got.Tail...)
		want := data
		if len(data) > limit {
			want = append(bytes.Clone(data[:limit/2]), data[len(data)-(limit-limit/2):]...)
		}
		if !bytes.Equal(kept, want) || got.Total() != int64(len(data)) {
			t.Errorf("%q limit %d chunk %d: got %q and %q, dropped %d", data, limit, chunk, got.Head, got.Tail, got.Dropped)
		}
	})
}

// The ratio to os/exec with the same command.
func BenchmarkProcessRun(b *testing.B) {
	ctx := context.Background()
	for name, args := range map[string][]string{"spawn": {"true"}, "16MiB": {"head", "-c", "16777216", "/dev/zero"}} {
		b.Run(name+"/process_run", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ProcessRun(ctx, ProcessRunConfig{Command: args[0], Args: args[1:]}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/os_exec", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := exec.CommandContext(ctx, args[0], args[1:]...).Output(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The time that OnStart takes counts, too.
func TestProcessRun_TimeoutCountsFromTheStart(t *testing.T) {
	t.Parallel()
	start := time.Now()
	_, err := ProcessRun(t.Context(), ProcessRunConfig{
		Command: "sleep", Args: []string{"60"}, Timeout: 300 * time.Millisecond,
		OnStart: func(int) { time.Sleep(400 * time.Millisecond) },
	})
	if core.ErrorCode(err) != core.CodeTimeout {
		t.Errorf("%v", err)
	}
	result, err := ProcessRun(t.Context(), ProcessRunConfig{
		Command: "sleep", Args: []string{"60"}, Timeout: 4 * time.Second,
		OnStart: func(int) { time.Sleep(3 * time.Second) },
	})
	if core.ErrorCode(err) != core.CodeTimeout || result.Duration > 6500*time.Millisecond {
		t.Errorf("%v after %v (%v)", err, result.Duration, time.Since(start))
	}
}

func TestProcessRun_PanicInOnStart(t *testing.T) {
	t.Parallel()
	pid := 0
	func() {
		defer func() {
			if p := recover(); p != "in OnStart" {
				t.Errorf("recovered %v", p)
			}
		}()
		_, err := ProcessRun(t.Context(), ProcessRunConfig{Command: "sleep", Args: []string{"60"}, OnStart: func(p int) {
			pid = p
			panic("in OnStart")
		}})
		t.Errorf("no panic, but %v", err)
	}()
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("the command still runs: %v", err)
	}
}

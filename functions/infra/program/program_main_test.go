//go:build unix

package program_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/program"
)

// TestMain also acts as the program shop.
func TestMain(m *testing.M) {
	if os.Getenv("SHOP_TEST") != "" {
		cfg := shop()
		cfg.StopTimeout = time.Minute
		if os.Getenv("SHOP_TEST") == "impatient" {
			cfg.StopTimeout = 50 * time.Millisecond
		}
		program.ProgramMain(cfg)
	}
	os.Exit(m.Run())
}

// process is a running shop.
type process struct {
	*exec.Cmd
	stdout *bufio.Reader
	stderr *bytes.Buffer
}

func startProcess(t *testing.T, mode string, args ...string) process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // only a broken test waits that long
	t.Cleanup(cancel)
	p := process{Cmd: exec.CommandContext(ctx, os.Args[0], args...), stderr: new(bytes.Buffer)}
	p.Env = append(os.Environ(), "SHOP_TEST="+mode)
	p.Stderr = p.stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// ready waits until the command runs.
func (p process) ready(t *testing.T) {
	t.Helper()
	if line, err := p.stdout.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
}

// end returns the exit status; -1: a signal ended it.
func (p process) end(t *testing.T) (code int, stderr string) {
	t.Helper()
	if _, err := io.Copy(io.Discard, p.stdout); err != nil {
		t.Error(err)
	}
	if err := p.Wait(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Error(err)
		}
	}
	return p.ProcessState.ExitCode(), p.stderr.String()
}

func (p process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// The first signal asks the command to stop.
func TestProgramMain_Signal(t *testing.T) {
	t.Parallel()
	for s, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		for _, way := range []string{"ready", "cause"} {
			p := startProcess(t, "1", "fail", way)
			p.ready(t)
			p.signal(t, s)
			if code, stderr := p.end(t); code != want || stderr != "" {
				t.Errorf("%s, %v: %d, %s", way, s, code, stderr)
			}
		}
	}
}

// The second one ends a command that does not stop.
func TestProgramMain_SecondSignal(t *testing.T) {
	t.Parallel()
	p := startProcess(t, "1", "fail", "stuck")
	p.ready(t)
	p.signal(t, syscall.SIGTERM)
	until(t, p.stdout, "stopping\n") // two pending signals of the same kind are merged
	p.signal(t, syscall.SIGTERM)
	if code, stderr := p.end(t); code != 143 || stderr != "" {
		t.Errorf("%d, %s", code, stderr)
	}
}

// Nor may it take longer than StopTimeout.
func TestProgramMain_StopTimeout(t *testing.T) {
	t.Parallel()
	p := startProcess(t, "impatient", "fail", "stuck")
	p.ready(t)
	p.signal(t, syscall.SIGINT)
	want := "shop: error: it has not stopped 50ms after it was asked to: it received the signal interrupt\n"
	if code, stderr := p.end(t); code != 75 || stderr != want {
		t.Errorf("%d, %s", code, stderr)
	}
}

// Ctrl-C twice in a terminal, whose signals reach the whole process group.
func TestProgramMain_Terminal(t *testing.T) {
	t.Parallel()
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("there is no script(1)")
	}
	cmd := exec.CommandContext(t.Context(), script, "-qec", "trap : INT; "+os.Args[0]+" fail stuck; echo status $?", "/dev/null")
	cmd.Env = append(os.Environ(), "SHOP_TEST=1", "SHELL=/bin/sh")
	keys, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	screen := bufio.NewReader(out)
	until(t, screen, "ready")
	press(t, keys)
	until(t, screen, "stopping")
	press(t, keys)
	if got := until(t, screen, "status "); !strings.Contains(got, "^C") {
		t.Errorf("the screen shows %q", got)
	}
	if line, _ := screen.ReadString('\n'); line != "130\r\n" {
		t.Errorf("status %q", line)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// Help is as wide as the terminal.
func TestProgramMain_HelpWidth(t *testing.T) {
	t.Parallel()
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("there is no script(1)")
	}
	widest := func(columns string) (most int) {
		cmd := exec.CommandContext(t.Context(), script, "-qec", "stty cols "+columns+"; "+os.Args[0]+" help list", "/dev/null")
		cmd.Env = append(os.Environ(), "SHOP_TEST=1", "SHELL=/bin/sh")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for line := range strings.SplitSeq(string(out), "\r\n") {
			most = max(most, len(line))
		}
		return most
	}
	for columns, want := range map[string][2]int{"50": {41, 50}, "60": {51, 60}, "300": {81, 120}} {
		if got := widest(columns); got < want[0] || got > want[1] {
			t.Errorf("%s columns: the widest line has %d", columns, got)
		}
	}
}

func press(t *testing.T, keys io.Writer) {
	t.Helper()
	if _, err := keys.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
}

// until reads the screen up to a text.
func until(t *testing.T, screen io.Reader, text string) string {
	t.Helper()
	var read strings.Builder
	one := make([]byte, 1)
	for !strings.HasSuffix(read.String(), text) {
		if _, err := screen.Read(one); err != nil {
			t.Fatalf("no %q: %v\n%s", text, err, &read)
		}
		read.Write(one)
	}
	return read.String()
}

// A reader that disconnects ends the program, and is not an error.
func TestProgramMain_ClosedPipe(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), os.Args[0], "fail", "flood")
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), "SHOP_TEST=1"), write, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	if _, err := read.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	read.Close()
	if err := cmd.Wait(); err != nil || stderr.String() != "flood ended\n" {
		t.Errorf("%v, %s", err, &stderr)
	}
}

// /dev/full refuses all writes.
func TestProgramMain_FullDisk(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), os.Args[0], "config")
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), "SHOP_TEST=1"), full, &stderr
	if err := cmd.Run(); err == nil || !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("%v, %s", err, &stderr)
	}
}

func TestProgramMain_Panic(t *testing.T) {
	t.Parallel()
	t.Run("with a secret", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte("hunter2"), 0o600); err != nil {
			t.Fatal(err)
		}
		p := startProcess(t, "1", "fail", "panic", "--token-file", file)
		code, stderr := p.end(t)
		if code != 70 || !strings.HasPrefix(stderr, "shop: error: panic: no apples for [secret]\n") ||
			!strings.Contains(stderr, "goroutine ") || strings.Contains(stderr, "hunter2") {
			t.Errorf("%d, %s", code, stderr)
		}
	})
}

// Each shell completes with its script, using the program's candidates.
func TestProgramMain_Completion(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	if err := os.Symlink(os.Args[0], filepath.Join(bin, "shop")); err != nil {
		t.Fatal(err)
	}
	for shell, script := range map[string]string{
		"bash": `source <(shop completion bash)
for words in "shop li" "shop list --ki" "shop list --kind fr" "shop list --kind = fru" "shop list --kind = fruit,t" "shop list a"; do
	COMP_WORDS=($words) COMP_CWORD=$(($(wc -w <<<"$words") - 1)) COMPREPLY=()
	compopt() { :; }
	_shop
	echo "${COMPREPLY[@]}"
done`,
		"zsh": `compdef() { :; }
source <(shop completion zsh)
_describe() { eval "print -r -- \${(j: :)$3%%:*}" }
_files() { :; }
for words in "shop li" "shop list --ki" "shop list --kind fr" "shop list --kind=fru" "shop list --kind=fruit,t" "shop list a"; do
	words=(${=words}) CURRENT=$#words
	_shop
done`,
		"fish": `shop completion fish | source
for line in "shop li" "shop list --ki" "shop list --kind fr" "shop list --kind=fru" "shop list --kind=fruit,t" "shop list a"
	echo (complete -C $line | string replace -r '\t.*' '')
end`,
	} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skip(err)
			}
			cmd := exec.CommandContext(t.Context(), path, "-c", script)
			cmd.Env = append(os.Environ(), "SHOP_TEST=1", "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+t.TempDir())
			out, err := cmd.CombinedOutput()
			want := "list\n--kind\nfruit\nfruit\nfruit,tool\napples axes a--10-\\[\\]\n"
			if shell != "bash" {
				want = "list\n--kind\nfruit\n--kind=fruit\n--kind=fruit,tool\napples axes a--10-[]\n"
			}
			if err != nil || string(out) != want {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

package killtest_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/tools/testenv/testkit/killtest"
)

func TestMain(m *testing.M) {
	killtest.Play(map[string]func(args []string) error{"append": appendLines, "echo": echo, "signal": awaitSignal, "fail": func([]string) error { return errors.New("no luck") }})
	os.Exit(m.Run())
}

// appendLines appends three lines to a file, one after the other.
func appendLines(args []string) error {
	for i := range 3 {
		killtest.Point("before")
		file, err := os.OpenFile(args[0], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(file, i); err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
		killtest.Point("after")
		fmt.Println("appended", i)
	}
	return nil
}

func echo([]string) error {
	fmt.Println("ready")
	if err := killtest.AwaitInputEnd(); err != nil {
		return err
	}
	fmt.Print("it ended\nand no line")
	return nil
}

// awaitSignal ends at a SIGUSR1.
func awaitSignal([]string) error {
	received := make(chan os.Signal, 1)
	signal.Notify(received, syscall.SIGUSR1)
	fmt.Println("ready")
	<-received
	fmt.Println("received")
	return nil
}

func TestKilledAtAPoint(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lines")
	p := killtest.Start(t, killtest.Config{Role: "append", Args: []string{path}, KillAt: "after", KillAfter: 2})
	if line, ok := p.Line(); line != "appended 0" || !ok {
		t.Errorf("%q, %t", line, ok)
	}
	if line, ok := p.Line(); ok {
		t.Errorf("it went on: %q", line)
	}
	if !p.Wait() {
		t.Error("it was not killed")
	}
	want(t, path, "0 1")
	p = p.Restart("before")
	if !p.Wait() {
		t.Error("it was not killed")
	}
	want(t, path, "0 1 0")
	p = p.Restart("")
	p.Expect("appended 2")
	if p.Wait() {
		t.Error("it was killed without a point")
	}
	want(t, path, "0 1 0 0 1 2")
}

func want(t *testing.T, path, want string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if got := strings.Join(strings.Fields(string(content)), " "); err != nil || got != want {
		t.Errorf("the file has %q, want %q (%v)", got, want, err)
	}
}

func TestKilledByTheTest(t *testing.T) {
	t.Parallel()
	p := killtest.Start(t, killtest.Config{Role: "echo"})
	p.Expect("ready")
	p.Kill()
	if rest := p.Output(); len(rest) > 0 {
		t.Errorf("it went on: %q", rest)
	}
	if !p.Wait() {
		t.Error("it was not killed")
	}
}

func TestEndsByItself(t *testing.T) {
	t.Parallel()
	p := killtest.Start(t, killtest.Config{Role: "echo"})
	p.Expect("ready")
	p.CloseInput()
	if line, ok := p.Line(); line != "it ended" || !ok {
		t.Errorf("%q, %t", line, ok)
	}
	if rest := string(p.Output()); rest != "and no line" {
		t.Errorf("%q", rest)
	}
	if p.Wait() {
		t.Error("it was killed")
	}
}

// The end is noticed without waiting for it, and earlier output can still be
// read.
func TestEnded(t *testing.T) {
	t.Parallel()
	p := killtest.Start(t, killtest.Config{Role: "signal"})
	p.Expect("ready")
	if p.Ended() {
		t.Error("it has ended before the signal")
	}
	p.Signal(syscall.SIGUSR1)
	for !p.Ended() {
		time.Sleep(time.Millisecond)
	}
	p.Signal(syscall.SIGUSR1) // nobody receives it
	p.Expect("received")
	if p.Wait() {
		t.Error("it was killed")
	}
}

// Tests of failures run in a process of their own.
func TestFailures(t *testing.T) {
	const failEnv = "KILLTEST_TEST_FAIL"
	switch os.Getenv(failEnv) {
	case "an error":
		killtest.Start(t, killtest.Config{Role: "fail"}).Wait()
		return
	case "no role":
		killtest.Start(t, killtest.Config{Role: "none"}).Wait()
		return
	case "no line":
		killtest.Start(t, killtest.Config{Role: "fail"}).Expect("ready")
		return
	case "not ended":
		killtest.Start(t, killtest.Config{Role: "echo"}).Restart("")
		return
	}
	t.Parallel()
	for what, want := range map[string]string{
		"an error": "fail: no luck", "no role": `no role "none"`, "no line": `ended without "ready"`, "not ended": "started again before Wait",
	} {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFailures$")
		child.Env = append(os.Environ(), failEnv+"="+what)
		if out, err := child.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, want %q in\n%s", what, err, want, out)
		}
	}
}

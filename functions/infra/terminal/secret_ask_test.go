//go:build unix

package terminal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/terminal"
)

// TestMain also acts as the program that prompts.
func TestMain(m *testing.M) {
	if os.Getenv("ASK") == "" {
		os.Exit(m.Run())
	}
	ctx, cancel := context.WithCancel(context.Background())
	if os.Getenv("ASK") == "cancel" {
		time.AfterFunc(300*time.Millisecond, cancel)
	}
	cfg := terminal.SecretAskConfig{Prompt: "word", Twice: os.Getenv("ASK") == "twice"}
	secret, err := cfg.Passphrase(ctx) // by way of SecretAsk
	fmt.Printf("got <%s> %s\n", secret, core.ErrorCode(err))
	cancel()
}

// onTerminal runs the program on a terminal of its own, types when prompted,
// and returns what the screen showed.
func onTerminal(t *testing.T, mode string, typed ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "script", "-qec", os.Args[0]+"; stty -a", "/dev/null")
	cmd.Env = append(os.Environ(), "ASK="+mode, "SHELL=/bin/sh", "GORACE=atexit_sleep_ms=0") // the race detector would wait 1 s at each exit
	in, err := cmd.StdinPipe()
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
	var screen bytes.Buffer
	for _, word := range typed {
		until(t, out, &screen, ": ")
		if _, err := io.WriteString(in, word+"\r"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.Copy(&screen, out); err != nil && !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &screen)
	}
	return screen.String()
}

// until reads to the end of the given output of the program.
func until(t *testing.T, out io.Reader, screen *bytes.Buffer, end string) {
	t.Helper()
	from, one := screen.Len(), make([]byte, 1)
	for !strings.HasSuffix(screen.String()[from:], end) {
		if _, err := out.Read(one); err != nil {
			t.Fatalf("%v\n%s", err, screen)
		}
		screen.Write(one)
	}
}

func TestSecretAsk_Terminal(t *testing.T) {
	t.Parallel()
	screen := onTerminal(t, "once", "se cret")
	if !strings.Contains(screen, "word: ") || !strings.Contains(screen, "got <se cret> \r\n") || strings.Count(screen, "se cret") != 1 {
		t.Errorf("the screen showed %q", screen)
	}
}

func TestSecretAsk_Twice(t *testing.T) {
	t.Parallel()
	if screen := onTerminal(t, "twice", "one", "one"); !strings.Contains(screen, "word again: ") || !strings.Contains(screen, "got <one> \r\n") {
		t.Errorf("the screen showed %q", screen)
	}
	if screen := onTerminal(t, "twice", "one\rone"); !strings.Contains(screen, "got <one> \r\n") { // pasted at once
		t.Errorf("the screen showed %q", screen)
	}
	if screen := onTerminal(t, "twice", "one", "other"); !strings.Contains(screen, "got <> invalid") {
		t.Errorf("the screen showed %q", screen)
	}
}

func TestSecretAsk_Empty(t *testing.T) {
	t.Parallel()
	if screen := onTerminal(t, "once", ""); !strings.Contains(screen, "got <> invalid") {
		t.Errorf("the screen showed %q", screen)
	}
}

// Typed as soon as the prompt appears, by a reader faster than any person: not
// echoed, repeatedly.
func TestSecretAsk_AtOnce(t *testing.T) {
	t.Parallel()
	for range 50 {
		if screen := onTerminal(t, "once", "se cret"); strings.Count(screen, "se cret") != 1 || strings.Contains(screen, "-echo ") {
			t.Fatalf("the screen showed %q", screen)
		}
	}
}

// Control-C and Control-D end the prompt, and the terminal is restored.
func TestSecretAsk_Interrupted(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"\x03", "\x04"} {
		if screen := onTerminal(t, "once", key); !strings.Contains(screen, "got <> canceled") || strings.Contains(screen, "-echo ") {
			t.Errorf("the screen showed %q", screen)
		}
	}
}

// After a cancelled prompt the terminal echoes again.
func TestSecretAsk_Canceled(t *testing.T) {
	t.Parallel()
	if screen := onTerminal(t, "cancel"); !strings.Contains(screen, "got <> canceled") || strings.Contains(screen, "-echo ") {
		t.Errorf("the screen showed %q", screen)
	}
}

func TestSecretAsk_NoTerminal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ mode, stdin, want string }{
		{"once", "first\nsecond\n", "got <first> \n"},
		{"twice", "one\none\n", "got <one> \n"},
		{"twice", "one\nother\n", "got <> invalid\n"},
		{"once", "no line end", "got <no line end> \n"},
		{"once", "windows\r\n", "got <windows> \n"},
		{"once", "", "got <> unavailable\n"},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "ASK="+c.mode)
		cmd.Stdin = strings.NewReader(c.stdin)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // away from this test's own terminal
		out, err := cmd.Output()
		if err != nil || string(out) != c.want {
			t.Errorf("stdin %q: got %q, %v", c.stdin, out, err)
		}
	}
}

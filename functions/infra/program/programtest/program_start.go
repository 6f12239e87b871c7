package programtest

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"

	"fnregistry.dev/functions/infra/program"
)

// ProgramStartHandle is a server that runs in the test's own process.
type ProgramStartHandle struct {
	// URL is the address that it printed, without a slash at its end.
	URL string
	// Stop ends it as a signal does, and waits for its end. It fails the test
	// where the exit status is not 0. It may be called more than once.
	Stop func()

	log buffer
}

// Log is what it has written to stderr so far.
func (h *ProgramStartHandle) Log() string { return h.log.String() }

// ProgramStart runs a program that serves HTTP, with the arguments and without
// an environment, until the test ends or Stop is called. It returns when the
// program has printed a line with an address, "http://...", at its end; the
// test fails where it ends before. What it prints later is dropped.
//
// More in program_start.md:
//   - The program has to print a line with its address on stdout, such as hello
//     listens on http://127.0.0.1:40123.
//   - It sees no environment variables: pass settings by flags or --config.
func ProgramStart(t testing.TB, cfg program.ProgramRunConfig, args ...string) *ProgramStartHandle {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	h := &ProgramStartHandle{}
	out, in := io.Pipe()
	cfg.Args, cfg.Stdin, cfg.Stdout, cfg.Stderr = append([]string{}, args...), strings.NewReader(""), in, &h.log
	cfg.LookupEnv = func(string) (string, bool) { return "", false }
	ended := make(chan int, 1)
	go func() {
		status := program.ProgramRun(ctx, cfg)
		in.Close()
		ended <- status
	}()
	h.Stop = sync.OnceFunc(func() {
		cancel()
		if status := <-ended; status != 0 {
			t.Errorf("%s ended with status %d\n%s", cfg.Name, status, h.Log())
		}
	})
	t.Cleanup(h.Stop)
	lines := bufio.NewReader(out)
	for h.URL == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%s ended without an address\n%s", cfg.Name, h.Log())
		}
		if _, address, ok := strings.Cut(line, "http://"); ok {
			h.URL = "http://" + strings.TrimRight(address, "/\n")
		}
	}
	go io.Copy(io.Discard, lines) // ends with the program
	return h
}

// buffer is a log that can be read while it is written.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

package pagestest

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// programsOf lists the Go programs of a page.
func programsOf(t *testing.T, page string) []string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(root, "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var programs []string
	for _, block := range strings.Split(string(src), "```go\n")[1:] {
		code, _, _ := strings.Cut(block, "```")
		if strings.HasPrefix(code, "package main") {
			programs = append(programs, code)
		}
	}
	return programs
}

// buildProgram builds a page's program within the functions module.
func buildProgram(t *testing.T, code string) string {
	t.Helper()
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
	if err := os.WriteFile(source, []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gofmt", "-l", source).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("not gofmt'ed: %v\n%s", err, out)
	}
	build := exec.Command("go", "build", "-o", binary, source)
	build.Dir = filepath.Join(root, "functions")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// TestProgramPage runs the programs of docs/program.md.
func TestProgramPage(t *testing.T) {
	t.Parallel()
	programs := programsOf(t, "program.md")
	if len(programs) != 2 {
		t.Fatalf("%d programs, want hello and the server", len(programs))
	}
	hello := exec.Command(buildProgram(t, programs[0]), "-n", "you")
	if out, err := hello.Output(); err != nil || string(out) != "hello you\n" {
		t.Errorf("%q, %v", out, err)
	}
	ticker := buildProgram(t, programs[1])
	refused := exec.Command(ticker, "--addr", "127.0.0.1:0")
	refused.Env = append(os.Environ(), "TICKER_TOKEN=")
	if out, _ := refused.CombinedOutput(); refused.ProcessState.ExitCode() != 64 || !strings.Contains(string(out), "TICKER_TOKEN") {
		t.Errorf("an empty token: %d, %s", refused.ProcessState.ExitCode(), out)
	}
	runServer(t, exec.Command(ticker, "--addr", "127.0.0.1:0", "--every", "1ms"))
}

// runServer queries the server until it has counted, and ends it with a signal.
func runServer(t *testing.T, server *exec.Cmd) {
	t.Helper()
	var log bytes.Buffer
	server.Stderr = &log
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	_, url, ok := strings.Cut(strings.TrimSpace(line), "listens on ")
	if !ok {
		t.Fatalf("%q, %v", line, err)
	}
	for deadline := time.Now().Add(time.Minute); ticks(t, url) < 3; {
		if time.Now().After(deadline) {
			t.Fatal("it does not count")
		}
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, &log)
	}
	stops := []string{}
	for line := range strings.Lines(log.String()) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), `"service stopped" service=`); ok {
			stops = append(stops, name)
		}
	}
	if strings.Join(stops, " ") != "http count" {
		t.Errorf("stopped %q\n%s", stops, &log)
	}
}

func ticks(t *testing.T, url string) int {
	t.Helper()
	res, err := http.Get(url + "/ticks")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(body)))
	if err != nil {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	return n
}

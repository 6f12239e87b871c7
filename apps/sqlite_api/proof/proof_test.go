// Package proof tests the program sqlite_api from outside: the binary itself,
// with each of the two SQLite drivers.
package proof

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// token is one that may do everything.
const token = "proof-token-0123456789"

// drivers are the build tags of each SQLite driver.
var drivers = map[string]string{"modernc": "", "mattn": "sqlite_mattn,sqlite_fts5"}

var built struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sqlite_api-proof-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built.dir, built.paths = dir, map[string]string{}
	status := m.Run()
	_ = os.RemoveAll(dir) // a temporary folder
	os.Exit(status)
}

// eachDriver runs a test with the program built for each driver.
func eachDriver(t *testing.T, test func(t *testing.T, program string)) {
	t.Helper()
	for driver := range drivers {
		t.Run(driver, func(t *testing.T) { test(t, programOf(t, driver)) })
	}
}

// programOf is the program's path, built once.
func programOf(t *testing.T, driver string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if path, ok := built.paths[driver]; ok {
		return path
	}
	if out, _ := exec.CommandContext(t.Context(), "go", "env", "CGO_ENABLED").Output(); driver == "mattn" && strings.TrimSpace(string(out)) != "1" {
		t.Skip("mattn's driver needs cgo")
	}
	path := filepath.Join(built.dir, driver)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", drivers[driver], "-o", path, "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	built.paths[driver] = path
	return path
}

// server is a running program.
type server struct {
	url   string // without a slash at the end
	token bool   // it asks for token
	cmd   *exec.Cmd
	end   func() error // waits for the process, once
}

// serve starts the program on a free port and waits until it listens.
func serve(t *testing.T, program string, args ...string) *server {
	t.Helper()
	cmd := exec.Command(program, append([]string{"--addr", "127.0.0.1:0", "--quiet"}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{cmd: cmd, end: sync.OnceValue(cmd.Wait), token: slices.Contains(args, "--token-file")}
	t.Cleanup(s.kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	_, s.url, _ = strings.Cut(strings.TrimSpace(line), "listens on ")
	if err != nil || s.url == "" {
		t.Fatalf("%q, %v, %v\n%s", line, err, s.end(), &stderr)
	}
	s.url = strings.TrimSuffix(s.url, "/")
	return s
}

// kill ends the process at once, as a power failure would.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // an error says that it has ended
	_ = s.end()              // it was killed
}

// ask sends a request and reads the whole response.
func (s *server) ask(client *http.Client, method, path, body string) (status int, text string, err error) {
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if s.token {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	return res.StatusCode, string(content), err
}

// get is the body of a URL that responds with 200.
func (s *server) get(t *testing.T, path string) string {
	t.Helper()
	status, body, err := s.ask(http.DefaultClient, http.MethodGet, path, "")
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d, %v, %s", path, status, err, body)
	}
	return body
}

// newFile makes a database file.
func newFile(t *testing.T, name string, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path, KeepJournal: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Writer.ExecContext(t.Context(), s); err != nil {
			t.Fatal(s, err)
		}
	}
	return path
}

// newToken writes the file of the token.
func newToken(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// within waits for a condition.
func within(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

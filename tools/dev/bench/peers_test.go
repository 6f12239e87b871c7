//go:build linux

package bench

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What users would take instead of sqlite_api, in versions that this Go and
// this Python run: PocketBase from 0.37 on needs Go 1.27. Nothing of ours links
// them.
const (
	pocketBaseModule  = "github.com/pocketbase/pocketbase"
	pocketBaseVersion = "v0.36.8"
	datasetteVersion  = "0.65.5"
)

// errUnavailable is the error of a peer that can't be downloaded.
var errUnavailable = errors.New("can't be downloaded")

// pocketBase builds PocketBase as it is released, once.
var pocketBase = sync.OnceValues(func() (string, error) {
	env := []string{"CGO_ENABLED=0", "GOBIN=" + scratch, "GOFLAGS=", "GOWORK=off"}
	if err := quietly(env, "go", "mod", "download", pocketBaseModule+"@"+pocketBaseVersion); err != nil {
		return "", fmt.Errorf("%w: %w", errUnavailable, err)
	}
	released := pocketBaseModule + "/examples/base@" + pocketBaseVersion
	err := quietly(env, "go", "install", "-trimpath", "-ldflags=-s -w", released)
	return filepath.Join(scratch, "base"), err
})

// datasette returns a Python with Datasette, which is kept in the user's cache.
var datasette = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	version, err := exec.Command("python3", "--version").Output()
	if err != nil {
		return "", err
	}
	which := strings.Join(append([]string{"datasette", datasetteVersion}, strings.Fields(string(version))...), "-")
	dir := filepath.Join(cache, "fn_registry_bench", which)
	python := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(dir); err == nil {
		return python, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	half, wheels := dir+".part", filepath.Join(scratch, "wheels")
	defer os.RemoveAll(half)
	if err := errors.Join(os.RemoveAll(half), quietly(nil, "python3", "-m", "venv", half)); err != nil {
		return "", err
	}
	pip := func(args ...string) error {
		return quietly(nil, filepath.Join(half, "bin", "python"),
			append([]string{"-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check"}, args...)...)
	}
	if err := pip("download", "--dest", wheels, "datasette=="+datasetteVersion); err != nil {
		return "", fmt.Errorf("%w: %w", errUnavailable, err)
	}
	if err := pip("install", "--no-index", "--find-links", wheels, "datasette=="+datasetteVersion); err != nil {
		return "", err
	}
	return python, os.Rename(half, dir)
})

// quietly runs a command; its output is part of the error.
func quietly(env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = scratch, environment(env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, bytes.TrimSpace(out))
	}
	return nil
}

// peer returns a peer's program, or "" after a line that says that it is left
// out, which only happens if it can't be downloaded.
func peer(b *testing.B, name string, get func() (string, error)) string {
	b.Helper()
	file, err := get()
	switch {
	case errors.Is(err, errUnavailable):
		fmt.Printf("SKIPPED: no figures of %s: %v\n", name, err)
		return ""
	case err != nil:
		b.Fatal(err)
	}
	return file
}

// launchAt starts a server that listens on the free port that args returns
// arguments for, and returns once it answers. It is killed at the end of the
// benchmark.
func launchAt(b *testing.B, program string, args func(address string) []string) *server {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	log, err := os.CreateTemp(b.TempDir(), "log")
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(program, args(address)...)
	s := &server{cmd: cmd, log: log.Name(), url: "http://" + address, began: time.Now()}
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.kill)
	waitFor(b, time.Minute, 20*time.Millisecond, program+" does not answer", func() bool {
		res, err := http.Get(s.url)
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
	return s
}

// kill ends a server that has nothing to save.
func (s *server) kill() {
	s.cmd.Process.Kill()
	_ = s.cmd.Wait() // killed
}

// launchDatasette serves a file. It reads only, as version 0.65 does. Without
// more time for a query than its default, a second, an export ends too early on
// a busy machine, with status 200.
func launchDatasette(b *testing.B, python, file string) *server {
	b.Helper()
	return launchAt(b, python, func(address string) []string {
		host, port, _ := net.SplitHostPort(address)
		return []string{
			"-m", "datasette", "serve", "--host", host, "--port", port,
			"--setting", "max_csv_mb", "0", "--setting", "sql_time_limit_ms", "60000", file,
		}
	})
}

// launchPocketBase serves a copy of the file's table: everyone may read it and
// add to it, and requests are not logged. It returns the file of the copy, too.
func launchPocketBase(b *testing.B, program, file string) (s *server, data string) {
	b.Helper()
	dir := b.TempDir()
	const user = "bench@example.com"
	password := rand.Text()
	if err := quietly(nil, program, "--dir", dir, "superuser", "upsert", user, password); err != nil {
		b.Fatal(err)
	}
	s = launchAt(b, program, func(address string) []string {
		return []string{"--dir", dir, "--hooksWatch=false", "serve", "--http", address}
	})
	var login struct{ Token string }
	if err := json.Unmarshal(s.send(b, "POST", "/api/collections/_superusers/auth-with-password", "",
		toJSON(b, map[string]any{"identity": user, "password": password})), &login); err != nil {
		b.Fatal(err)
	}
	s.send(b, "PATCH", "/api/settings", login.Token, toJSON(b, map[string]any{
		"batch": map[string]any{"enabled": true, "maxRequests": batchRows, "timeout": 60},
		"logs":  map[string]any{"maxDays": 0},
	}))
	s.send(b, "POST", "/api/collections", login.Token, toJSON(b, map[string]any{
		"name": "item", "type": "base", "listRule": "", "viewRule": "", "createRule": "",
		"fields": []any{
			map[string]any{"name": "name", "type": "text", "required": true}, map[string]any{"name": "price", "type": "number"},
			map[string]any{"name": "stock", "type": "number"}, map[string]any{"name": "at", "type": "text"},
		},
	}))
	data = filepath.Join(dir, "data.db")
	sqlite(b, data, fmt.Sprintf(`ATTACH '%s' AS shop;
INSERT INTO main.item (id, name, price, stock, at)
SELECT printf('%%015d', id), name, price, stock, at FROM shop.item ORDER BY id;
PRAGMA wal_checkpoint(TRUNCATE);`, file))
	return s, data
}

// sqlite runs SQL by sqlite3's command and returns what it prints.
func sqlite(b *testing.B, file, statements string) string {
	b.Helper()
	cmd := exec.Command("sqlite3", file)
	cmd.Stdin = strings.NewReader(statements)
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("sqlite3: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// count returns the number of rows in a file's table.
func count(b *testing.B, file string) int {
	b.Helper()
	n, err := strconv.Atoi(sqlite(b, file, "SELECT count(*) FROM item"))
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func toJSON(b *testing.B, value any) []byte {
	b.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// plain does not ask for compression, which neither the floor nor sqlite3 has.
var plain = http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}}

// send sends JSON to a server and returns the response, which must be one of
// success.
func (s *server) send(b *testing.B, method, path, authorization string, body []byte) []byte {
	b.Helper()
	text, err := s.try(method, path, authorization, body)
	if err != nil {
		b.Fatalf("%v\n%s", err, s.tail())
	}
	return text
}

func (s *server) try(method, path, authorization string, body []byte) ([]byte, error) {
	r, err := http.NewRequest(method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	res, err := plain.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = errors.New(res.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", method, path, err, text[:min(500, len(text))])
	}
	return text, nil
}

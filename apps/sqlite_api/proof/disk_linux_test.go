package proof

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// smallDisk mounts a file system of 1 MB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("SKIPPED: a small disk can only be made by root, where mount works: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fill leaves no room on a disk until free is called.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, full := io.Copy(file, zeros{})
	if err := file.Close(); err != nil || full == nil {
		t.Fatal(err, full)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// copyFile copies a database file that nobody has open.
func copyFile(t *testing.T, from, to string) string {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// A disk that is full refuses writes, and says so; nothing acknowledged is
// lost, reading goes on, and with room on the disk so does writing.
func TestDisk_Full(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"delete", "wal"} {
		t.Run(mode, func(t *testing.T) {
			eachDriver(t, func(t *testing.T, program string) {
				path := copyFile(t, newFile(t, "d.db", "PRAGMA journal_mode = "+mode, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)"), filepath.Join(smallDisk(t), "d.db"))
				s := serve(t, program, "--write", "--token-file", newToken(t), path)
				t.Cleanup(s.kill) // before the disk goes
				const rows = "/api/v1/d/tables/t/rows"
				post := func() (int, string) {
					status, body, err := s.ask(client, http.MethodPost, rows, `{"a": "`+strings.Repeat("x", 20_000)+`"}`)
					if err != nil {
						t.Fatal(err)
					}
					return status, body
				}
				written := 0
				for ; written < 5; written++ {
					if status, body := post(); status != http.StatusCreated {
						t.Fatal(status, body)
					}
				}
				free := fill(t, filepath.Dir(path))
				refused := 0
				for range 50 {
					status, body := post()
					if status == http.StatusCreated {
						written++
						continue
					}
					refused++
					if status != http.StatusServiceUnavailable || !strings.Contains(body, "full") || !strings.Contains(body, `"hint"`) || strings.Contains(body, "locked") {
						t.Fatalf("a full disk: %d %s", status, body)
					}
					if refused == 3 {
						break
					}
				}
				if refused < 3 {
					t.Fatalf("%d refused", refused)
				}
				if got := strings.Count(s.get(t, rows+"?format=ndjson"), "\n"); got != written {
					t.Errorf("%d rows on a full disk, want %d", got, written)
				}
				free()
				if status, body := post(); status != http.StatusCreated {
					t.Errorf("with room again: %d %s", status, body)
				}
				s.kill()
				if got := integrity(t, path); got != "ok" {
					t.Error(got)
				}
				if got := rowsOf(t, path, "SELECT count(*) FROM t")[0][0]; got != int64(written+1) {
					t.Errorf("%v rows, want %d", got, written+1)
				}
			})
		})
	}
}

// Each write is in the audit, also one that was made when its disk was full:
// it is there once there is room, and no other write is made before.
func TestDisk_FullAudit(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, program string) {
		dir := smallDisk(t)
		audit := filepath.Join(dir, "audit.jsonl")
		path := newFile(t, "d.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)")
		s := serve(t, program, "--write", "--token-file", newToken(t), "--audit", audit, path)
		t.Cleanup(s.kill)
		written := 0
		post := func() (int, string) {
			status, body, err := s.ask(client, http.MethodPost, "/api/v1/d/tables/t/rows", `{}`)
			if err != nil {
				t.Fatal(err)
			}
			if status == http.StatusCreated {
				written++
			}
			return status, body
		}
		if status, body := post(); status != http.StatusCreated {
			t.Fatal(status, body)
		}
		free := fill(t, dir)
		for n := 0; ; n++ { // a page of the file may have room for some lines
			status, body := post()
			if status != http.StatusCreated {
				if status != http.StatusServiceUnavailable || !strings.Contains(body, "audit") || !strings.Contains(body, `"hint"`) {
					t.Fatalf("%d %s", status, body)
				}
				break
			}
			if n > 100 {
				t.Fatal("100 writes with an audit that can't be written")
			}
		}
		if status, body, err := s.ask(client, http.MethodGet, "/readyz", ""); err != nil || status != http.StatusServiceUnavailable {
			t.Errorf("readyz: %d, %v, %s", status, err, body)
		}
		s.get(t, "/api/v1/d/tables/t/rows")
		free()
		if status, body := post(); status != http.StatusCreated {
			t.Errorf("with room again: %d %s", status, body)
		}
		within(t, 60*time.Second, "ready", func() bool {
			status, _, err := s.ask(client, http.MethodGet, "/readyz", "")
			return err == nil && status == http.StatusOK
		})
		text, err := os.ReadFile(audit)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		if len(lines) != written {
			t.Errorf("%d lines in the audit, %d rows were written:\n%s", len(lines), written, text)
		}
		for i, line := range lines {
			if !strings.HasPrefix(line, "{") || !strings.Contains(line, fmt.Sprintf(`"key":"%d"`, i+1)) || !strings.HasSuffix(line, "}") {
				t.Errorf("line %d: %s", i, line)
			}
		}
	})
}

// run starts the program, which is expected to end within 15 seconds.
func run(t *testing.T, program string, args ...string) (stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	var text strings.Builder
	cmd := exec.CommandContext(ctx, program, append([]string{"--addr", "127.0.0.1:0"}, args...)...)
	cmd.Stderr = &text
	err = cmd.Run()
	if ctx.Err() != nil {
		t.Errorf("%q still ran after 15 s", args)
	}
	return text.String(), err
}

// A disk that can't be written is read from. What can't be served from it is
// refused when the program starts, with what to do.
func TestDisk_ReadOnly(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	plain := copyFile(t, newFile(t, "d.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (7)"), filepath.Join(dir, "plain.db"))
	wal := copyFile(t, newFile(t, "d.db", "PRAGMA journal_mode = WAL", "CREATE TABLE t (a)", "INSERT INTO t VALUES (7)"), filepath.Join(dir, "wal.db"))
	// One with a -wal and without -shm, as a backup of a file in use has.
	used := newFile(t, "used.db", "PRAGMA journal_mode = WAL", "CREATE TABLE t (a)")
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: used})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Writer.ExecContext(t.Context(), "INSERT INTO t VALUES (7)"); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, "half.db")
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, used+suffix, half+suffix)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	eachDriver(t, func(t *testing.T, program string) {
		s := serve(t, program, plain)
		if got := s.get(t, "/api/v1/plain/tables/t/rows?format=csv"); got != "a\r\n7\r\n" {
			t.Error(got)
		}
		s.get(t, "/plain/tables/t")
		s.get(t, "/readyz")
		s.kill()
		for _, path := range []string{wal, half} {
			if stderr, err := run(t, program, path); err == nil || !strings.Contains(stderr, path) || !strings.Contains(stderr, "WAL") || !strings.Contains(stderr, "copy it") {
				t.Errorf("%s: %v, %s", path, err, stderr)
			}
		}
		for _, path := range []string{plain, wal} {
			if stderr, err := run(t, program, "--write", "--token-file", newToken(t), path); err == nil || !strings.Contains(stderr, path) || !strings.Contains(stderr, "hint") {
				t.Errorf("--write %s: %v, %s", path, err, stderr)
			}
		}
	})
}

// lock holds a file as another program that writes to it for long does.
func lock(t *testing.T, path string, statements ...string) (release func()) {
	t.Helper()
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path, KeepJournal: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Reader.Close(); err != nil { // the other program has one connection
		t.Fatal(err)
	}
	conn, err := db.Writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range statements {
		if _, err := conn.ExecContext(t.Context(), q); err != nil {
			t.Fatal(q, err)
		}
	}
	release = sync.OnceFunc(func() {
		_, _ = conn.ExecContext(context.Background(), "ROLLBACK")
		_ = conn.Close()
		_ = db.Close()
	})
	t.Cleanup(release)
	return release
}

// A file that another program has locked gives 503 within seconds, with what to
// do, and is served again when it is free.
func TestDisk_Locked(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, program string) {
		path := newFile(t, "d.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, a)", "INSERT INTO t VALUES (1, 7)")
		s := serve(t, program, "--write", "--token-file", newToken(t), path)
		release := lock(t, path, "BEGIN EXCLUSIVE")
		var asked sync.WaitGroup
		for _, what := range []struct{ method, path, body string }{
			{"GET", "/api/v1/d/tables/t/rows", ""}, {"GET", "/api/v1/d/tables/t/rows?format=csv", ""}, {"GET", "/api/v1/d/tables", ""}, {"GET", "/api/v1/d/tables/t/rows/1", ""},
			{"GET", "/api/v1/d/query?sql=SELECT+*+FROM+t", ""}, {"GET", "/api/v1/d/tables/t/facets?column=a", ""},
			{"POST", "/api/v1/d/tables/t/rows", `{"a": 1}`}, {"PATCH", "/api/v1/d/tables/t/rows/1", `{"a": 1}`},
			{"GET", "/d/", ""}, {"GET", "/d/tables/t", ""}, {"GET", "/d/tables/t/rows/1", ""}, {"GET", "/d/schema", ""},
		} {
			asked.Go(func() {
				began := time.Now()
				req, err := http.NewRequest(what.method, s.url+what.path, strings.NewReader(what.body))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+token)
				req.Header.Set("Content-Type", "application/json")
				res, err := client.Do(req)
				if err != nil {
					t.Errorf("%s: %v", what.path, err)
					return
				}
				defer res.Body.Close()
				body, _ := io.ReadAll(res.Body)
				text := string(body)
				if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, "program has locked") || !strings.Contains(text, "try again") ||
					res.Header.Get("Retry-After") == "" || time.Since(began) > 15*time.Second {
					t.Errorf("%s %s: %d after %v, Retry-After %q, %s", what.method, what.path, res.StatusCode, time.Since(began), res.Header.Get("Retry-After"), text[max(0, len(text)-400):])
				}
			})
		}
		asked.Wait()
		s.get(t, "/healthz")
		release()
		if got := s.get(t, "/api/v1/d/tables/t/rows?format=csv"); got != "id,a\r\n1,7\r\n" {
			t.Error(got)
		}
		s.kill()
		// A browser that runs holds its file so for hours.
		path = newFile(t, "d.db", "PRAGMA journal_mode = WAL", "CREATE TABLE t (id INTEGER PRIMARY KEY, a)", "INSERT INTO t VALUES (1, 7)")
		release = lock(t, path, "PRAGMA locking_mode = EXCLUSIVE", "UPDATE t SET a = 8")
		if stderr, err := run(t, program, path); err == nil || !strings.Contains(stderr, path) || !strings.Contains(stderr, "hint") || !strings.Contains(stderr, "lock") {
			t.Errorf("it starts with a file that is locked: %v, %s", err, stderr)
		}
		release()
		s = serve(t, program, path)
		s.get(t, "/api/v1/d/tables/t/rows")
	})
}

package proof

import (
	"bytes"
	"encoding/binary"
	"fmt"
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

// A file that can't be served ends the program at once, with a line that names
// it.
func TestOpen_Errors(t *testing.T) {
	good, err := os.ReadFile(newFile(t, "good.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (zeroblob(20000))"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	eachDriver(t, func(t *testing.T, program string) {
		for name, path := range map[string]string{
			"missing": filepath.Join(dir, "missing.db"), "folder": dir, "fifo": fifo, "device": "/dev/zero",
			"text": write("text.db", []byte(strings.Repeat("not a database. ", 100))), "encrypted": write("encrypted.db", bytes.Repeat([]byte{0x9e, 0x37, 0xb9, 0x55}, 1024)),
			"truncated": write("truncated.db", good[:4096]), "short": write("short.db", good[:50]),
		} {
			var stderr strings.Builder
			cmd := exec.Command(program, "--addr", "127.0.0.1:0", path)
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
			err := cmd.Wait()
			if !timer.Stop() {
				t.Errorf("%s: it was still running after 5 s", name)
				continue
			}
			if err == nil || !strings.Contains(stderr.String(), path) || strings.Contains(stderr.String(), "goroutine") {
				t.Errorf("%s: %v, %s", name, err, &stderr)
			}
		}
	})
}

// A file without a byte is a database without tables.
func TestOpen_Empty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eachDriver(t, func(t *testing.T, program string) {
		s := serve(t, program, path)
		if got := s.get(t, "/api/v1/empty/tables"); strings.TrimSpace(got) != `{"tables":[]}` {
			t.Error(got)
		}
		for _, p := range []string{"/", "/empty/", "/empty/schema", "/empty/sql", "/readyz"} {
			s.get(t, p)
		}
	})
}

// A file that is deleted, replaced or damaged while it is served gives answers
// or clear errors, and never ends the program.
func TestOpen_ChangesWhileServed(t *testing.T) {
	eachDriver(t, func(t *testing.T, program string) {
		for what, change := range map[string]func(path string) error{
			"deleted":   os.Remove,
			"truncated": func(path string) error { return os.Truncate(path, 1000) },
			"replaced": func(path string) error {
				return os.Rename(newFile(t, "new.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES ('new')"), path)
			},
			"fifo": func(path string) error {
				if err := syscall.Mkfifo(path+".fifo", 0o600); err != nil {
					return err
				}
				return os.Rename(path+".fifo", path)
			},
			"folder": func(path string) error {
				if err := os.Remove(path); err != nil {
					return err
				}
				return os.Mkdir(path, 0o700)
			},
			"empty":       func(path string) error { return os.Truncate(path, 0) },
			"overwritten": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("x"), 8192), 0o600) },
		} {
			path := newFile(t, "d.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
			s := serve(t, program, path)
			s.get(t, "/api/v1/d/tables/t/rows")
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			// Enough at once that some need a connection of their own.
			var asked sync.WaitGroup
			for range 8 {
				for _, p := range []string{"/api/v1/d/tables/t/rows", "/api/v1/d/query?sql=SELECT+*+FROM+t", "/api/v1/d/tables", "/healthz", "/d/tables/t"} {
					asked.Go(func() {
						status, body, err := s.ask(client, http.MethodGet, p, "")
						if err != nil || status != http.StatusOK && !strings.Contains(body, `"title":"`) && !strings.Contains(body, "<h1") {
							t.Errorf("%s: %s: %d, %v, %s", what, p, status, err, body)
						}
						if strings.Contains(body, "new") && status == http.StatusOK && strings.Contains(p, "/v1/") {
							t.Errorf("%s: %s reads both files: %s", what, p, body)
						}
					})
				}
			}
			asked.Wait()
			s.kill()
		}
	})
}

// A file in WAL mode is served while another process writes to it, and what
// that one commits is seen; integers beyond 2^53 are exact.
func TestOpen_AnotherWrites(t *testing.T) {
	path := newFile(t, "history.db", "PRAGMA journal_mode = WAL", "CREATE TABLE visits (id INTEGER PRIMARY KEY, at INTEGER)")
	writer, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = writer.Close() })
	n := 0
	eachDriver(t, func(t *testing.T, program string) {
		s := serve(t, program, path)
		for range 20 {
			n++
			at := 13_370_000_000_000_000 + int64(n)
			if _, err := writer.Writer.ExecContext(t.Context(), "INSERT INTO visits VALUES (?, ?)", n, at); err != nil {
				t.Fatal(err)
			}
			if got := s.get(t, "/api/v1/history/tables/visits/rows?format=csv&order=id.desc&limit=1"); got != fmt.Sprintf("id,at\r\n%d,%d\r\n", n, at) {
				t.Fatalf("%q after %d", got, n)
			}
		}
	})
}

// hugeBytes is the size of a large file, hugePage of its pages.
const hugeBytes, hugePage = 5 << 30, 65536

// hugeFile makes a valid database of 5 GB in a sparse file: 200,000 rows, and
// free pages, which are holes but for those that list the others.
func hugeFile(t *testing.T) string {
	t.Helper()
	path := newFile(t, "huge.db", fmt.Sprintf("PRAGMA page_size = %d", hugePage), "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)",
		"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 200000) INSERT INTO t SELECT x, 'name ' || x FROM c")
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	put := func(at int64, words ...uint32) {
		b := make([]byte, 0, 4*len(words))
		for _, w := range words {
			b = binary.BigEndian.AppendUint32(b, w)
		}
		if _, err := file.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Truncate(hugeBytes); err != nil {
		t.Fatal(err)
	}
	first, last := uint32(info.Size()/hugePage)+1, uint32(hugeBytes/hugePage)
	// SQLite locks bytes of the page at 1 GB, which is never used.
	const lockPage = 1<<30/hugePage + 1
	var free []uint32
	for n := first; n <= last; n++ {
		if n != lockPage {
			free = append(free, n)
		}
	}
	put(28, last)                     // the number of pages
	put(32, first, uint32(len(free))) // the first page that lists free ones, and how many are free
	const most = hugePage/4 - 2 - 6   // SQLite leaves the last six entries empty
	for len(free) > 0 {
		trunk := free[0]
		leaves := free[1:min(1+most, len(free))]
		free = free[1+len(leaves):]
		next := uint32(0)
		if len(free) > 0 {
			next = free[0]
		}
		put(int64(trunk-1)*hugePage, append([]uint32{next, uint32(len(leaves))}, leaves...)...)
	}
	return path
}

// The first page of a file of 5 GB comes soon and takes little memory. The
// figures are logged; the bounds are wide, for busy machines.
func TestHugeFile(t *testing.T) {
	path := hugeFile(t)
	eachDriver(t, func(t *testing.T, program string) {
		began := time.Now()
		s := serve(t, program, path)
		started := time.Since(began)
		began = time.Now()
		page := s.get(t, "/api/v1/huge/tables/t/rows?limit=100")
		took := time.Since(began)
		if n := strings.Count(page, `"_key"`); n != 100 {
			t.Errorf("%d rows", n)
		}
		first := peakMB(t, s)
		lines := strings.Count(s.get(t, "/api/v1/huge/tables/t/rows?format=ndjson"), "\n")
		peak := peakMB(t, s)
		t.Logf("%d MB file: started in %v, first page in %v with %d MB, %d rows exported with %d MB", hugeBytes>>20, started.Round(time.Millisecond), took.Round(time.Millisecond), first, lines, peak)
		if lines != 200_000 || took > time.Second || peak > 100 {
			t.Errorf("%d rows, %v, %d MB", lines, took, peak)
		}
	})
	if got := integrity(t, path); got != "ok" {
		t.Error(got)
	}
}

// peakMB is the most memory that the process has had.
func peakMB(t *testing.T, s *server) (mb int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Skip(err)
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	if _, err := fmt.Sscan(after, &mb); err != nil {
		t.Fatal(err)
	}
	return mb >> 10
}

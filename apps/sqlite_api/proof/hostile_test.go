package proof

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// bombs need too much of something: each is refused, is stopped, or ends, and
// never brings the server down.
var bombs = []string{
	"SELECT randomblob(1000000000)", "SELECT zeroblob(2000000000)", "SELECT hex(zeroblob(900000000))", "SELECT printf('%999999999d', 1)",
	"SELECT printf('%.*c', 999999999, 'x')", "SELECT replace(hex(zeroblob(1000000)), '0', hex(zeroblob(1000000)))",
	"WITH RECURSIVE c(x) AS (SELECT hex(zeroblob(500000)) UNION ALL SELECT x FROM c LIMIT 100000) SELECT group_concat(x) FROM c",
	"WITH RECURSIVE c(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM c) SELECT length(x) FROM c",
	"SELECT 'a' LIKE '" + strings.Repeat("%a", 60_000) + "'", "SELECT 'a' GLOB '" + strings.Repeat("*a", 60_000) + "'",
	"SELECT " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000), "SELECT 1" + strings.Repeat("+1", 20_000), "SELECT " + strings.Repeat("NOT ", 5000) + "1",
	"SELECT " + strings.Repeat("1,", 5000) + "1", "SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 2000),
	"SELECT * FROM t a" + strings.Repeat(" JOIN t", 80), "SELECT '" + strings.Repeat("x", 1<<20) + "'",
	"SELECT json_array(" + strings.Repeat("1,", 2000) + "1)", "SELECT json('" + strings.Repeat("[", 3000) + strings.Repeat("]", 3000) + "')",
	"SELECT 1; SELECT 2", "SELECT 1;; DROP TABLE t", "SELECT 1 /* ; */; DELETE FROM t", "", " ", ";", "-- nothing", "/* nothing", "SELECT 1\x00; DROP TABLE t",
	"SELECT", "SELEC 1", "SELECT * FROM nothing", "SELECT nothing FROM t", "SELECT ?", "SELECT :missing", "SELECT 'x", "SELECT \xff FROM",
	"SELECT 1 REGEXP 'x'", "SELECT 'x' MATCH 'y'", "SELECT sqlite_rename_table(1,2,3,4,5,6,7)", "EXPLAIN DELETE FROM t", "EXPLAIN QUERY PLAN DROP TABLE t", "SAVEPOINT a", "RELEASE a", "COMMIT", "ROLLBACK",
	"SELECT eval('DROP TABLE t')", "SELECT fts5(x'00')", "SELECT fts5_decode(1, x'ff')", "SELECT rtreecheck('t')", "SELECT * FROM fsdir('/')", "SELECT * FROM zipfile('/etc/x')", "SELECT * FROM csv('/etc/passwd')", "SELECT * FROM sqlite_dbpage('main')", "SELECT sqlite_log(1, 'x')",
}

// endless are statements that run until they are stopped.
var endless = []string{
	"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
	"SELECT count(*) FROM t a, t b, t c, t d WHERE a.id + b.id + c.id + d.id < 0",
	"SELECT max(a.name || b.name || c.name || d.name) FROM t a, t b, t c, t d",
	"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT group_concat(x) FROM c WHERE x < 0",
}

// hostileFile has the tables that the statements name.
func hostileFile(t *testing.T, mode string) string {
	return newFile(t, "h.db", "PRAGMA journal_mode = "+mode, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, secret TEXT)",
		"CREATE VIEW v AS SELECT id, secret FROM t", "CREATE TABLE other (secret)", "CREATE VIRTUAL TABLE box USING rtree (id, x0, x1)",
		"CREATE VIRTUAL TABLE note USING fts5(body)", "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 2000) INSERT INTO t SELECT x, 'name ' || x, 's' FROM c",
		"INSERT INTO box VALUES (1, 0, 1)", "INSERT INTO note VALUES ('hello')", "ANALYZE")
}

// refused are the statements that a sandbox refuses, without those about hidden
// columns.
func refused(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../../functions/infra/sqlite/sqliteopen/testdata/hostile.txt")
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(text), "# Columns that are hidden.\n")
	lines := strings.Split(strings.TrimSpace(before), "\n")
	return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "#") })
}

func hashes(t *testing.T, path string) string {
	t.Helper()
	var all []string
	for _, suffix := range []string{"", "-wal", "-journal"} {
		content, err := os.ReadFile(path + suffix)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %d bytes %x", suffix, len(content), sha256.Sum256(content)))
	}
	return strings.Join(all, ", ")
}

// The SQL of an attacker is refused or stopped, each with a problem that says
// why, the file is as before, and honest readers notice little.
func TestHostileSQL(t *testing.T) {
	eachDriver(t, func(t *testing.T, program string) {
		path := hostileFile(t, "wal")
		before := hashes(t, path)
		s := serve(t, program, path)
		readers := readersOf(t, s)
		quiet := readers.latency(time.Second)
		began := time.Now()
		attacked := make(chan time.Duration)
		done := make(chan struct{})
		go func() { attacked <- readers.latencyUntil(done) }()
		var attackers sync.WaitGroup
		statements := make(chan string)
		mustRefuse := map[string]bool{}
		for _, q := range refused(t) {
			mustRefuse[q] = true
		}
		for range 4 {
			attackers.Go(func() {
				for q := range statements {
					attack(t, s, q, mustRefuse[q])
				}
			})
		}
		n := 0
		for _, q := range slices.Concat(refused(t), bombs, endless) {
			statements <- q
			n++
		}
		close(statements)
		attackers.Wait()
		close(done)
		under := <-attacked
		t.Logf("%d statements in %v; 95%% of reads within %v, %v under attack (%.1f times); %d reads failed",
			n, time.Since(began).Round(time.Millisecond), quiet, under, float64(under)/float64(quiet), readers.failed.Load())
		if readers.failed.Load() > 0 {
			t.Errorf("%d honest reads failed: %v", readers.failed.Load(), readers.first.Load())
		}
		if got := integrity(t, path); got != "ok" {
			t.Error(got)
		}
		if after := hashes(t, path); after != before {
			t.Errorf("the file has changed:\n%s\n%s", before, after)
		}
	})
}

// attack sends one statement, which must not give a 500 and, where it says so,
// not succeed.
func attack(t *testing.T, s *server, sql string, mustRefuse bool) {
	client := &http.Client{Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	status, body, err := s.ask(client, http.MethodGet, "/api/v1/h/query?sql="+url.QueryEscape(sql), "")
	short := sql[:min(len(sql), 70)]
	switch {
	case err != nil:
		t.Errorf("%s: %v", short, err)
	case status == http.StatusOK && mustRefuse:
		t.Errorf("%s: it ran: %.200s", short, body)
	case status >= 500 && status != http.StatusGatewayTimeout && status != http.StatusServiceUnavailable:
		t.Errorf("%s: %d %.300s", short, status, body)
	case status != http.StatusOK && status != http.StatusRequestHeaderFieldsTooLarge && !strings.Contains(body, `"detail":"`):
		t.Errorf("%s: %d without a detail: %.200s", short, status, body)
	}
}

// readers are eight honest clients.
type readers struct {
	s      *server
	failed atomic.Int64
	first  atomic.Value
}

func readersOf(t *testing.T, s *server) *readers {
	t.Helper()
	s.get(t, "/api/v1/h/tables/t/rows?limit=20")
	return &readers{s: s}
}

func (r *readers) latency(during time.Duration) time.Duration {
	done := make(chan struct{})
	time.AfterFunc(during, func() { close(done) })
	return r.latencyUntil(done)
}

// latencyUntil is the time within which 95 of 100 reads were answered until
// done is closed.
func (r *readers) latencyUntil(done <-chan struct{}) time.Duration {
	var mu sync.Mutex
	var times []time.Duration
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			client := &http.Client{Timeout: 30 * time.Second}
			defer client.CloseIdleConnections()
			pace := time.NewTicker(10 * time.Millisecond)
			defer pace.Stop()
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				case <-pace.C:
				}
				began := time.Now()
				status, body, err := r.s.ask(client, http.MethodGet, fmt.Sprintf("/api/v1/h/tables/t/rows?limit=20&id=gt.%d", (i*97+n)%1900), "")
				took := time.Since(began)
				if err != nil || status != http.StatusOK || strings.Count(body, `"_key"`) != 20 {
					r.failed.Add(1)
					r.first.CompareAndSwap(nil, fmt.Sprintf("%d %v %.200s", status, err, body))
				}
				mu.Lock()
				times = append(times, took)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(times)
	return times[len(times)*95/100].Round(10 * time.Microsecond)
}

// A client that goes away stops its query: the process is idle again.
func TestClientLeaves(t *testing.T) {
	eachDriver(t, func(t *testing.T, program string) {
		s := serve(t, program, hostileFile(t, "delete"))
		var gone sync.WaitGroup
		for i := range 16 {
			gone.Go(func() {
				client := &http.Client{Timeout: 300 * time.Millisecond}
				defer client.CloseIdleConnections()
				if status, body, err := s.ask(client, http.MethodGet, "/api/v1/h/query?sql="+url.QueryEscape(endless[i%2]), ""); err == nil && status != 503 && status != 429 {
					t.Errorf("%d %s", status, body)
				}
			})
		}
		gone.Wait()
		within(t, 3*time.Second, "idle", func() bool {
			before := cpuTicks(t, s)
			time.Sleep(200 * time.Millisecond) // over which use is measured
			return cpuTicks(t, s)-before <= 4
		})
		s.get(t, "/api/v1/h/query?sql=SELECT+1")
	})
}

// cpuTicks is the CPU time of the process, in hundredths of a second.
func cpuTicks(t *testing.T, s *server) (ticks int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		t.Skip(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	var user, system int
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		t.Fatal(err)
	}
	return user + system
}

// A reader of an export that is slow keeps no other from reading or writing.
func TestSlowReader(t *testing.T) {
	eachDriver(t, func(t *testing.T, program string) {
		s := serve(t, program, hostileFile(t, "delete"))
		var slow sync.WaitGroup
		for range 16 {
			slow.Go(func() {
				// It reads the head alone; the connection stays open.
				res, err := http.Get(s.url + "/api/v1/h/query?format=csv&sql=" + url.QueryEscape("SELECT a.id, a.name, b.name FROM t a, t b"))
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { res.Body.Close() })
			})
		}
		slow.Wait()
		client := &http.Client{Timeout: 8 * time.Second}
		if status, body, err := s.ask(client, http.MethodGet, "/api/v1/h/tables/t/rows?limit=1", ""); err != nil || status != http.StatusOK {
			t.Errorf("rows beside slow readers: %d, %v, %s", status, err, body)
		}
		within(t, 20*time.Second, "SQL again", func() bool {
			status, _, err := s.ask(client, http.MethodGet, "/api/v1/h/query?sql=SELECT+1", "")
			return err == nil && status == http.StatusOK
		})
	})
}

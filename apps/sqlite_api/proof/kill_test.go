package proof

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// kills is how often the server is killed for each driver and journal mode.
var kills = flag.Int("kills", 5, "kills of the server for each driver and journal mode")

// A server that is killed while clients write has lost nothing that it
// acknowledged and has no half of a batch.
func TestKill(t *testing.T) {
	for _, mode := range []string{"delete", "wal"} {
		t.Run(mode, func(t *testing.T) { eachDriver(t, func(t *testing.T, program string) { killed(t, program, mode) }) })
	}
}

func killed(t *testing.T, program, mode string) {
	path := newFile(t, "k.db", "PRAGMA journal_mode = "+mode, "CREATE TABLE entry (batch TEXT, n INTEGER, PRIMARY KEY (batch, n))")
	args := []string{"--write", "--token-file", newToken(t), path}
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	for round := range *kills {
		s := serve(t, program, args...)
		check(t, s, path, acknowledged)
		if t.Failed() {
			return
		}
		before := len(acknowledged)
		var writers sync.WaitGroup
		for writer := range 4 {
			writers.Go(func() {
				client := &http.Client{Timeout: 10 * time.Second}
				defer client.CloseIdleConnections()
				for i := 0; ; i++ {
					batch := fmt.Sprintf("%d-%d-%d", round, writer, i)
					var changes []string
					for n := range 3 {
						changes = append(changes, fmt.Sprintf(`{"table": "entry", "verb": "insert", "values": {"batch": %q, "n": %d}}`, batch, n))
					}
					status, body, err := s.ask(client, http.MethodPost, "/api/v1/k/batch", `{"changes": [`+strings.Join(changes, ",")+`]}`)
					if err != nil {
						return // killed
					}
					if status != http.StatusOK {
						t.Errorf("%d %s", status, body)
						return
					}
					mu.Lock()
					acknowledged[batch] = true
					mu.Unlock()
				}
			})
		}
		if round%2 == 0 { // else a slow machine writes nothing before it is killed
			within(t, 60*time.Second, "a write", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return len(acknowledged) > before
			})
		}
		time.Sleep(20*time.Millisecond + rand.N(150*time.Millisecond)) // any moment
		s.kill()
		writers.Wait()
	}
	s := serve(t, program, args...)
	check(t, s, path, acknowledged)
	if len(acknowledged) == 0 {
		t.Error("nothing was written")
	}
	t.Logf("%d kills, %d batches acknowledged", *kills, len(acknowledged))
}

// integrity is what SQLite says of a file, ok if it is whole.
func integrity(t *testing.T, path string) string {
	t.Helper()
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var result string
	if err := db.Reader.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&result); err != nil {
		t.Fatal(err)
	}
	return result
}

// check holds the file of a server that has just started against what was
// acknowledged.
func check(t *testing.T, s *server, path string, acknowledged map[string]bool) {
	t.Helper()
	if got := integrity(t, path); got != "ok" {
		t.Errorf("integrity_check: %s", got)
	}
	there := map[string]string{}
	lines := strings.Split(s.get(t, "/api/v1/k/query?format=csv&sql=SELECT+batch,count(*)+FROM+entry+GROUP+BY+batch"), "\r\n")
	for _, line := range lines[1:] {
		if batch, n, ok := strings.Cut(line, ","); ok {
			if there[batch] = n; n != "3" {
				t.Errorf("batch %s has %s rows", batch, n)
			}
		}
	}
	for batch := range acknowledged {
		if there[batch] == "" {
			t.Errorf("batch %s was acknowledged and is lost", batch)
		}
	}
}

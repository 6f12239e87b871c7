//go:build linux

package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/size"
)

// items is the number of rows of the measured table.
const items = 1_000_000

// shop writes the measured file, once.
var shop = sync.OnceValues(func() (string, error) {
	file := filepath.Join(scratch, "shop.db")
	cmd := exec.Command("sqlite3", file)
	cmd.Stdin = strings.NewReader(fmt.Sprintf(`CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL, stock INTEGER, at TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
INSERT INTO item SELECT i, 'item number ' || i, i * 0.25, i %% 100, datetime(1700000000 + i, 'unixepoch') FROM n;`, items))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("sqlite3: %w\n%s", err, out)
	}
	return file, nil
})

// sqliteAPI builds sqlite_api as it is released, once.
var sqliteAPI = sync.OnceValues(func() (string, error) {
	root, err := filepath.Abs(repository)
	if err != nil {
		return "", err
	}
	c, _, err := catalog.Load(context.Background(), catalog.Options{Roots: []string{root}})
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(c.Units, func(u *catalog.Unit) bool { return u.IsApp() && u.Spec.Name == "sqlite_api" })
	if i < 0 {
		return "", fmt.Errorf("no program sqlite_api in %s", root)
	}
	file := filepath.Join(scratch, "sqlite_api")
	return file, size.Build(context.Background(), c, c.Units[i], file)
})

// floorServer builds the bare server in testdata, once.
var floorServer = sync.OnceValues(func() (string, error) {
	return filepath.Join(scratch, "floor"), build(scratch, "./tools/dev/bench/testdata/floor")
})

func must(b *testing.B, build func() (string, error)) string {
	b.Helper()
	file, err := build()
	if err != nil {
		b.Fatal(err)
	}
	return file
}

// plain does not ask for compression, which neither the floor nor sqlite3 has.
var plain = http.Client{Transport: &http.Transport{DisableCompression: true}}

// read requests a path from a server and returns the number of bytes.
func (s *server) read(b *testing.B, path string) int64 {
	b.Helper()
	res, err := plain.Get(s.url + path)
	if err != nil {
		b.Fatalf("%v\n%s", err, s.tail())
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s, %v", path, res.Status, err)
	}
	return n
}

// inTurns runs two alternatives in short turns, so that both have the same
// share of a busy machine, and reports the first one's speed as a multiple of
// the second's.
func inTurns(b *testing.B, each int, ours, theirs func(i int)) {
	var took [2]time.Duration
	n := 0
	for b.Loop() {
		for who, run := range []func(int){ours, theirs} {
			began := time.Now()
			for i := range each {
				run(n*each + i)
			}
			took[who] += time.Since(began)
		}
		n++
	}
	for who, name := range []string{"µs", "µs-of-other"} {
		b.ReportMetric(float64(took[who].Microseconds())/float64(n*each), name)
	}
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "x-speed-of-other")
	b.ReportMetric(0, "ns/op") // it is both together
}

func BenchmarkSQLiteAPI(b *testing.B) {
	file := must(b, shop)
	api := launch(b, must(b, sqliteAPI), "--addr", "127.0.0.1:0", "--log-level", "warn", file)
	floor := launch(b, must(b, floorServer), file)
	const rows = "/api/v1/shop/tables/item/rows"
	id := func(i int) int { return i*7919%items + 1 }
	b.Run("row/floor", func(b *testing.B) {
		inTurns(b, 100,
			func(i int) { api.read(b, fmt.Sprintf("%s/%d", rows, id(i))) },
			func(i int) { floor.read(b, fmt.Sprintf("/row/%d", id(i))) })
	})
	b.Run("page/floor", func(b *testing.B) {
		inTurns(b, 20,
			func(i int) { api.read(b, fmt.Sprintf("%s?stock=gte.%d&order=id&limit=100", rows, i%50)) },
			func(i int) { floor.read(b, fmt.Sprintf("/rows/%d", i%50)) })
	})
	export := func(format string, cli ...string) func(b *testing.B) {
		return func(b *testing.B) {
			inTurns(b, 1,
				func(int) { api.read(b, rows+"?format="+format) },
				func(int) {
					cmd := exec.Command("sqlite3", append(cli, file, "SELECT * FROM item")...)
					cmd.Stdout = io.Discard // through a pipe, as the server's
					if err := cmd.Run(); err != nil {
						b.Fatal(err)
					}
				})
			b.ReportMetric(float64(api.memory(b, "VmHWM"))/1e6, "peak-MB")
		}
	}
	b.Run("export-csv/cli", export("csv", "-csv", "-header"))
	b.Run("export-ndjson/cli", export("ndjson", "-json"))
	floor.cmd.Process.Kill() // it has no other end
	_ = floor.cmd.Wait()     // killed
}

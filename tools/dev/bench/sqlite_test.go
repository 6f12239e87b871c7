//go:build linux

package bench

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
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
	cmd.Stdin = strings.NewReader(fmt.Sprintf(`
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL, stock INTEGER, at TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
INSERT INTO item
SELECT i, 'item number ' || i, i * 0.25, i %% 100, datetime(1700000000 + i, 'unixepoch') FROM n;`, items))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("sqlite3: %w\n%s", err, out)
	}
	return file, nil
})

// sqliteAPI builds sqlite_api as it is released, once.
var sqliteAPI = sync.OnceValues(func() (string, error) {
	c, app, err := sqliteApp()
	if err != nil {
		return "", err
	}
	file := filepath.Join(scratch, "sqlite_api")
	return file, size.Build(context.Background(), c, app, file)
})

// sqliteApp finds sqlite_api in the catalog.
func sqliteApp() (*catalog.Catalog, *catalog.Unit, error) {
	root, err := filepath.Abs(repository)
	if err != nil {
		return nil, nil, err
	}
	c, _, err := catalog.Load(context.Background(), catalog.Options{Roots: []string{root}})
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(c.Units, func(u *catalog.Unit) bool { return u.IsApp() && u.Spec.Name == "sqlite_api" })
	if i < 0 {
		return nil, nil, fmt.Errorf("no program sqlite_api in %s", root)
	}
	return c, c.Units[i], nil
}

// floorServer builds the bare server in testdata, once.
var floorServer = sync.OnceValues(func() (string, error) {
	return filepath.Join(scratch, "floor"), build(scratch, "./tools/dev/bench/testdata/floor")
})

// withCgo builds sqlite_api with mattn's driver, which is in C, and otherwise
// with the flags of its spec, once.
var withCgo = sync.OnceValues(func() (string, error) {
	_, app, err := sqliteApp()
	if err != nil {
		return "", err
	}
	file := filepath.Join(scratch, "sqlite_api-cgo")
	args := []string{"build", "-trimpath", "-ldflags=-s -w -funcalign=1", "-o", file}
	for _, flag := range app.Spec.BuildFlags {
		if tags, ok := strings.CutPrefix(flag, "-tags="); ok {
			flag = "-tags=sqlite_mattn,sqlite_fts5," + tags
		}
		args = append(args, flag)
	}
	cmd := exec.Command("go", append(args, "./apps/sqlite_api")...)
	cmd.Dir, cmd.Env = repository, environment("CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return file, nil
})

func must(b *testing.B, build func() (string, error)) string {
	b.Helper()
	file, err := build()
	if err != nil {
		b.Fatal(err)
	}
	return file
}

// contender is one of several ways to do what is measured.
type contender struct {
	name   string
	do     func(i int) error // once; i is another number each time
	server *server           // nil: a command
	spent  *time.Duration    // a command's processor time, of all its runs
}

// cpu returns the processor time so far.
func (c *contender) cpu(b *testing.B) time.Duration {
	b.Helper()
	if c.server == nil {
		return *c.spent
	}
	return c.server.runTime(b)
}

// inTurns runs the contenders in short turns, so that all have the same share
// of a busy machine: in each, so many clients at once do it so many times. It
// reports each one's median time, the first one's speed as a multiple of each
// other's in the same turn (their median), the processor time without the
// client's, which the machine's load changes little, and the most memory that
// each server has had so far.
func inTurns(b *testing.B, clients, times int, contenders ...contender) {
	b.Helper()
	took := make([][]float64, len(contenders)) // µs
	spent := make([]time.Duration, len(contenders))
	turns := 0
	for ; b.Loop(); turns++ {
		for who, c := range contenders {
			before := c.cpu(b)
			began := time.Now()
			if err := atOnce(clients, times, func(i int) error { return c.do(turns*clients*times + i) }); err != nil {
				b.Fatalf("%s: %v", c.name, err)
			}
			took[who] = append(took[who], float64(time.Since(began).Microseconds())/float64(clients*times))
			spent[who] += c.cpu(b) - before
		}
	}
	for who, c := range contenders {
		b.ReportMetric(median(took[who]), c.name+"-µs")
		if who > 0 {
			ratios := make([]float64, len(took[0]))
			for n := range ratios {
				ratios[n] = took[who][n] / took[0][n]
			}
			b.ReportMetric(median(ratios), "x-speed-of-"+c.name)
		}
		b.ReportMetric(float64(spent[who].Microseconds())/float64(turns*clients*times), c.name+"-cpu-µs")
		if c.server != nil {
			b.ReportMetric(float64(c.server.memory(b, "VmHWM"))/1e6, c.name+"-peak-MB")
		}
	}
	b.ReportMetric(0, "ns/op") // it is all together
}

// atOnce calls do from several goroutines, so many times from each.
func atOnce(clients, times int, do func(i int) error) error {
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := range times {
				if errs[client] = do(client*times + i); errs[client] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// reader requests paths, and notices whether each has so many rows.
func reader(s *server, name string, rows int, path func(i int) string) contender {
	return contender{name: name, server: s, do: func(i int) error {
		text, err := s.try("GET", path(i), "", nil)
		if got := bytes.Count(text, []byte("item number ")); err == nil && got != rows {
			err = fmt.Errorf("%s: %d rows, not %d", path(i), got, rows)
		}
		return err
	}}
}

// stream requests all rows in a format, in which they have so many lines.
func stream(s *server, name, path string, lines int) contender {
	return contender{name: name, server: s, do: func(int) error {
		res, err := plain.Get(s.url + path)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		var n lineCount
		_, err = io.Copy(&n, res.Body)
		return cmp.Or(err, n.check(lines))
	}}
}

// lineCount counts the lines that are written to it.
type lineCount int

func (n *lineCount) Write(p []byte) (int, error) {
	*n += lineCount(bytes.Count(p, []byte("\n")))
	return len(p), nil
}

func (n *lineCount) check(want int) error {
	if int(*n) != want {
		return fmt.Errorf("%d lines, not %d", *n, want)
	}
	return nil
}

// command is sqlite3's, or ours, with stdout through a pipe, as a server's is.
func command(name string, lines int, args ...string) contender {
	var spent time.Duration
	return contender{name: name, spent: &spent, do: func(int) error {
		var n lineCount
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdout = &n
		if err := cmd.Run(); err != nil {
			return err
		}
		spent += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		return n.check(lines)
	}}
}

// batchRows is how many rows a transaction inserts.
const batchRows = 1000

// BenchmarkSQLiteAPI has all servers on the same table, in the same turns. They
// are asked for the same: PocketBase and Datasette are told not to count rows.
func BenchmarkSQLiteAPI(b *testing.B) {
	file := must(b, shop)
	ours, cgo, sqlite3 := must(b, sqliteAPI), must(b, withCgo), "sqlite3"
	serve := func(program string, args ...string) *server {
		return launch(b, program, append([]string{"--addr", "127.0.0.1:0", "--log-level", "warn"}, args...)...)
	}
	api, apiCgo := serve(ours, file), serve(cgo, file)
	floor := launchFloor(b, file)
	var pocket, sette *server
	var pocketFile string
	if program := peer(b, "PocketBase", pocketBase); program != "" {
		pocket, pocketFile = launchPocketBase(b, program, file)
	}
	if python := peer(b, "Datasette", datasette); python != "" {
		sette = launchDatasette(b, python, file)
	}

	const rows = "/api/v1/shop/tables/item/rows"
	read := func(n int, our, bare, pockets, settes func(i int) string) []contender {
		all := []contender{reader(api, "sqlite_api", n, our), reader(apiCgo, "cgo", n, our), reader(floor, "floor", n, bare)}
		if pocket != nil {
			all = append(all, reader(pocket, "pocketbase", n, pockets))
		}
		if sette != nil {
			all = append(all, reader(sette, "datasette", n, settes))
		}
		return all
	}
	path := func(format string, number func(i int) int) func(int) string {
		return func(i int) string { return fmt.Sprintf(format, number(i)) }
	}
	id := func(i int) int { return i*7919%items + 1 }
	row := read(1, path(rows+"/%d", id), path("/row/%d", id),
		path("/api/collections/item/records/%015d", id), path("/shop/item/%d.json?_shape=objects", id))
	b.Run("row", func(b *testing.B) { inTurns(b, 1, 50, row...) })
	b.Run("row/8-clients", func(b *testing.B) { inTurns(b, 8, 15, row...) })
	stock := func(i int) int { return i % 50 }
	page := read(100, path(rows+"?stock=gte.%d&order=id&limit=100", stock), path("/rows/%d", stock),
		path("/api/collections/item/records?filter=stock>=%d&sort=id&perPage=100&skipTotal=1", stock),
		path("/shop/item.json?stock__gte=%d&_sort=id&_size=100&_nocount=1&_nofacet=1&_shape=array", stock))
	b.Run("page", func(b *testing.B) { inTurns(b, 1, 15, page...) })

	const all = "SELECT * FROM item"
	b.Run("export-csv", func(b *testing.B) {
		csv := []contender{
			stream(api, "sqlite_api", rows+"?format=csv", items+1), stream(apiCgo, "cgo", rows+"?format=csv", items+1),
			command("sqlite3", items+1, sqlite3, "-csv", "-header", file, all),
			command("command", items+1, ours, "export", file, "item", "--format", "csv"),
		}
		if sette != nil {
			csv = append(csv, stream(sette, "datasette", "/shop/item.csv?_stream=on&_size=max", items+1))
		}
		inTurns(b, 1, 1, csv...)
	})
	b.Run("export-ndjson", func(b *testing.B) {
		inTurns(b, 1, 1,
			stream(api, "sqlite_api", rows+"?format=ndjson", items), stream(apiCgo, "cgo", rows+"?format=ndjson", items),
			command("sqlite3", items, sqlite3, "-json", file, all),
			command("command", items, ours, "export", file, "item", "--format", "ndjson"))
	})
	b.Run("insert", func(b *testing.B) { inserts(b, file, serve, pocket, pocketFile) })
	b.Run("size", func(b *testing.B) {
		for b.Loop() {
			for name, program := range map[string]string{"sqlite_api": ours, "cgo": cgo} {
				info, err := os.Stat(program)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(info.Size())/1e6, name+"-MB")
			}
		}
		b.ReportMetric(0, "ns/op") // nothing is timed
	})
}

// inserts measures a transaction of many rows. All files are in WAL mode with
// synchronous NORMAL, as PocketBase's is.
func inserts(
	b *testing.B, file string, serve func(program string, args ...string) *server, pocket *server, pocketFile string,
) {
	token := filepath.Join(b.TempDir(), "token")
	secret := rand.Text()
	if err := os.WriteFile(token, []byte(secret), 0o600); err != nil {
		b.Fatal(err)
	}
	own := func() string {
		other := filepath.Join(b.TempDir(), "shop.db")
		sqlite(b, file, fmt.Sprintf("VACUUM INTO '%s'", other))
		sqlite(b, other, "PRAGMA journal_mode = WAL")
		return other
	}
	list := make([]map[string]any, batchRows)
	requests := make([]map[string]any, batchRows)
	for i := range list {
		list[i] = map[string]any{
			"name": fmt.Sprint("item number ", i), "price": float64(i) / 4, "stock": i % 100, "at": "2026-12-01 00:00:00",
		}
		requests[i] = map[string]any{"method": "POST", "url": "/api/collections/item/records", "body": list[i]}
	}
	files := map[string]string{}
	insert := func(s *server, name, file, path, authorization string, body any) contender {
		files[file] = name
		text := toJSON(b, body)
		return contender{name: name, server: s, do: func(int) error {
			_, err := s.try("POST", path, authorization, text)
			return err
		}}
	}
	var all []contender
	for _, c := range []struct {
		name  string
		build func() (string, error)
	}{{"sqlite_api", sqliteAPI}, {"cgo", withCgo}} {
		file := own()
		s := serve(must(b, c.build), "--write", "--token-file", token, file)
		all = append(all, insert(s, c.name, file, "/api/v1/shop/tables/item/rows", "Bearer "+secret, list))
	}
	bare := own()
	all = append(all, insert(launchFloor(b, bare, "write"), "floor", bare, "/rows", "", list))
	if pocket != nil {
		all = append(all, insert(pocket, "pocketbase", pocketFile, "/api/batch", "", map[string]any{"requests": requests}))
	}
	before := map[string]int{}
	for file := range files {
		before[file] = count(b, file)
	}
	turns := 0
	do := all[0].do
	all[0].do = func(i int) error {
		turns++
		return do(i)
	}
	inTurns(b, 1, 1, all...)
	for file, name := range files {
		if got := count(b, file) - before[file]; got != turns*batchRows {
			b.Fatalf("%s has inserted %d rows in %d transactions", name, got, turns)
		}
	}
}

// launchFloor starts the bare server.
func launchFloor(b *testing.B, args ...string) *server {
	b.Helper()
	s := launch(b, must(b, floorServer), args...)
	b.Cleanup(s.kill) // it has no other end
	return s
}

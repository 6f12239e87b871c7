package proof

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// statements are those of a file in testdata, each of which ends a line.
func statements(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), ";\n"), ";\n")
}

// wkb is a GeoPackage geometry: its header and a point.
func wkb(x, y float64) string {
	b := append([]byte("GP\x00\x01"), 0xE6, 0x10, 0, 0, 1, 1, 0, 0, 0)
	for _, v := range []float64{x, y} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return fmt.Sprintf("x'%x'", b)
}

// geoPackage has the shape of a GeoPackage: an application ID, tables of its
// standard, geometries as blobs, an R-tree, and triggers that call functions
// which SQLite doesn't have.
func geoPackage(t *testing.T) []string {
	t.Helper()
	all := statements(t, "geopackage.sql")
	triggers := all[len(all)-2:]
	all = slices.Clip(all[:len(all)-2])
	for i := range 120 {
		x, y := float64(i)/7-8, float64(i*i%90)
		geometry, height := wkb(x, y), fmt.Sprint(float64(i)/3)
		if i%10 == 0 {
			geometry, height = "NULL", "9e999"
		}
		all = append(all, fmt.Sprintf(`INSERT INTO "städte & orte" VALUES (%d, %s, 'Ort %d', '2026-01-%02d', %s, %d)`, i+1, geometry, i%20, 1+i%28, height, i%2))
		if i%10 != 0 {
			all = append(all, fmt.Sprintf(`INSERT INTO "rtree_städte & orte_geom" VALUES (%d, %g, %g, %g, %g)`, i+1, x, x, y, y))
		}
	}
	return append(all, triggers...)
}

// chinook.sql has the shape of the Chinook sample: eleven tables, a composite
// key, a foreign key to the table itself and names in many scripts. They go out
// by export and in by POST, and are the same again.
func TestSample_Shop(t *testing.T) {
	t.Parallel()
	path := newFile(t, "chinook.db", statements(t, "chinook.sql")...)
	eachDriver(t, func(t *testing.T, program string) {
		checkSample(t, program, path, map[string]int{"Artist": 40, "Track": 300, "InvoiceLine": 400})
		checkImport(t, program, path, statements(t, "chinook.sql")[:11], []string{
			"Artist", "Album", "Employee", "Customer", "Genre", "MediaType", "Track", "Playlist", "PlaylistTrack", "Invoice", "InvoiceLine",
		})
	})
}

func TestSample_GeoPackage(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, program string) {
		path := newFile(t, "places.gpkg", geoPackage(t)...)
		checkSample(t, program, path, map[string]int{"städte & orte": 120, "rtree_städte & orte_geom": 108})
		// A trigger needs a function that isn't there: that is said, and
		// nothing is written.
		before := rowsOf(t, path, `SELECT * FROM "städte & orte"`)
		s := serve(t, program, "--write", "--token-file", newToken(t), path)
		const table = "/api/v1/places/tables/st%C3%A4dte%20&%20orte/rows"
		status, body, err := s.ask(client, "POST", table, `{"name": "x", "geom": {"base64": "R1A="}}`)
		if err != nil || status < 400 || status >= 500 || !strings.Contains(body, "ST_") {
			t.Errorf("a trigger with a function that isn't there: %d, %v, %s", status, err, body)
		}
		s.kill()
		if after := rowsOf(t, path, `SELECT * FROM "städte & orte"`); len(after) != len(before) {
			t.Errorf("%d rows, were %d", len(after), len(before))
		}
	})
}

// writerEnv is set in the process that writes to a history while it is read.
const writerEnv = "SQLITE_API_PROOF_WRITES"

// TestHistoryWriter is that process. It ends by a signal.
func TestHistoryWriter(t *testing.T) {
	path := os.Getenv(writerEnv)
	if path == "" {
		return
	}
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; ; n++ {
		for _, q := range []string{
			"INSERT INTO urls (url, last_visit_time) VALUES ('https://example.org/' || ?1, 13380000000000000 + ?1)",
			"INSERT INTO visits (url, visit_time, visited) VALUES (1 + ?1 % 90, 13380000000000000 + ?1, datetime())",
			"INSERT INTO meta VALUES ('n', ?1) ON CONFLICT DO UPDATE SET value = excluded.value",
		} {
			if _, err := db.Writer.ExecContext(t.Context(), q, n); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Millisecond) // a busy browser
	}
}

// history.sql has the shape of a browser's history: WAL, microseconds beyond
// 2^53, dates as text and as anything else, and URLs of megabytes.
func TestSample_History(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, program string) {
		path := newFile(t, "History", statements(t, "history.sql")...)
		urls := table{Name: "urls", Key: []string{"id"}, columns: columnsOf(t, path, "urls")}
		visits := table{Name: "visits", Key: []string{"id"}, columns: columnsOf(t, path, "visits")}
		oldURLs, oldVisits := plainRows(t, path, urls), plainRows(t, path, visits)
		writer := exec.Command(os.Args[0], "-test.run=^TestHistoryWriter$")
		writer.Env = append(os.Environ(), writerEnv+"="+path)
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		stop := func() {
			_ = writer.Process.Kill() // as a browser that crashes
			_ = writer.Wait()
		}
		t.Cleanup(stop)
		s := serve(t, program, path)
		written := func() int {
			return len(strings.Split(s.get(t, "/api/v1/History/query?format=csv&sql=SELECT+id+FROM+urls+WHERE+id+>+90"), "\n"))
		}
		within(t, 60*time.Second, "a row of the other process", func() bool { return written() > 2 })
		before := written()
		for range 3 {
			checkPages(t, s, path, urls, oldURLs, "&id=lte.90")
			checkPages(t, s, path, visits, oldVisits, "&id=lte.260")
		}
		if after := written(); after <= before {
			t.Errorf("the other process wrote nothing in the meantime: %d rows, were %d", after, before)
		}
		stop()
		s.kill()
		checkSample(t, program, path, map[string]int{"meta": 4, "keyword_search_terms": 30})
		checkImport(t, program, path, statements(t, "history.sql")[:5], []string{"meta", "urls", "visits", "keyword_search_terms"})
	})
}

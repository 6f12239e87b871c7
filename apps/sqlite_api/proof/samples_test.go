package proof

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// shop has the shape of the Chinook sample: eleven tables, a composite key, a
// foreign key to the table itself and names in many scripts.
func shop() []string {
	from := func(last int, insert, values string) string {
		series := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)", last)
		return "INSERT INTO " + insert + " " + series + " SELECT " + values + " FROM n"
	}
	return []string{
		`CREATE TABLE Artist (ArtistId INTEGER NOT NULL PRIMARY KEY, Name NVARCHAR(120))`,
		`CREATE TABLE Album (AlbumId INTEGER NOT NULL PRIMARY KEY, Title NVARCHAR(160) NOT NULL,
			ArtistId INTEGER NOT NULL,
			FOREIGN KEY (ArtistId) REFERENCES Artist (ArtistId) ON DELETE NO ACTION)`,
		`CREATE TABLE Employee (EmployeeId INTEGER NOT NULL PRIMARY KEY, LastName NVARCHAR(20) NOT NULL,
			ReportsTo INTEGER REFERENCES Employee, HireDate DATETIME, Photo BLOB)`,
		`CREATE TABLE Customer (CustomerId INTEGER NOT NULL PRIMARY KEY, FirstName NVARCHAR(40) NOT NULL,
			Company NVARCHAR(80), Email NVARCHAR(60) NOT NULL UNIQUE,
			SupportRepId INTEGER, FOREIGN KEY (SupportRepId) REFERENCES Employee (EmployeeId))`,
		`CREATE TABLE Genre (GenreId INTEGER NOT NULL PRIMARY KEY, Name NVARCHAR(120))`,
		`CREATE TABLE MediaType (MediaTypeId INTEGER NOT NULL PRIMARY KEY, Name NVARCHAR(120))`,
		`CREATE TABLE Track (TrackId INTEGER NOT NULL PRIMARY KEY, Name NVARCHAR(200) NOT NULL,
			AlbumId INTEGER REFERENCES Album, MediaTypeId INTEGER NOT NULL REFERENCES MediaType,
			GenreId INTEGER REFERENCES Genre, Composer NVARCHAR(220), Milliseconds INTEGER NOT NULL, Bytes INTEGER,
			UnitPrice NUMERIC(10,2) NOT NULL)`,
		`CREATE TABLE Playlist (PlaylistId INTEGER NOT NULL PRIMARY KEY, Name NVARCHAR(120))`,
		`CREATE TABLE PlaylistTrack (PlaylistId INTEGER NOT NULL REFERENCES Playlist,
			TrackId INTEGER NOT NULL REFERENCES Track, CONSTRAINT PK_PlaylistTrack PRIMARY KEY (PlaylistId, TrackId))`,
		`CREATE TABLE Invoice (InvoiceId INTEGER NOT NULL PRIMARY KEY,
			CustomerId INTEGER NOT NULL REFERENCES Customer, InvoiceDate DATETIME NOT NULL, BillingCountry NVARCHAR(40),
			Total NUMERIC(10,2) NOT NULL)`,
		`CREATE TABLE InvoiceLine (InvoiceLineId INTEGER NOT NULL PRIMARY KEY,
			InvoiceId INTEGER NOT NULL REFERENCES Invoice, TrackId INTEGER NOT NULL REFERENCES Track,
			UnitPrice NUMERIC(10,2) NOT NULL, Quantity INTEGER NOT NULL)`,
		`CREATE INDEX IFK_AlbumArtistId ON Album (ArtistId)`, `CREATE INDEX IFK_TrackAlbumId ON Track (AlbumId)`,
		`CREATE VIEW Sales AS SELECT BillingCountry AS Country, round(sum(Total), 2) AS Sum FROM Invoice GROUP BY 1`,
		from(40, "Artist", `i, CASE i % 6 WHEN 0 THEN NULL WHEN 1 THEN 'Antônio Carlos Jobim ' || i WHEN 2 THEN 'Mötley Crüe ' || i WHEN 3 THEN '椎名林檎 ' || i
			WHEN 4 THEN 'AC/DC, "live" & <b>loud</b>' ELSE 'Ке́сс — ' || char(0x1F3B8) || char(0x202E) END`),
		from(60, "Album", `i, CASE i % 4 WHEN 0 THEN '' WHEN 1 THEN 'NULL' WHEN 2 THEN 'line' || char(10) || 'two, ' || char(13, 10) || i ELSE '=1+' || i END, 1 + i % 40`),
		from(8, "Employee", `i, 'Name ' || i, CASE WHEN i > 1 THEN i / 2 END, '200' || i || '-08-14 00:00:00',
			CASE WHEN i % 2 THEN randomblob(i * 100) ELSE zeroblob(0) END`),
		from(30, "Customer", `i, 'Lu' || char(0xED) || 's ' || i, CASE WHEN i % 3 THEN 'Embraer, S.A.' END,
			'c' || i || '@example.com', 3 + i % 3`),
		from(25, "Genre", `i, 'Genre ' || i`), from(5, "MediaType", `i, 'Type/' || i`),
		from(300, "Track", `i, 'Track ' || (i * 7919 % 300), CASE WHEN i % 11 THEN 1 + i % 60 END, 1 + i % 5,
			CASE WHEN i % 7 THEN 1 + i % 25 END,
			CASE WHEN i % 2 THEN 'Composer ' || i % 13 END, 1000 * i,
			CASE WHEN i % 3 THEN 9007199254740993 + i ELSE i END, CASE i % 3 WHEN 0 THEN 0.99 WHEN 1 THEN 1.99 ELSE 2 END`),
		from(9, "Playlist", `i, 'Music'`), from(450, "PlaylistTrack", `1 + i % 9,
			1 + i * 7 % 300 FROM n WHERE true ON CONFLICT DO NOTHING --`),
		from(80, "Invoice", `i, 1 + i % 30, '2009-01-' || printf('%02d', 1 + i % 28) || ' 00:00:00',
			CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN 'Norway' WHEN 2 THEN 'Côte d’Ivoire' ELSE 'USA' END, i * 0.1`),
		from(400, "InvoiceLine", `i, 1 + i % 80, 1 + i % 300, 0.99, 1 + i % 4`),
	}
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
func geoPackage() []string {
	all := []string{
		"PRAGMA application_id = 1196444487", "PRAGMA user_version = 10300",
		`CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY,
			organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL,
			description TEXT)`,
		`CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL,
			identifier TEXT UNIQUE, description TEXT DEFAULT '',
			last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), min_x DOUBLE, min_y DOUBLE,
			max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
			CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id))`,
		`CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
			geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
			CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name),
			CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
			CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id))`,
		`CREATE TABLE gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL,
			definition TEXT NOT NULL, scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name,
			extension_name))`,
		`CREATE TABLE gpkg_ogr_contents (table_name TEXT NOT NULL PRIMARY KEY, feature_count INTEGER DEFAULT NULL)`,
		`CREATE TABLE "städte & orte" (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom POINT, "name" TEXT,
			seen DATE, height REAL, open BOOLEAN)`,
		`CREATE VIRTUAL TABLE "rtree_städte & orte_geom" USING rtree(id, minx, maxx, miny, maxy)`,
		`INSERT INTO gpkg_spatial_ref_sys VALUES ('WGS 84', 4326, 'EPSG', 4326, 'GEOGCS["WGS 84"]', NULL),
			('Undefined', -1, 'NONE', -1, 'undefined', '')`,
		`INSERT INTO gpkg_contents (table_name, data_type, identifier, min_x, srs_id) VALUES ('städte & orte',
			'features', 'a/b', -180, 4326)`,
		`INSERT INTO gpkg_geometry_columns VALUES ('städte & orte', 'geom', 'POINT', 4326, 0, 0)`,
		`INSERT INTO gpkg_extensions VALUES ('städte & orte', 'geom', 'gpkg_rtree_index',
			'http://www.geopackage.org/spec120/', 'write-only'), (NULL, NULL, 'gpkg_crs_wkt', 'x', 'read-write')`,
		`INSERT INTO gpkg_ogr_contents VALUES ('städte & orte', 120)`,
	}
	for i := range 120 {
		x, y := float64(i)/7-8, float64(i*i%90)
		geometry, height := wkb(x, y), fmt.Sprint(float64(i)/3)
		if i%10 == 0 {
			geometry, height = "NULL", "9e999"
		}
		all = append(all, fmt.Sprintf(`INSERT INTO "städte & orte" VALUES (%d, %s, 'Ort %d', '2026-01-%02d', %s,
			%d)`, i+1, geometry, i%20, 1+i%28, height, i%2))
		if i%10 != 0 {
			all = append(all, fmt.Sprintf(`INSERT INTO "rtree_städte & orte_geom" VALUES (%d, %g, %g, %g,
			%g)`, i+1, x, x, y, y))
		}
	}
	return append(all,
		`CREATE TRIGGER "rtree_städte & orte_geom_insert" AFTER INSERT ON "städte & orte" WHEN (new.geom NOT NULL AND NOT ST_IsEmpty(NEW.geom))
			BEGIN INSERT OR REPLACE INTO "rtree_städte & orte_geom" VALUES (NEW.fid, ST_MinX(NEW.geom),
			ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END`,
		`CREATE TRIGGER "rtree_städte & orte_geom_delete" AFTER DELETE ON "städte & orte" WHEN old.geom NOT NULL BEGIN DELETE FROM "rtree_städte & orte_geom" WHERE id = OLD.fid; END`)
}

// history has the shape of a browser's history: WAL, microseconds beyond 2^53,
// dates as text and as anything else, and URLs of megabytes.
func history() []string {
	return []string{
		"PRAGMA journal_mode = WAL",
		`CREATE TABLE meta (key LONGVARCHAR NOT NULL UNIQUE PRIMARY KEY, value LONGVARCHAR)`,
		`CREATE TABLE urls (id INTEGER PRIMARY KEY AUTOINCREMENT, url LONGVARCHAR, title LONGVARCHAR,
			visit_count INTEGER DEFAULT 0 NOT NULL, last_visit_time INTEGER NOT NULL, hidden INTEGER DEFAULT 0 NOT NULL,
			frecency REAL)`,
		`CREATE TABLE visits (id INTEGER PRIMARY KEY AUTOINCREMENT, url INTEGER NOT NULL REFERENCES urls (id),
			visit_time INTEGER NOT NULL, from_visit INTEGER REFERENCES visits (id), visited DATETIME,
			transition INTEGER DEFAULT 0 NOT NULL)`,
		`CREATE TABLE keyword_search_terms (keyword_id INTEGER NOT NULL, url_id INTEGER NOT NULL,
			term LONGVARCHAR NOT NULL, normalized_term LONGVARCHAR NOT NULL)`,
		`CREATE INDEX urls_url_index ON urls (url)`, `CREATE INDEX visits_url_index ON visits (url)`,
		`INSERT INTO meta VALUES ('version', '42'), ('mmap_status', -1), ('', '')`,
		`INSERT INTO urls WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90) SELECT i,
			CASE i WHEN 7 THEN 'data:text/html,' || hex(zeroblob(700000)) WHEN 8 THEN 'https://example.com/?q=' || hex(zeroblob(100000)) WHEN 9 THEN 'javascript:alert(1)' ELSE 'https://example.com/a%20b?i=' || i || '#x' END,
			CASE i % 3 WHEN 0 THEN '' WHEN 1 THEN 'Titel ' || i ELSE NULL END, i % 9, 13370000000000000 + i * 1000003,
			i % 2, CASE i % 4 WHEN 0 THEN -1 WHEN 1 THEN 1e300 ELSE i / 3.0 END FROM n`,
		`INSERT INTO visits WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 260) SELECT i,
			1 + i % 90, 13370000000000000 + i, CASE WHEN i % 3 = 0 THEN i - 1 END,
			CASE i % 5 WHEN 0 THEN '2026-01-02 03:04:05.123456' WHEN 1 THEN 'soon' WHEN 2 THEN 9007199254740993 + i WHEN 3 THEN NULL ELSE '2026-13-45' END, 805306368 + i % 8 FROM n`,
		`INSERT INTO keyword_search_terms SELECT 2, id, 'Term ' || id % 4, 'term' FROM urls WHERE id % 3 = 0`,
	}
}

// The shop and its triggerless tables go out by export and in by POST, and are
// the same again.
func TestSample_Shop(t *testing.T) {
	t.Parallel()
	path := newFile(t, "chinook.db", shop()...)
	eachDriver(t, func(t *testing.T, program string) {
		checkSample(t, program, path, map[string]int{"Artist": 40, "Track": 300, "InvoiceLine": 400})
		checkImport(t, program, path, shop()[:11], []string{
			"Artist", "Album", "Employee", "Customer", "Genre", "MediaType", "Track", "Playlist", "PlaylistTrack", "Invoice", "InvoiceLine",
		})
	})
}

func TestSample_GeoPackage(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, program string) {
		path := newFile(t, "places.gpkg", geoPackage()...)
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

func TestSample_History(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, program string) {
		path := newFile(t, "History", history()...)
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
		within(t, 10*time.Second, "a row of the other process", func() bool { return written() > 2 })
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
		checkImport(t, program, path, history()[:5], []string{"meta", "urls", "visits", "keyword_search_terms"})
	})
}

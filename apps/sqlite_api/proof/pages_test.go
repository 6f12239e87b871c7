package proof

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// Page after page in each order, while another process inserts and deletes
// rows: each row that was there all the time comes once, in order.
func TestPages_WhileRowsChange(t *testing.T) {
	eachDriver(t, func(t *testing.T, program string) {
		path := newFile(t, "p.db", "PRAGMA journal_mode = WAL", "CREATE TABLE t (a TEXT, b, v, PRIMARY KEY (a, b)) WITHOUT ROWID",
			`WITH RECURSIVE c(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM c WHERE x < 299) INSERT INTO t
				SELECT 'k' || (x % 7), CASE x % 4 WHEN 0 THEN x WHEN 1 THEN 'x,/%' || x WHEN 2 THEN x + 0.5 ELSE CAST('b' || x AS BLOB) END,
					CASE x % 5 WHEN 0 THEN NULL WHEN 1 THEN 'None' WHEN 2 THEN x WHEN 3 THEN 9007199254740993 ELSE x'00ff' END FROM c`)
		writer, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = writer.Close() })
		s := serve(t, program, path)
		n := 0
		change := func() {
			for _, sql := range []string{"INSERT INTO t VALUES ('k' || (?1 % 7), 'new' || ?1, ?1 % 3)", "DELETE FROM t WHERE b = 'new' || (?1 - 5)"} {
				if _, err := writer.Writer.ExecContext(t.Context(), sql, n); err != nil {
					t.Fatal(err)
				}
			}
			n++
		}
		// The last is the order of the key.
		for order, sql := range map[string]string{
			"v": "v, a, b", "v.desc": "v DESC, a, b", "v.nullslast": "v NULLS LAST, a, b", "b.desc,v": "b DESC, v, a", "": "a, b",
		} {
			want := keysIn(t, writer, sql)
			var got []string
			last, cursor := 0, ""
			for pages := 0; ; pages++ {
				if pages > 100 {
					t.Fatalf("%s: no end", order)
				}
				target := "/api/v1/p/tables/t/rows?limit=13" + cursor
				if order != "" {
					target += "&order=" + order
				}
				var page struct {
					Rows []map[string]any
					Next *string
				}
				if err := json.Unmarshal([]byte(s.get(t, target)), &page); err != nil {
					t.Fatal(err)
				}
				for _, row := range page.Rows {
					if text, _ := row["b"].(string); !strings.HasPrefix(text, "new") {
						got = append(got, row["_key"].(string))
					}
				}
				last = len(page.Rows)
				change()
				if page.Next == nil {
					break
				}
				cursor = "&cursor=" + *page.Next
			}
			sorted, once := slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(got))
			if once = slices.Compact(once); len(once) != len(sorted) || len(once) != len(want) {
				t.Errorf("order %q: %d rows, %d different, want %d; the last page had %d", order, len(sorted), len(once), len(want), last)
			}
			for _, key := range got[:20] {
				var found struct{ Row map[string]any }
				if err := json.Unmarshal([]byte(s.get(t, "/api/v1/p/tables/t/rows/"+key)), &found); err != nil || found.Row["_key"] != key {
					t.Errorf("%s opens %v, %v", key, found.Row, err)
				}
			}
			for i, key := range got {
				if i < len(want) && key != "" && !strings.HasPrefix(key, want[i]+",") {
					t.Errorf("order %q: row %d is %s, want one of %s", order, i, key, want[i])
					break
				}
			}
		}
	})
}

// keysIn is the first column of the key of each row that stays, in an order.
func keysIn(t *testing.T, db *sqliteopen.SQLiteOpenHandle, order string) (keys []string) {
	t.Helper()
	rows, err := db.Reader.QueryContext(t.Context(), "SELECT a FROM t WHERE NOT (typeof(b) = 'text' AND b LIKE 'new%') ORDER BY "+order)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var a string
		if err := rows.Scan(&a); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, a)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return keys
}

// Names that look like paths, SQL or nothing are names as others are, and what
// an attacker gives as a parameter is refused.
func TestNames(t *testing.T) {
	names := []string{"a/b", "..", ".", "%2e", "]", `"`, " ", "Überschrift", "日本", "select", "'; DROP TABLE t; --", "rows", "a?b#c"}
	var statements []string
	for _, name := range names {
		quoted := `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		statements = append(statements, fmt.Sprintf("CREATE TABLE %s (id INTEGER PRIMARY KEY, %s)", quoted, quoted), fmt.Sprintf("INSERT INTO %s VALUES (1, 'here')", quoted))
	}
	path := newFile(t, "n.db", statements...)
	eachDriver(t, func(t *testing.T, program string) {
		s := serve(t, program, path)
		for _, name := range names {
			escaped := url.PathEscape(name)
			if name == "." || name == ".." { // a client would resolve them
				escaped = strings.ReplaceAll(name, ".", "%2E")
			}
			status, body, err := s.ask(http.DefaultClient, http.MethodGet, "/api/v1/n/tables/"+escaped+"/rows", "")
			if err != nil || status != http.StatusOK || !strings.Contains(body, `:"here"`) {
				t.Errorf("%q: %d, %v, %.300s", name, status, err, body)
			}
		}
		for _, query := range []string{
			"x%5D=eq.1", "id=eq.1%00", "id=over.1", "order=nothing", "order=id.up", "select=id,", "limit=-1", "limit=x", "limit=99999999999999999999", "offset=-1", "cursor=%00",
			"cursor=" + strings.Repeat("A", 5000), "or=(" + strings.Repeat("or(", 500), "id=in.(" + strings.Repeat("1,", 40_000) + "1)", "count=maybe", "format=exe",
			"%22%20OR%201=1%20--=eq.1", "id=eq.1&select=id)%20FROM%20sqlite_schema--", "select=load_extension(1)", "not.or=x", "id=like", "%80=eq.1",
		} {
			status, body, err := s.ask(http.DefaultClient, http.MethodGet, "/api/v1/n/tables/rows/rows?"+query, "")
			if err != nil || status < 400 || status >= 500 {
				t.Errorf("%.60s: %d, %v, %.200s", query, status, err, body)
			}
		}
	})
}

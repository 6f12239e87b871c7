package proof

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

var client = &http.Client{Timeout: 30 * time.Second}

// table is a table as the API describes it.
type table struct {
	Name    string
	Kind    string
	Module  string
	Problem string
	Key     []string
	RowID   string `json:"rowid"`
	Rows    struct {
		Rows  int
		Exact bool
	}
	Columns     []struct{ Name string }
	ForeignKeys []struct {
		Columns []string
		ToTable string `json:"to_table"`
		To      []string
	} `json:"foreign_keys"`
	Triggers []struct{ Name string }
	columns  []string
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// openSample opens a file with database/sql, as another reader would.
func openSample(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db.Reader
}

// rowsOf are rows as database/sql reads them.
func rowsOf(t *testing.T, path, query string, args ...any) [][]any {
	t.Helper()
	rows, err := openSample(t, path).QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]any
	for rows.Next() {
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		all = append(all, values)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// columnsOf are the columns that SELECT * has.
func columnsOf(t *testing.T, path, name string) (columns []string) {
	t.Helper()
	for _, row := range rowsOf(t, path, "SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1", name) {
		columns = append(columns, row[0].(string))
	}
	return columns
}

// plainRows are all rows of a table in the order of its rowid, or of its key.
// With + in front of it a column has no declared type, from which a driver
// would guess a time.
func plainRows(t *testing.T, path string, tb table) [][]any {
	t.Helper()
	var columns, order []string
	for _, c := range tb.columns {
		columns = append(columns, "+"+quoted(c))
	}
	for _, c := range tb.Key {
		order = append(order, quoted(c))
	}
	query := "SELECT " + strings.Join(columns, ", ") + " FROM " + quoted(tb.Name)
	if tb.RowID != "" {
		order = []string{tb.RowID}
	}
	if order != nil {
		query += " ORDER BY " + strings.Join(order, ", ")
	}
	return rowsOf(t, path, query)
}

// getJSON fetches JSON.
func getJSON(t *testing.T, s *server, path string, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s.get(t, path)))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatal(path, err)
	}
}

// sameJSON reports whether got, from JSON, is a value of SQLite. What an object
// links to is fetched.
func sameJSON(t *testing.T, s *server, got, want any) bool {
	t.Helper()
	if object, ok := got.(map[string]any); ok {
		var content []byte
		if text, ok := object["base64"].(string); ok {
			content, _ = base64.StdEncoding.DecodeString(text)
		} else if href, ok := object["href"].(string); ok {
			content = []byte(s.get(t, href))
		} else {
			return false
		}
		switch w := want.(type) {
		case []byte:
			return bytes.Equal(content, w) && fmt.Sprint(object["bytes"]) == strconv.Itoa(len(w))
		case string:
			return string(content) == w && len(w) > 1<<20
		}
		return false
	}
	switch w := want.(type) {
	case nil:
		return got == nil
	case int64:
		if w > 1<<53 || w < -1<<53 {
			return got == strconv.FormatInt(w, 10)
		}
		return got == json.Number(strconv.FormatInt(w, 10))
	case float64:
		if text, ok := got.(string); ok { // JSON has no infinity
			return math.IsInf(w, 1) && text == "Infinity" || math.IsInf(w, -1) && text == "-Infinity"
		}
		n, ok := got.(json.Number)
		f, err := strconv.ParseFloat(string(n), 64)
		return ok && err == nil && f == w
	case string:
		return got == w
	}
	return false
}

// checkPages reads a table page by page to the end and back, and holds each row
// against want. filter begins with & or is empty.
func checkPages(t *testing.T, s *server, path string, tb table, want [][]any, filter string) (keys []string) {
	t.Helper()
	db := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	base := "/api/v1/" + url.PathEscape(db) + "/tables/" + url.PathEscape(tb.Name) + "/rows?limit=13" + filter
	var forward, back []map[string]any
	target, last := base, ""
	for range len(want) + 2 {
		var page struct {
			Rows       []map[string]any
			Next, Prev *string
			NextOffset *int `json:"next_offset"`
		}
		getJSON(t, s, target, &page)
		forward = append(forward, page.Rows...)
		if page.Prev != nil {
			last = *page.Prev
		}
		if page.NextOffset != nil {
			target = fmt.Sprintf("%s&offset=%d", base, *page.NextOffset)
		} else if page.Next != nil {
			target = base + "&cursor=" + *page.Next
		} else {
			back = slices.Clone(page.Rows)
			break
		}
	}
	for range len(want) + 2 {
		if last == "" {
			break
		}
		var page struct {
			Rows []map[string]any
			Prev *string
		}
		getJSON(t, s, base+"&cursor="+last, &page)
		back = slices.Concat(page.Rows, back)
		if last = ""; page.Prev != nil {
			last = *page.Prev
		}
	}
	if len(forward) != len(want) || (tb.Key != nil || tb.RowID != "") && len(back) != len(want) {
		t.Errorf("%s: %d rows forwards, %d back, want %d", tb.Name, len(forward), len(back), len(want))
		return nil
	}
	for i, row := range want {
		for c, name := range tb.columns {
			if !sameJSON(t, s, forward[i][name], row[c]) {
				t.Errorf("%s: row %d, %s: %.100q, want %.100q", tb.Name, i, name, fmt.Sprint(forward[i][name]), fmt.Sprint(row[c]))
			}
		}
		key, _ := forward[i]["_key"].(string)
		if len(back) == len(want) && back[i]["_key"] != forward[i]["_key"] {
			t.Errorf("%s: row %d is %v back and %v forwards", tb.Name, i, back[i]["_key"], key)
		}
		keys = append(keys, key)
	}
	return keys
}

// checkSample compares all that is served of a file with what database/sql
// reads from it. counts are rows of some tables, which show that the sample is
// what it shall be.
func checkSample(t *testing.T, program, path string, counts map[string]int) {
	t.Helper()
	s := serve(t, program, path)
	db := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	base := "/api/v1/" + url.PathEscape(db)
	var found struct{ Tables []table }
	getJSON(t, s, base+"/tables", &found)
	names := rowsOf(t, path, `SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name COLLATE NOCASE, name`)
	if len(found.Tables) != len(names) {
		t.Fatalf("%d tables, want %d", len(found.Tables), len(names))
	}
	for i, tb := range found.Tables {
		if tb.Name != names[i][0] || tb.Problem != "" {
			t.Errorf("table %d is %q (%s), want %q", i, tb.Name, tb.Problem, names[i][0])
		}
		tb.columns = columnsOf(t, path, tb.Name)
		checkTable(t, s, path, base, tb, counts)
	}
	for name := range counts {
		if !slices.ContainsFunc(found.Tables, func(tb table) bool { return tb.Name == name }) {
			t.Errorf("no table %s", name)
		}
	}
	for _, tb := range found.Tables {
		checkCommandExport(t, program, s, path, tb)
	}
	checkSite(t, s, "/"+url.PathEscape(db)+"/")
}

func checkTable(t *testing.T, s *server, path, base string, tb table, counts map[string]int) {
	t.Helper()
	var columns []string
	for _, c := range tb.Columns {
		columns = append(columns, c.Name)
	}
	if !slices.Equal(columns, tb.columns) {
		t.Errorf("%s has %q, want %q", tb.Name, columns, tb.columns)
	}
	keys := rowsOf(t, path, "SELECT count(DISTINCT id) FROM pragma_foreign_key_list(?)", tb.Name)[0][0]
	if int64(len(tb.ForeignKeys)) != keys {
		t.Errorf("%s: %d foreign keys, want %v", tb.Name, len(tb.ForeignKeys), keys)
	}
	triggers := rowsOf(t, path, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?", tb.Name)[0][0]
	if int64(len(tb.Triggers)) != triggers {
		t.Errorf("%s: %d triggers, want %v", tb.Name, len(tb.Triggers), triggers)
	}
	want := plainRows(t, path, tb)
	if n, ok := counts[tb.Name]; ok && len(want) != n {
		t.Errorf("%s: %d rows, want %d", tb.Name, len(want), n)
	}
	if tb.Rows.Exact && tb.Rows.Rows != len(want) {
		t.Errorf("%s: %d rows are counted, want %d", tb.Name, tb.Rows.Rows, len(want))
	}
	rowKeys := checkPages(t, s, path, tb, want, "")
	rows := base + "/tables/" + url.PathEscape(tb.Name) + "/rows"
	checkCSV(t, tb, s.get(t, rows+"?format=csv"), want)
	checkNDJSON(t, s, tb, s.get(t, rows+"?format=ndjson"), want)
	for c := range tb.columns {
		checkFacet(t, s, path, base, tb, c)
	}
	if len(rowKeys) != len(want) || len(want) == 0 || rowKeys[0] == "" {
		return
	}
	for i := 0; i < len(want); i += 1 + len(want)/20 {
		checkRow(t, s, path, base, tb, rowKeys[i], want[i])
	}
}

// checkFacet counts a column's values itself.
func checkFacet(t *testing.T, s *server, path, base string, tb table, column int) {
	t.Helper()
	name := tb.columns[column]
	var facet struct {
		Values []struct {
			Value any
			Rows  int64
		}
		More    bool
		TooSlow bool `json:"too_slow"`
	}
	getJSON(t, s, base+"/tables/"+url.PathEscape(tb.Name)+"/facets?limit=1000&column="+url.QueryEscape(name), &facet)
	if facet.TooSlow || facet.More { // a busy machine; or blobs, which come in no JSON
		return
	}
	want := rowsOf(t, path, fmt.Sprintf("SELECT +%s, count(*) FROM %s GROUP BY 1", quoted(name), quoted(tb.Name)))
	if len(facet.Values) != len(want) {
		t.Errorf("%s.%s: %d facets, want %d", tb.Name, name, len(facet.Values), len(want))
		return
	}
	for i, value := range facet.Values {
		if i > 0 && value.Rows > facet.Values[i-1].Rows {
			t.Errorf("%s.%s: %d rows behind %d", tb.Name, name, value.Rows, facet.Values[i-1].Rows)
		}
	}
	for _, row := range want {
		if _, blob := row[0].([]byte); blob {
			continue
		}
		if !slices.ContainsFunc(facet.Values, func(v struct {
			Value any
			Rows  int64
		}) bool {
			return v.Rows == row[1] && (sameJSON(t, s, v.Value, row[0]) || clippedFacet(v.Value, row[0]))
		}) {
			t.Errorf("%s.%s: no facet of %.80v with %v rows", tb.Name, name, row[0], row[1])
		}
	}
}

// clippedFacet reports whether a facet stands for a long text.
func clippedFacet(got, want any) bool {
	object, ok := got.(map[string]any)
	text, isText := want.(string)
	return ok && isText && fmt.Sprint(object["bytes"]) == strconv.Itoa(len(text))
}

// checkRow opens a row and follows its links in both directions.
func checkRow(t *testing.T, s *server, path, base string, tb table, key string, want []any) {
	t.Helper()
	var row struct {
		Row   map[string]any
		Links []struct {
			Columns     []string
			Table, Href string
		}
		ReferencedBy []struct {
			Table   string
			Columns []string
			Href    string
			Rows    struct {
				Rows  int64
				Exact bool
			}
		} `json:"referenced_by"`
	}
	getJSON(t, s, base+"/tables/"+url.PathEscape(tb.Name)+"/rows/"+key, &row)
	value := func(column string) any { return want[slices.Index(tb.columns, column)] }
	for i, name := range tb.columns {
		if got := row.Row[name]; !sameJSON(t, s, got, want[i]) {
			text, long := want[i].(string)
			if !long || got != text { // a single row has its texts whole
				t.Errorf("%s %s, %s: %.100q, want %.100q", tb.Name, key, name, fmt.Sprint(got), fmt.Sprint(want[i]))
			}
		}
	}
	links := 0
	for _, fk := range tb.ForeignKeys {
		if !slices.ContainsFunc(fk.Columns, func(c string) bool { return value(c) == nil }) {
			links++
		}
	}
	if len(row.Links) != links {
		t.Errorf("%s %s: %d links, want %d", tb.Name, key, len(row.Links), links)
	}
	for i, link := range row.Links {
		var to struct{ Row map[string]any }
		getJSON(t, s, link.Href, &to)
		fk := tb.ForeignKeys[slices.IndexFunc(tb.ForeignKeys, func(fk struct {
			Columns []string
			ToTable string `json:"to_table"`
			To      []string
		}) bool {
			return slices.Equal(fk.Columns, link.Columns) && fk.ToTable == link.Table
		})]
		for c, name := range fk.To {
			if !sameJSON(t, s, to.Row[name], value(fk.Columns[c])) {
				t.Errorf("%s %s: link %d leads to %v", tb.Name, key, i, to.Row)
			}
		}
	}
	for _, from := range row.ReferencedBy {
		var conditions []string
		var args []any
		for range 1 { // the samples' foreign keys have one column each
			to := rowsOf(t, path, `SELECT coalesce("to", '') FROM pragma_foreign_key_list(?) WHERE "table" = ? AND "from" = ?`, from.Table, tb.Name, from.Columns[0])[0][0].(string)
			if to == "" {
				to = tb.Key[0]
			}
			conditions, args = append(conditions, quoted(from.Columns[0])+" = ?"), append(args, value(to))
		}
		n := rowsOf(t, path, "SELECT count(*) FROM "+quoted(from.Table)+" WHERE "+strings.Join(conditions, " AND "), args...)[0][0].(int64)
		if from.Rows.Exact && from.Rows.Rows != n {
			t.Errorf("%s %s: %d rows of %s, want %d", tb.Name, key, from.Rows.Rows, from.Table, n)
		}
		if got := strings.Count(s.get(t, from.Href+"&format=ndjson"), "\n"); int64(got) != n {
			t.Errorf("%s: %d rows, want %d", from.Href, got, n)
		}
	}
}

// readCSV reads CSV in which an empty value is NULL and "" an empty text, which
// encoding/csv can't tell apart.
func readCSV(text string) (records [][]*string) {
	var record []*string
	var value strings.Builder
	for at := 0; at < len(text); {
		value.Reset()
		isNull := true
		if text[at] == '"' {
			isNull = false
			for at++; at < len(text); at++ {
				if text[at] != '"' {
					value.WriteByte(text[at])
				} else if at+1 < len(text) && text[at+1] == '"' {
					value.WriteByte('"')
					at++
				} else {
					at++
					break
				}
			}
		}
		for ; at < len(text) && text[at] != ',' && text[at] != '\r'; at++ {
			isNull = false
			value.WriteByte(text[at])
		}
		v := value.String()
		if record = append(record, &v); isNull {
			record[len(record)-1] = nil
		}
		if strings.HasPrefix(text[at:], "\r\n") {
			records, record = append(records, record), nil
			at += 2
		} else if at++; at >= len(text) || text[at] == '\r' { // a last value that is NULL
			record = append(record, nil)
			records, record = append(records, record), nil
			at += 2
		}
	}
	return records
}

func textOf(s *string) string {
	if s == nil {
		return "NULL"
	}
	return *s
}

func checkCSV(t *testing.T, tb table, text string, want [][]any) {
	t.Helper()
	records := readCSV(text)
	if len(records) != len(want)+1 {
		t.Errorf("%s: CSV has %d records, want %d", tb.Name, len(records), len(want)+1)
		return
	}
	for i, row := range want {
		for c, value := range row {
			got, same := records[i+1][c], false
			switch w := value.(type) {
			case nil:
				same = got == nil
			case int64:
				same = got != nil && *got == strconv.FormatInt(w, 10)
			case float64:
				f, err := strconv.ParseFloat(textOf(got), 64)
				same = err == nil && f == w
			case []byte:
				same = got != nil && *got == base64.StdEncoding.EncodeToString(w)
			case string:
				same = got != nil && *got == w
			}
			if !same {
				t.Errorf("%s: CSV of row %d, %s: %.100q, want %.100q", tb.Name, i, tb.columns[c], textOf(got), fmt.Sprint(value))
			}
		}
	}
}

func checkNDJSON(t *testing.T, s *server, tb table, text string, want [][]any) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(want) == 0 && text == "" {
		return
	}
	if len(lines) != len(want) {
		t.Errorf("%s: NDJSON has %d lines, want %d", tb.Name, len(lines), len(want))
		return
	}
	for i, line := range lines {
		var row map[string]any
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&row); err != nil {
			t.Fatal(err)
		}
		for c, name := range tb.columns {
			if text, ok := want[i][c].(string); ok && row[name] == text || sameJSON(t, s, row[name], want[i][c]) {
				continue
			}
			t.Errorf("%s: NDJSON of row %d, %s: %.100q, want %.100q", tb.Name, i, name, fmt.Sprint(row[name]), fmt.Sprint(want[i][c]))
		}
	}
}

// checkCommandExport runs the command export.
func checkCommandExport(t *testing.T, program string, s *server, path string, tb table) {
	t.Helper()
	tb.columns = columnsOf(t, path, tb.Name)
	want := plainRows(t, path, tb)
	for _, format := range []string{"csv", "ndjson"} {
		out, err := exec.CommandContext(t.Context(), program, "export", path, tb.Name, "--format", format).Output()
		if err != nil {
			t.Fatal(tb.Name, err)
		}
		if format == "csv" {
			checkCSV(t, tb, string(out), want)
		} else {
			checkNDJSON(t, s, tb, string(out), want)
		}
	}
}

// checkImport posts what the command export writes to an empty copy of the
// schema, and holds the two files against each other.
func checkImport(t *testing.T, program, path string, schema, tables []string) {
	t.Helper()
	copied := newFile(t, "copy.db", schema...)
	s := serve(t, program, "--write", "--token-file", newToken(t), copied)
	for _, name := range tables {
		out, err := exec.CommandContext(t.Context(), program, "export", path, name, "--format", "ndjson").Output()
		if err != nil {
			t.Fatal(name, err)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		for some := range slices.Chunk(lines, 5000) {
			status, body, err := s.ask(client, http.MethodPost, "/api/v1/copy/tables/"+url.PathEscape(name)+"/rows", "["+strings.Join(some, ",")+"]")
			if err != nil || status != http.StatusCreated {
				t.Fatalf("%s: %d, %v, %.300s", name, status, err, body)
			}
		}
	}
	s.kill()
	for _, name := range tables {
		tb := table{Name: name, columns: columnsOf(t, path, name), RowID: "rowid"}
		got, want := plainRows(t, copied, tb), plainRows(t, path, tb)
		if len(got) != len(want) {
			t.Errorf("%s: %d rows, want %d", name, len(got), len(want))
			continue
		}
		for i := range want {
			for c := range want[i] {
				if fmt.Sprintf("%T %v", got[i][c], got[i][c]) != fmt.Sprintf("%T %v", want[i][c], want[i][c]) {
					t.Errorf("%s: row %d, %s came back as %.100q, want %.100q", name, i, tb.columns[c], fmt.Sprintf("%T %v", got[i][c], got[i][c]), fmt.Sprintf("%T %v", want[i][c], want[i][c]))
				}
			}
		}
	}
}

// longValue is in the page of SQL that would read a value of more than 100 kB.
const longValue = "more than 100 kB"

var hrefs = regexp.MustCompile(` (?:href|src)="([^"]*)"`)

// checkSite follows all links of pages from one on, up to some hundred, each of
// which is there.
func checkSite(t *testing.T, s *server, start string) {
	t.Helper()
	kinds := map[string]int{} // how many of a kind were opened
	seen := map[string]bool{"/": true, start: true}
	queue := []string{"/", start, start + "schema", start + "sql"}
	opened := 0
	for ; len(queue) > 0 && opened < 400; opened++ {
		page := queue[0]
		queue = queue[1:]
		status, body, err := s.ask(client, http.MethodGet, page, "")
		if status == http.StatusRequestEntityTooLarge && strings.HasPrefix(page, start+"sql?") && strings.Contains(body, longValue) && strings.Contains(body, "name columns") {
			continue
		}
		if err != nil || status != http.StatusOK {
			t.Errorf("%s: %d, %v, %.200s", page, status, err, body)
			continue
		}
		if !strings.HasPrefix(strings.ToLower(body), "<!doctype html>") {
			continue
		}
		from, err := url.Parse(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range hrefs.FindAllStringSubmatch(body, -1) {
			to, err := from.Parse(html.UnescapeString(match[1]))
			if err != nil {
				t.Errorf("%s has the link %s: %v", page, match[1], err)
				continue
			}
			to.Fragment = ""
			if to.Host != "" || to.Scheme != "" && to.Scheme != "http" || seen[to.String()] {
				continue
			}
			// Of each place, some: a table has a link for each of its rows.
			kind := strings.Join(strings.Split(to.EscapedPath(), "/")[:min(5, strings.Count(to.EscapedPath(), "/")+1)], "/")
			if kinds[kind]++; kinds[kind] > 12 {
				continue
			}
			seen[to.String()] = true
			queue = append(queue, to.String())
		}
	}
	if opened < 20 {
		t.Errorf("%d pages from %s", opened, start)
	}
}

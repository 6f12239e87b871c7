package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

// answer is what a URL of the API responds with.
func answer(t *testing.T, target string) (status int, body string, header http.Header) {
	t.Helper()
	res, err := http.Get(target)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text), res.Header
}

// What is in the file comes back as it is, in each form.
func TestAPI_Values(t *testing.T) {
	t.Parallel()
	base := start(t, shopFile(t)).URL + "/api/v1/shop/"
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"tables/album/rows?id=eq.1", 200, `"stock":"9007199254740993"`},
		{"tables/album/rows?stock=eq.9007199254740993&select=id", 200, `"rows":[{"_key":"1","id":1}]`},
		{"tables/album/rows?stock=eq.9007199254740992&select=id", 200, `"rows":[]`},
		{"tables/artist/rows?born=eq.soon&select=name,born", 200, `{"_key":"2","name":"Björk","born":"soon"}`},
		{"query?sql=SELECT+born+FROM+artist+WHERE+id=2", 200, `"born":"soon"`},
		{"query?sql=SELECT+stock+FROM+album+WHERE+id=1&format=csv", 200, "stock\r\n9007199254740993\r\n"},
		{"tables/mixed/rows?format=csv&k=is.null", 200, "k,v\r\n,\"\"\r\n,\r\n,None\r\n"},
		{"tables/mixed/rows?v=eq.NULL&select=v", 200, `"v":"NULL"`},
		{"tables/mixed/rows?k=eq.1&order=v&select=v", 200, `"rows":[{"_key":"1","v":"i"},` + "\n" + `{"_key":"2","v":"t"}]`},
		{"tables/mixed/rows?k=eq.1.5&select=k", 200, `"k":1.5`},
		{"tables/album/rows?select=id,city:data-%3E%3Ecity&data-%3E%3Ecity=eq.Paris", 200, `{"_key":"1","id":1,"city":"Paris"}`},
		{"tables/album/rows?select=cents&id=eq.1", 200, `"cents":999`},
		{"tables/album/rows?or=(id.eq.1,title.ilike.%25way)&select=id", 200, `{"_key":"1","id":1},` + "\n" + `{"_key":"2","id":2}`},
		{"tables/album/rows?title=ilike." + strings.Repeat("a", 101), 400, "more than 100 bytes"},
		{"tables/album/rows?or=(id.eq.1,not.and(title.like." + strings.Repeat("a", 101) + ",id.eq.1))", 400, "more than 100 bytes"},
		{"tables/a%2Fb/rows", 200, `"x y":"<b>","]":"quote\"","limit":5`},
		{"tables/a%2Fb/rows?%5D=eq.quote%22&select=limit", 200, `"limit":5`},
		{"tables/a%2Fb/rows?%22limit%22=eq.5&select=limit", 200, `"limit":5`},
		{"tables/v/rows?order=name&limit=1", 200, `"next_offset":1`},
		{"tables/odd/rows/a~2Cb~2F~25,~b00112233445566778899aabbccddeeff", 200, `"n":"9007199254740993"`},
		{"tables/track/rows/1,2", 200, `"title":"Shoot"`},
		{"tables/album/rows/1", 200, `"links":[{"columns":["artist_id"],"table":"artist","href":"/api/v1/shop/tables/artist/rows/1"}]`},
		{"tables/album/rows/1", 200, `"href":"/api/v1/shop/tables/track/rows?album_id=eq.1","rows":{"rows":2,"exact":true,"known":true}`},
		{"tables/artist", 200, `"triggers":[{"name":"artist_gone"`},
		{"tables/album", 200, `"search":"album_fts"`},
		{"tables/album/facets?column=artist_id", 200, `"values":[{"value":1,"rows":2},{"value":2,"rows":1}]`},
		// Punctuation is searched for literally.
		{"tables/album/rows?search=%40nasa&select=id", 200, `"id":3`},
		{"tables/album/rows?search=don't&select=id", 200, `"id":3`},
		{"tables/album/rows?search=50%25&select=id", 200, `"id":3`},
		{"tables/album/rows?search=a-b", 200, `"rows":[]`},
		{"tables/album/rows?search=%22", 200, `"rows":[`},
		{"tables/track/rows?search=x", 400, "no full-text index"},
		// What does not fit is refused, with what would.
		{"tables/album/rows?x%5D=eq.1", 400, `no column \"x]\"`},
		{"tables/album/rows?prise=eq.1", 400, "did you mean price"},
		{"tables/album/rows?order=prise", 400, "did you mean price"},
		{"tables/album/rows?select=prise", 400, "did you mean price"},
		{"tables/album/rows?price=over.1", 400, "over"},
		{"tables/album/rows?select=id,id", 400, "two columns"},
		{"tables/album/rows?limit=1001", 400, "ndjson"},
		{"tables/album/rows?cursor=abc", 400, "cursor"},
		{"tables/v/rows?cursor=AQBhSlJDYjdaM2lvMQEE", 400, "offset"},
		{"tables/albun/rows", 404, "did you mean album"},
		{"tables/album/rows/99", 404, "no row"},
		{"tables/odd/rows/x", 400, "the key"},
		{"tables/album/rows/x%2Cy", 400, "key"},
		{"tables/track/rows/x%2Cy", 404, "no row"},
		{"tables/v/rows/1", 400, "key"},
		{"tables/album/rows/1/columns/nothing", 404, "no column"},
		{"tables/album/rows/2/columns/cover", 404, "NULL"},
	} {
		status, body, _ := answer(t, base+c.path)
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s\nwant %d, %s", c.path, status, body, c.status, c.want)
		}
	}
}

// A browser shows pictures, and runs nothing.
func TestAPI_Blobs(t *testing.T) {
	t.Parallel()
	base := start(t, shopFile(t)).URL + "/api/v1/shop/tables/album/rows/"
	for path, want := range map[string]string{
		"1/columns/cover": "image/png, , \x89PNG\r\n\x1a\n",
		"3/columns/cover": "application/octet-stream, attachment, <script>alert(1)</script>",
		"1/columns/title": "text/plain; charset=utf-8, , Back in Black",
		"1/columns/stock": "text/plain; charset=utf-8, , 9007199254740993",
	} {
		status, body, header := answer(t, base+path)
		got := header.Get("Content-Type") + ", " + header.Get("Content-Disposition") + ", " + body
		if status != 200 || got != want || !strings.Contains(header.Get("Content-Security-Policy"), "sandbox") || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %q %v", path, status, got, header)
		}
	}
}

// Page after page, forwards and back, each row comes once, whatever the order
// is of.
func TestAPI_Pages(t *testing.T) {
	t.Parallel()
	base := start(t, shopFile(t)).URL + "/api/v1/shop/tables/"
	for _, table := range []string{"mixed/rows?order=v", "mixed/rows?order=v.desc.nullslast", "mixed/rows?order=k.desc,v", "album/rows?order=price&select=title", "odd/rows?"} {
		_, all, _ := answer(t, base+table+"&format=ndjson")
		want := strings.Split(strings.TrimSpace(all), "\n")
		var forwards, backwards []string
		prev := ""
		for next := ""; ; {
			rows, n, p := onePage(t, base+table+"&limit=2"+next)
			forwards = append(forwards, rows...)
			prev = p
			if n == "" {
				break
			}
			next = "&cursor=" + n
			if len(forwards) > len(want) {
				break
			}
		}
		backwards = slices.Clone(forwards[len(forwards)-(len(forwards)-1)%2-1:])
		for prev != "" && len(backwards) <= len(want) {
			rows, _, p := onePage(t, base+table+"&limit=2&cursor="+prev)
			backwards, prev = append(rows, backwards...), p
		}
		if !slices.Equal(forwards, want) || !slices.Equal(backwards, want) {
			t.Errorf("%s:\n%q, back\n%q, want\n%q", table, forwards, backwards, want)
		}
	}
}

func onePage(t *testing.T, target string) (rows []string, next, prev string) {
	t.Helper()
	status, body, _ := answer(t, target)
	var page struct {
		Rows       []json.RawMessage
		Next, Prev string
	}
	if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 {
		t.Fatalf("%s: %d %s, %v", target, status, body, err)
	}
	for _, row := range page.Rows {
		rows = append(rows, string(row))
	}
	return rows, page.Next, page.Prev
}

// SQL that does not only read is refused, and the file stays as it is.
func TestAPI_Refused(t *testing.T) {
	t.Parallel()
	path := shopFile(t)
	sum := func() string {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", sha256.Sum256(content))
	}
	server := start(t, path)
	before := sum()
	for sql, want := range map[string]int{
		"DELETE FROM album": 403,
		"INSERT INTO artist VALUES (9, 'x', NULL) RETURNING *":      403,
		"WITH x AS (SELECT 1) INSERT INTO mixed SELECT 1, 2 FROM x": 403,
		"PRAGMA writable_schema = ON":                               403,
		"ATTACH 'other.db' AS other":                                403,
		"VACUUM INTO 'copy.db'":                                     403,
		"SELECT 1; SELECT 2":                                        400,
		"SELEC 1":                                                   400,
		"SELECT * FROM nothing":                                     400,
		"SELECT :a":                                                 400,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT count(*) AS c FROM n": 200,
		"WITH x AS (SELECT 1 AS one) SELECT * FROM x":                                                             200,
		"SELECT name FROM pragma_table_info('artist')":                                                            200,
	} {
		status, body, _ := answer(t, server.URL+"/api/v1/shop/query?sql="+url.QueryEscape(sql))
		if status != want || status >= 400 && !strings.Contains(body, `"detail":"`) {
			t.Errorf("%s: %d %s, want %d", sql, status, body, want)
		}
	}
	if after := sum(); after != before {
		t.Error("the file has changed")
	}
}

// What is wrong is said by the names that the caller wrote, and what was meant.
func TestAPI_Hints(t *testing.T) {
	t.Parallel()
	base := start(t, "--queries", writeText(t, "queries.yaml", storedText), shopFile(t)).URL + "/api/v1/shop/"
	for path, want := range map[string][]string{
		"tables/album/rows?_limit=5":                                 {`parameter \"_limit\": unknown operator`, "did you mean limit?"},
		"tables/album/rows?id=eq.1&price=9":                          {`parameter \"price\": unknown operator`},
		"tables/album/rows?order=id.dsc":                             {`parameter \"order\": `},
		"tables/v/rows/1":                                            {"rows of v have no key"},
		"query?sql=SELECT+*+FROM+albun":                              {`"detail":"no such table: albun"`, "did you mean album?"},
		"explain?sql=SELECT+tilte+FROM+album":                        {`"detail":"no such column: tilte"`, "did you mean title?"},
		"query?sql=SELECT+:id":                                       {"no value for parameter :id", "give it by p_id"},
		"query?sql=SELECT+:id&p_id=1&p_ids=2":                        {`no parameter \"ids\"`, "did you mean id?"},
		"query?sql=SELECT+1+LIKE+'" + strings.Repeat("x", 101) + "'": {"a pattern has 100 bytes at most"},
		"query?sql=SELECT+?":                                         {"write :name in place of ?"},
		"queries/cheap?most=1":                                       {"known are limit, format, p_*"},
		"query?sql=SELECT+id+FROM+album+WHER+id=1":                   {`"detail":"near \"id\": syntax error"`},
	} {
		status, body, _ := answer(t, base+path)
		for _, text := range want {
			if status != 400 || !strings.Contains(body, text) {
				t.Errorf("%s: %d %s, want %s", path, status, body, text)
			}
		}
	}
}

// What a limit cut is said.
func TestAPI_Truncated(t *testing.T) {
	t.Parallel()
	base := start(t, shopFile(t)).URL + "/api/v1/shop/"
	const query, rows = "query?sql=SELECT+id+FROM+album", "tables/album/rows?select=id"
	for limit, want := range map[string]string{"&limit=2": "true", "&limit=3": "false", "": "false"} {
		_, body, _ := answer(t, base+query+limit)
		if !strings.Contains(body, `"truncated":`+want) {
			t.Errorf("limit %s: %s", limit, body)
		}
		for _, path := range []string{query + limit + "&format=csv", query + limit + "&format=ndjson", rows + limit + "&format=csv", rows + limit + "&format=ndjson"} {
			res, err := http.Get(base + path)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			lines := 3
			if want == "true" {
				lines = 2
			}
			if strings.HasSuffix(path, "csv") {
				lines++
			}
			if got := res.Trailer.Get("Truncated"); err != nil || got != want || strings.Count(string(body), "\n") != lines {
				t.Errorf("%s: trailer %q, %v, %q", path, got, err, body)
			}
		}
	}
}

// A long text of a view has no URL of its own, and its rows no key.
func TestAPI_RowsWithoutKey(t *testing.T) {
	t.Parallel()
	base := start(t, makeFile(t, "shop.db", "CREATE VIEW long AS SELECT hex(zeroblob(600000)) AS text")).URL + tables + "long/rows"
	if status, body, _ := answer(t, base); status != 200 || !strings.Contains(body, `"rows":[{"text":{"bytes":1200000}}]`) {
		t.Errorf("%d %.300s", status, body)
	}
	if status, body, _ := answer(t, base+"/1"); status != 400 || !strings.Contains(body, "rows of long have no key") {
		t.Errorf("%d %.300s", status, body)
	}
}

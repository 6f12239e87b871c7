package main

import (
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"fnregistry.dev/tools/testenv/testkit/browser"
)

// seats has foreign keys of one and of two columns.
func seats(t *testing.T) string {
	return makeFile(t, "seats.db",
		"CREATE TABLE hall (id INTEGER PRIMARY KEY, code TEXT, name TEXT)",
		`CREATE TABLE seat ("row" TEXT, number INTEGER, PRIMARY KEY ("row", number)) WITHOUT ROWID`,
		`CREATE TABLE ticket (id INTEGER PRIMARY KEY, hall INTEGER REFERENCES hall (id), line TEXT, place INTEGER,
			FOREIGN KEY (line, place) REFERENCES seat ("row", number))`,
		"INSERT INTO hall VALUES (1, 'secret-code', 'Great'), (2, 'secret-code', NULL)", "INSERT INTO seat VALUES ('a,b', 1)",
		"INSERT INTO ticket VALUES (1, 1, 'a,b', 1), (2, 2, 'a,b', NULL), (3, NULL, NULL, NULL)")
}

// Foreign keys lead to their rows and say what is there, as far as the caller
// may read it.
func TestRows_ForeignKeys(t *testing.T) {
	t.Parallel()
	server := start(t, "--token-file", writeText(t, "token", full), "--tokens", writeText(t, "tokens.yaml", `tokens:
  - {name: clerk, sha256: `+sum(clerk)+`, databases: {seats: {read: ["*"], hide: {hall: [code], seat: [number]}}}}
  - {name: guest, sha256: `+sum(guest)+`, databases: {seats: {read: [ticket]}}}
`), seats(t))
	const page = "/seats/tables/ticket"
	hall := `<a href="/seats/tables/hall?id=eq.1">1</a>`
	seat := `href="/seats/tables/seat?number=eq.1&amp;row=eq.a%2Cb"`
	for token, want := range map[string]struct{ has, hasNot []string }{
		full:  {[]string{hall + ` <span class="quiet">secret-code</span>`, seat + ">a,b</a>", seat + ">1</a>"}, []string{"number=eq.&amp;"}},
		clerk: {[]string{hall + ` <span class="quiet">Great</span>`, `?id=eq.2">2</a><a`}, []string{"secret", "tables/seat?"}},
		guest: {[]string{"3 rows"}, []string{"secret", "Great", "tables/hall", "tables/seat"}},
	} {
		status, text, _ := (caller{t, server.URL, token}).send("GET", page, "")
		for _, part := range want.has {
			if status != 200 || !strings.Contains(text, part) {
				t.Errorf("%s: no %s in %s", token, part, text)
			}
		}
		for _, part := range want.hasNot {
			if strings.Contains(text, part) {
				t.Errorf("%s: it has %s: %s", token, part, text)
			}
		}
		if got := strings.Count(text, seat); token == full && got != 2 {
			t.Errorf("%d links to a seat; half a key points to none", got)
		}
	}
}

var pageCSV = regexp.MustCompile(`href="([^"]*)">CSV of this page`)

// The CSV of a page has its rows in their order, on whatever way somebody came
// to the page.
func TestRows_CSVOfPage(t *testing.T) {
	t.Parallel()
	path := makeFile(t, "many.db", "CREATE TABLE many (id INTEGER PRIMARY KEY, v TEXT)", "CREATE VIEW seen AS SELECT v FROM many",
		"WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10) INSERT INTO many SELECT n, 'v' || n || ',' FROM c")
	c := caller{t, start(t, path).URL, ""}
	csv := func(page string) (text, rows string) {
		t.Helper()
		_, text, _ = c.send("GET", page, "")
		found := pageCSV.FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("%s: no CSV in %s", page, text)
		}
		_, rows, _ = c.send("GET", html.UnescapeString(found[1]), "")
		return text, strings.ReplaceAll(strings.ReplaceAll(rows, "\r", ""), "\n", " ")
	}
	link := func(text, rel string) string {
		t.Helper()
		found := regexp.MustCompile(`rel="` + rel + `" href="([^"]*)"`).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("no %s in %s", rel, text)
		}
		return html.UnescapeString(found[1])
	}
	first, rows := csv("/many/tables/many?limit=4&id=lt.10&facet=v")
	got := []string{rows}
	second, rows := csv(link(first, "next"))
	got = append(got, rows)
	third, rows := csv(link(second, "next"))
	got = append(got, rows)
	back, rows := csv(link(third, "prev"))
	got = append(got, rows)
	_, rows = csv(link(back, "prev"))
	got = append(got, rows)
	one, two := `id,v 1,"v1," 2,"v2," 3,"v3," 4,"v4," `, `id,v 5,"v5," 6,"v6," 7,"v7," 8,"v8," `
	if want := []string{one, two, `id,v 9,"v9," `, two, one}; !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	first, _ = csv("/many/tables/seen?limit=4")
	if _, rows := csv(link(first, "next")); rows != `v "v5," "v6," "v7," "v8," ` {
		t.Error(rows)
	}
}

// A stream begins behind a cursor; one for the rows before it, which would come
// in reverse, is refused.
func TestRows_StreamBackwards(t *testing.T) {
	t.Parallel()
	c := caller{t, start(t, shopFile(t)).URL, ""}
	const rows = "/api/v1/shop/tables/album/rows?select=id&limit=1"
	cursor := func(name, text string) string {
		t.Helper()
		found := regexp.MustCompile(`"` + name + `":"([^"]+)"`).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("no %s in %s", name, text)
		}
		return "&cursor=" + found[1]
	}
	_, first, _ := c.send("GET", rows, "")
	next := cursor("next", first)
	_, second, _ := c.send("GET", rows+next, "")
	for _, format := range []string{"csv", "ndjson"} {
		c.want(200, "2", "GET", rows+next+"&format="+format, "")
		c.want(400, "a cursor for pages of JSON", "GET", rows+cursor("prev", second)+"&format="+format, "")
	}
}

// curl asks for the server as the browser did, with a token where one is
// needed.
func TestRows_Curl(t *testing.T) {
	t.Parallel()
	server := start(t, "--token-file", writeText(t, "token", full), shopFile(t))
	for _, page := range []string{"/shop/tables/album", "/shop/tables/album/rows/1"} {
		(caller{t, server.URL, full}).want(200, `curl -H <span class="s">&#34;Authorization: Bearer $TOKEN&#34;</span> <span class="s">&#39;https://`+server.URL[len("http://"):]+"/api/v1/", "GET", page, "",
			"X-Forwarded-Proto", "https")
	}
}

// Somebody filters by the value of a cell, on a phone too, and copies the page.
func TestBrowser_Cells(t *testing.T) {
	t.Parallel()
	server, p := start(t, shopFile(t)), browser.Open(t)
	p.Size(390, 844)
	p.Go(server.URL + "/shop/tables/album")
	p.NoWiderThanTheScreen()
	p.Do(chromedp.Click(chromedp.CSS(`a[aria-label="only artist_id 1"]`)))
	p.Until(`location.search === "?artist_id=eq.1" && document.querySelectorAll("tbody tr").length === 2`)
	p.Accessible()
	p.Do(chromedp.Evaluate[chromedp.Void](`void (navigator.clipboard.writeText = async (text) => (window.copied = text))`))
	p.Do(chromedp.Click(chromedp.CSS("details:has([data-from]) summary")), chromedp.Click(chromedp.CSS("[data-from]")))
	p.Until(`window.copied?.startsWith("id,artist_id,title") && window.copied.includes("Back in Black") && !window.copied.includes("nasa")`)
	p.Go(server.URL + "/shop/tables/mixed?v=" + url.QueryEscape("eq.None"))
	p.Do(chromedp.Click(chromedp.CSS(`a[aria-label="only k "]`)))
	p.Until(`location.search.includes("k=is.null") && document.querySelectorAll("tbody tr").length === 1`)
}

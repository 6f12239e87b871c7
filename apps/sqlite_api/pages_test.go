package main

import (
	"flag"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/browser"
)

// screenshots is the folder that TestBrowser_Screenshots writes to.
var screenshots = flag.String("screenshots", "", "write screenshots into this folder")

func TestPages(t *testing.T) {
	t.Parallel()
	base := start(t, shopFile(t)).URL
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"/", 200, `href="/shop/"`},
		{"/shop/", 200, `href="/shop/tables/a%2Fb"`},
		{"/shop/", 200, "title, price"},
		{"/shop/tables/album", 200, "3 rows, table"},
		{"/shop/tables/album", 200, "9007199254740993"},
		{"/shop/tables/album", 200, `<em class="quiet">NULL</em>`},
		{"/shop/tables/mixed", 200, `<em class="quiet">empty text</em>`},
		{"/shop/tables/album", 200, `href="/shop/tables/artist?id=eq.1"`},
		{"/shop/tables/album", 200, `href="/shop/tables/album?order=title"`},
		{"/shop/tables/album?order=title", 200, `href="/shop/tables/album?order=title.desc"`},
		{"/shop/tables/album?order=title", 200, `aria-sort="ascending"`},
		{"/shop/tables/album?order=title.desc", 200, `href="/shop/tables/album" title="TEXT"`},
		{"/shop/tables/album?price=lt.9", 200, "price lt.9 ✕"},
		{"/shop/tables/album?price=lt.9", 200, "1 row, table"},
		{"/shop/tables/album?facet=artist_id", 200, `href="/shop/tables/album?artist_id=eq.1&amp;facet=artist_id"`},
		{"/shop/tables/album?search=%40nasa", 200, "1 row, table"},
		{"/shop/tables/album?id=eq.77", 200, "No rows"},
		{"/shop/tables/album?~column=title&~operator=contains&~value=50%25", 200, "@nasa"},
		{"/shop/tables/album?~column=cover&~operator=null&~value=", 200, "1 row, table"},
		{"/shop/tables/v", 200, "AC/DC"},
		{"/shop/tables/a%2Fb", 200, "&lt;b&gt;"},
		{"/shop/tables/a%2Fb?%22limit%22=eq.5", 200, "1 row, table"},
		{"/shop/tables/odd", 200, `href="/shop/tables/odd/rows/a~2Cb~2F~25,~b00112233445566778899aabbccddeeff"`},
		{"/shop/tables/odd/rows/a~2Cb~2F~25,~b00112233445566778899aabbccddeeff", 200, "9007199254740993"},
		{"/shop/tables/album/rows/1", 200, `href="/shop/tables/artist/rows/1"`},
		{"/shop/tables/artist/rows/1", 200, `href="/shop/tables/album?artist_id=eq.1"`},
		{"/shop/tables/album/rows/1", 200, "&#39;" + base + "/api/v1/shop/tables/album/rows/1&#39;"},
		{"/shop/tables/album/rows/1", 200, ">artist 1: AC/DC</a>"},
		{"/shop/tables/album?price=lt.9", 200, "&#39;" + base + "/api/v1/shop/tables/album/rows?format=json&amp;price=lt.9&#39;"},
		{"/shop/tables/album", 200, `<a href="/shop/tables/artist?id=eq.1">1</a> <span class="quiet">AC/DC</span>`},
		{"/shop/tables/album?price=lt.10", 200, `href="/shop/tables/album?price=lt.10&amp;title=eq.High%27way" class="only"`},
		{"/shop/tables/album?facet=price", 200, `href="/shop/tables/album?cover=is.null&amp;facet=price" class="only"`},
		{"/shop/tables/mixed", 200, `href="/shop/tables/mixed?v=eq." class="only"`},
		{"/shop/schema", 200, `href="/shop/tables/album"`},
		{"/shop/sql", 200, `name="sql"`},
		{"/shop/sql?sql=SELECT+title+FROM+album+WHERE+id=:id&p_id=2", 200, "High&#39;way"},
		{"/shop/sql?sql=SELECT+title+FROM+album+WHERE+id=:id&p_id=2", 200, `name="p_id"`},
		{"/shop/sql?sql=SELECT+*+FROM+album+ORDER+BY+price", 200, "sorts all rows"},
		{"/shop/sql?sql=SELECT+id,price+FROM+album&chart=bar", 200, "<svg"},
		{"/shop/sql?sql=SELECT+':no',+%22:x%22+--+:y%0AFROM+album", 200, "<button>Run</button></form>"},
		{"/shop/sql?sql=DELETE+FROM+album", 403, "Not a read-only statement"},
		{"/shop/sql?sql=SELECT+*+FROM+albun", 400, "<p>No such table: albun.</p>"},
		{"/shop/tables/album?prise=eq.1", 400, "did you mean price?"},
		{"/shop/tables/album?limit=2&order=id&count=exact&format=csv", 200, "cursor="},
		{"/shop/tables/v?limit=1", 200, "offset=1"},
		{"/shop/tables/v?limit=1&offset=1", 200, "offset=0"},
		{"/shop/tables/album?limit=0", 400, "Limit is no number of rows from 1 to 1000"},
		{"/shop/tables/album?prise=eq.1&price=lt.9", 400, `href="/shop/tables/album?price=lt.9"`},
		{"/shop/tables/album?price=quer.%3Cb%3E&title=eq.x", 400, "price quer.&lt;b&gt; ✕"},
		{"/shop/tables/album?price=quer.1&title=eq.x", 400, `href="/shop/tables/album?title=eq.x"`},
		{"/shop/tables/album?id=gt.0&id=gt.0", 200, `href="/shop/tables/album?id=gt.0"`},
		{"/shop/tables/a%2Fb?~column=limit&~operator=eq&~value=5", 200, "1 row, table"},
		{"/shop/tables/album?offset=x", 400, "Offset is no number"},
		{"/shop/tables/albun", 404, "No table"},
		{"/shop/tables/album/rows/9", 404, "No row"},
		{"/shop/tables/album/rows/x,y", 400, "key"},
		{"/nothing/", 404, "No database"},
		{"/nothing/sql", 404, "No database"},
		{"/shop/nothing", 404, "There is no page"},
	} {
		status, body, header := answer(t, base+c.path)
		if status != c.status || !strings.Contains(body, c.want) || !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %s %s\nwant %d, %s", c.path, status, header.Get("Content-Type"), body, c.status, c.want)
		}
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(base + "/shop")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.Header.Get("Location") != "/shop/" {
		t.Errorf("/shop leads to %q", res.Header.Get("Location"))
	}
	// A path that is only read says so to who would change it.
	caller{t, base, ""}.want(405, "use GET, HEAD", "POST", "/shop/schema", "")
}

// Names and values of somebody else do no harm.
func TestPages_Hostile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "evil.db")
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	const script = `<script>alert(1)</script>`
	columns := make([]string, 1500)
	for i := range columns {
		columns[i] = "c" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26)
	}
	for _, statement := range []string{
		`CREATE TABLE "` + script + `" ("` + script + `" TEXT, "..." TEXT, " " TEXT)`,
		`INSERT INTO "` + script + `" VALUES ('` + script + `', 'javascript:alert(1)', '` + "\u202eevil\u2066" + `')`,
		`CREATE TABLE ".." (a TEXT)`, `INSERT INTO ".." VALUES (replace(hex(zeroblob(5000000)), '00', 'long '))`,
		`CREATE TABLE wide (` + strings.Join(columns, ", ") + `)`, `INSERT INTO wide DEFAULT VALUES`,
		`CREATE TABLE "%2e" (a)`, `INSERT INTO "%2e" VALUES (1)`,
	} {
		if _, err := db.Writer.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	base := start(t, path).URL
	evil := url.PathEscape(script)
	for page, want := range map[string]string{
		"/evil/": "wide", "/evil/schema": "wide", "/evil/tables/" + evil: "javascript:alert(1)", "/evil/tables/" + evil + "/rows/1": "javascript:alert(1)",
		"/evil/tables/%2E%2E": "text, 25000000 bytes", "/evil/tables/%2E%2E/rows/1": "text, 25000000 bytes", "/evil/tables/wide": "cxxxdy",
		"/evil/tables/%252e": "1 row", "/evil/sql?sql=" + url.QueryEscape(`SELECT '`+script+`' AS "`+script+`"`): "1 row",
	} {
		status, body, _ := answer(t, base+page)
		if status != 200 || strings.Contains(body, script) || strings.Contains(body, "\u202e") || strings.Contains(body, `href="javascript:`) ||
			!strings.Contains(body, want) || len(body) > 4<<20 {
			t.Errorf("%s: %d, %d bytes %.3000s", page, status, len(body), body)
		}
	}
}

var pages = map[string]string{
	"database": "/shop/", "rows": "/shop/tables/album?facet=artist_id&price=lt.10", "row": "/shop/tables/artist/rows/1", "schema": "/shop/schema",
	"sql": "/shop/sql?sql=SELECT+title,+price,+stock+%3E+0+AS+there+FROM+album+WHERE+price+%3C+:most&p_most=10&chart=bar",
}

// The pages have no barrier, in light and dark, and fit a phone.
func TestBrowser(t *testing.T) {
	t.Parallel()
	server, p := start(t, shopFile(t)), browser.Open(t)
	for _, scheme := range []string{"light", "dark"} {
		p.Theme(scheme)
		for _, path := range pages {
			p.Go(server.URL + path)
			p.Until(`document.querySelector("h1") !== null`)
			p.Accessible()
		}
	}
	p.Go(server.URL + "/nowhere/x")
	p.Until(`document.querySelector("h1").textContent === "Not found"`)
	p.Accessible()
	p.Size(390, 844)
	for _, path := range pages {
		p.Go(server.URL + path)
		p.NoWiderThanTheScreen()
	}
	// A wide table scrolls; its words stay whole.
	p.Go(server.URL + "/shop/tables/album")
	p.Until(`document.querySelector("td a").getClientRects().length === 1`)
}

// Somebody filters, sorts, opens a row and follows its foreign key, then runs
// SQL.
func TestBrowser_Rows(t *testing.T) {
	t.Parallel()
	server, p := start(t, shopFile(t)), browser.Open(t)
	p.Go(server.URL + "/shop/tables/album")
	p.Do(chromedp.SetValue("#filter select", "title"), chromedp.SetValue(`#filter select[name="~operator"]`, "contains"),
		chromedp.SendKeys(`#filter input[name="~value"]`, "a\r"))
	p.Until(`location.search === "?title=ilike.%2Aa%2A" && document.querySelectorAll("tbody tr").length === 3`)
	p.Do(chromedp.Click(`th a[title="REAL"]`))
	p.Until(`document.querySelector("th[aria-sort=ascending]").textContent === "price"`)
	p.Do(chromedp.Click(`a[aria-label="open row 1"]`))
	p.Until(`document.querySelector("h1").textContent === "album 1"`)
	p.Do(chromedp.Click(`a[href="/shop/tables/artist/rows/1"]`))
	p.Until(`document.querySelector("h1").textContent === "artist 1"`)
	p.Do(chromedp.Click(`a[href="/shop/sql"]`))
	p.Until(`document.querySelector("textarea") !== null`)
	p.Do(chromedp.SendKeys("textarea", "SELECT name FROM artist WHERE id = :id"), chromedp.Click("#console button"))
	p.Until(`document.querySelector("input[name=p_id]") !== null`)
	p.Do(chromedp.SendKeys("input[name=p_id]", "2\r"))
	p.Until(`document.querySelector("tbody td").textContent === "Björk"`)
}

// TestBrowser_Screenshots makes the pictures of docs/sqlite_api.md: go test
// ./apps/sqlite_api -run Screenshots -screenshots docs/pictures.
func TestBrowser_Screenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("only with -screenshots")
	}
	server, p := start(t, shopFile(t)), browser.Open(t)
	p.Size(1100, 800)
	for name, scheme := range map[string]string{"rows": "light", "row": "dark", "sql": "light", "schema": "dark"} {
		p.Theme(scheme)
		p.Go(server.URL + pages[name])
		p.Until(`document.querySelector("h1") !== null`)
		p.Screenshot(filepath.Join(*screenshots, "sqlite-"+name+"-"+scheme+".png"))
	}
}

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/apps/sqlite_api/web"
	"fnregistry.dev/tools/testenv/testkit/browser"
)

func TestConsole(t *testing.T) {
	t.Parallel()
	base := start(t, shopFile(t)).URL + "/shop/"
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"sql?sql=SELECT+stock+FROM+album+WHERE+id=1", 200, "9007199254740993"},
		{"sql?sql=SELECT+:a", 200, `name="p_a"`},
		{"sql?sql=SELECT+title+AS+%22%3Cscript%3E%22+FROM+album", 200, "&lt;script&gt;"},
		{"sql?sql=DELETE+FROM+artist", 403, `role="alert"`},
		{"sql?sql=SELECT+*+FROM+mixed", 200, "reads all rows"},
		{"sql?sql=SELECT+id,-id+AS+n+FROM+album&chart=bar", 200, "<rect class=\"f1\""},
		{"sql?sql=SELECT+id,-id+AS+n+FROM+album&chart=scatter", 200, "<circle class=\"f1\""},
		{"schema", 200, `href="/shop/tables/a%2Fb"`},
		{"schema", 200, "artist_id INTEGER →"},
	} {
		if status, body, _ := answer(t, base+c.path); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d, want %d and %s in\n%s", c.path, status, c.status, c.want, body)
		}
	}
}

// SQL that is too long for a URL comes by POST, and is read-only as any.
func TestConsole_Post(t *testing.T) {
	t.Parallel()
	c := caller{t, start(t, shopFile(t)).URL, ""}
	long := "SELECT title, :a AS a FROM album -- " + strings.Repeat("x", 90_000)
	c.post(200, "High&#39;way", "/shop/sql", "sql", long, "p_a", "1")
	c.post(200, `value="of the form"`, "/shop/sql", "sql", long, "p_a", "of the form")
	c.post(200, `method="post"`, "/shop/sql", "sql", long) // so that the next one comes this way, too
	c.post(200, "<svg", "/shop/sql", "sql", "SELECT id, price FROM album", "chart", "line")
	c.post(403, "Not a read-only statement", "/shop/sql", "sql", "DELETE FROM album")
	c.post(413, "more than 100 kB", "/shop/sql", "sql", "SELECT '"+strings.Repeat("x", 120_000)+"'")
	c.want(403, "another origin", "POST", "/shop/sql", "sql=SELECT+1", "Content-Type", "application/x-www-form-urlencoded", "Origin", "https://evil.example")
	c.want(400, "form can&#39;t be read", "POST", "/shop/sql", "sql=%", "Content-Type", "application/x-www-form-urlencoded")
	if _, text, _ := c.send("GET", "/shop/sql?sql=SELECT+1", ""); strings.Contains(text, ` method="post"`) || !strings.Contains(text, `formmethod="post"`) {
		t.Errorf("short SQL has no URL, or there is no button for long SQL: %s", text)
	}
}

// A chart has the columns that somebody chose.
func TestConsole_Chart(t *testing.T) {
	t.Parallel()
	c := caller{t, start(t, "--queries", writeText(t, "queries.yaml", "queries: [{name: q, database: shop, sql: 'SELECT id, title, price, stock FROM album'}]"), shopFile(t)).URL, ""}
	const sql = "/shop/sql?sql=SELECT+id,+title,+price,+stock+FROM+album&chart=bar"
	for path, want := range map[string][]string{
		sql:                                    {"The result by id", `value="id" selected`, `class="f2"`},
		sql + "&x=title":                       {"The result by title", ` class="f3"`, "Back in Black: 9.99"},
		sql + "&x=title&y=price":               {"Back in Black: 9.99", `value="price" checked`},
		sql + "&x=none&y=stock":                {"The result by id", `value="bar" selected`},
		"/shop/queries/q?chart=line&x=title":   {"The result by title", `form="query"`, `<form id="query"`},
		"/shop/queries/q?chart=line&y=nothing": {"There are no figures yet"},
	} {
		for _, one := range want {
			c.want(200, one, "GET", path, "")
		}
	}
	if _, text, _ := c.send("GET", sql+"&x=title&y=price", ""); strings.Contains(text, `class="f2"`) {
		t.Error("it shows a column that was not chosen")
	}
}

const endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT count(*) FROM c"

// When the client goes away, the query ends on the server, long before its
// time is over.
func TestConsole_Stop(t *testing.T) {
	t.Parallel()
	set, err := data.Open(t.Context(), data.Config{Files: []string{shopFile(t)}})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	mux := http.NewServeMux()
	web.New(set, false).Mount(mux)
	ctx, cancel := context.WithTimeout(data.WithAccess(t.Context(), data.Local), 200*time.Millisecond)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/shop/sql?sql="+url.QueryEscape(endless), nil)
	began := time.Now()
	mux.ServeHTTP(httptest.NewRecorder(), r)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it ran for %v", took)
	}
}

func TestBrowser_Console(t *testing.T) {
	t.Parallel()
	server, p := start(t, shopFile(t)), browser.Open(t)
	for _, scheme := range []string{"light", "dark"} {
		p.Theme(scheme)
		p.Go(server.URL + "/shop/sql?sql=SELECT+id,-id+AS+n+FROM+album&chart=line")
		p.Until(`document.querySelector("#result td") && getComputedStyle(document.querySelector("form")).display !== ""`)
		p.Accessible()
		p.Go(server.URL + "/shop/schema")
		p.Until(`document.querySelector(".picture svg .box")`)
		p.Accessible()
	}
	p.Size(390, 844)
	p.NoWiderThanTheScreen()
	p.Go(server.URL + "/shop/sql?sql=SELECT+*+FROM+album")
	p.NoWiderThanTheScreen()
	p.Go(server.URL + "/shop/sql")
	p.Do(chromedp.SendKeys(chromedp.CSS("#console-sql"), endless))
	p.Do(chromedp.Click(chromedp.CSS("#console button")))
	p.Until(`document.querySelector(".console output").textContent.startsWith("running")`)
	p.Do(chromedp.Click(chromedp.CSS(".stop")))
	p.Until(`document.querySelector(".console output").textContent === "stopped" && document.querySelector(".stop").disabled`)
}

// Names are completed by the keyboard, what was run is remembered until it is
// cleared, and long SQL is sent by POST.
func TestBrowser_ConsoleNames(t *testing.T) {
	t.Parallel()
	server, p := start(t, shopFile(t)), browser.Open(t)
	text := `document.querySelector("#console-sql").value`
	area := chromedp.CSS("#console-sql")
	set := func(text string) chromedp.Action[chromedp.Void] {
		return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`void (document.querySelector("#console-sql").value = %q)`, text))
	}
	press := func(key string) chromedp.Action[chromedp.Void] { // SendKeys adds a line even if the page takes the key
		return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
			`void document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: %q, bubbles: true, cancelable: true}))`, key))
	}
	chosen := `document.getElementById(document.querySelector("#console-sql").getAttribute("aria-activedescendant"))?.dataset.text`
	for _, scheme := range []string{"light", "dark"} {
		p.Theme(scheme)
		p.Go(server.URL + "/shop/sql")
		p.Do(chromedp.SendKeys(area, "SELECT al.TI"))
		p.Until(`document.querySelector("#names")?.hidden !== false`) // nothing is called al yet
		p.Do(set(""), chromedp.SendKeys(area, "SELECT li"))
		p.Until(`document.querySelector("#names")?.hidden === false`)
		p.Do(chromedp.SendKeys(area, kb.ArrowDown))
		p.Until(chosen + ` === '"limit"'`) // which is a word of SQL
		p.Accessible()
		p.Do(press("Enter"))
		p.Until(text + ` === 'SELECT "limit"' && document.querySelector("#names").hidden`)
	}
	p.Do(set(""), chromedp.SendKeys(area, "SELECT 1 FROM album AS al WHERE al.t"))
	p.Until(`document.querySelector("#names li")?.dataset.text === "title" && document.querySelectorAll("#names li").length === 1`)
	p.Do(chromedp.SendKeys(area, kb.ArrowUp), chromedp.SendKeys(area, kb.Tab))
	p.Until(text + `.endsWith("al.title") && document.activeElement.id === "console-sql"`)
	p.Do(chromedp.SendKeys(area, " > 'a/"+kb.Escape), set(""), chromedp.SendKeys(area, "TABLE a"))
	p.Until(`[...document.querySelectorAll("#names li")].some((item) => item.dataset.text === '"a/b"')`)
	p.Do(chromedp.SendKeys(area, kb.Escape))
	p.Until(`document.querySelector("#names").hidden`)
	p.Do(set("SELECT 5 AS five"), chromedp.Click(chromedp.CSS("#console button")))
	p.Until(`document.querySelector("#result td")?.textContent === "5"`)
	p.Do(set("SELECT 6"), chromedp.Click(chromedp.CSS("#console button")))
	p.Until(`document.querySelector("#result td")?.textContent === "6"`)
	p.Go(server.URL + "/shop/sql")
	p.Do(chromedp.Click(chromedp.CSS("#history summary")))
	p.Until(`[...document.querySelectorAll("#history li")].map((item) => item.textContent).join() === "SELECT 6,SELECT 5 AS five"`)
	p.Accessible()
	p.Do(chromedp.Click(chromedp.CSS("#history li:last-child button")))
	p.Until(text + ` === "SELECT 5 AS five"`)
	p.Do(chromedp.Click(chromedp.CSS("#history p button")))
	p.Until(`!document.querySelector("#history li") && !Object.keys(localStorage).some((key) => key.startsWith("queries"))`)
	long := "SELECT 7 -- " + strings.Repeat("x", 5000)
	p.Do(set(long), chromedp.Click(chromedp.CSS("#console button")))
	p.Until(`document.querySelector("#result td")?.textContent === "7" && location.search === ""`)
	p.Do(set(strings.Replace(long, "7", ":n + 1", 1)), chromedp.Click(chromedp.CSS("#console button"))) // whose field the server adds
	p.Until(`document.querySelector("input[name=p_n]") && document.querySelector("form").method === "post"`)
	p.Do(chromedp.SendKeys(chromedp.CSS("input[name=p_n]"), "7\r"))
	p.Until(`document.querySelector("#result td")?.textContent === "8"`)
	// The columns of a chart are chosen below the form, which it belongs to.
	p.Go(server.URL + "/shop/sql?sql=SELECT+id,+title,+price+FROM+album")
	p.Do(chromedp.SetValue(chromedp.CSS("#console-chart"), "bar"), chromedp.SetValue(chromedp.CSS("#console-x"), "title"), chromedp.Click(chromedp.CSS("input[value=price]")),
		chromedp.Click(chromedp.CSS("#draw")))
	p.Until(`document.querySelector("figcaption")?.textContent === "The result by title" && document.activeElement.id === "draw" && location.search.includes("y=price")`)
	p.Accessible()
	p.Size(390, 844)
	p.NoWiderThanTheScreen()
}

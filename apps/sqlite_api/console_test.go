package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

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

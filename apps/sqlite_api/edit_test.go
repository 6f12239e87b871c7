package main

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"fnregistry.dev/tools/testenv/testkit/browser"
)

// notes has a column of each kind that a form treats in its own way.
func notes(t *testing.T) string {
	return makeFile(t, "notes.db",
		`CREATE TABLE note (id INTEGER PRIMARY KEY, title TEXT NOT NULL UNIQUE, body TEXT, stars INTEGER DEFAULT 3, cover BLOB, anything, shout AS (upper(title)),
			CHECK (stars < 6))`,
		`CREATE TABLE tag (note INTEGER NOT NULL REFERENCES note (id), name TEXT, PRIMARY KEY (note, name)) WITHOUT ROWID`,
		`CREATE VIEW titles AS SELECT title FROM note`,
		"INSERT INTO note (id, title, body, stars, cover, anything) VALUES (1, 'one', 'a\r\nb', 9007199254740993 % 5, x'00ff', 7), (2, 'two', NULL, NULL, NULL, '7')",
		"INSERT INTO tag VALUES (1, 'x,y')")
}

// editor starts notes for writing, and returns who may write, and the file.
func editor(t *testing.T, args ...string) (c caller, path string) {
	t.Helper()
	path = notes(t)
	server := start(t, append(args, "--write", "--token-file", writeText(t, "token", full), path)...)
	return caller{t, server.URL, full}, path
}

var versionField = regexp.MustCompile(`name="version" value="([^"]*)"`)

// version is that of the form on a page.
func (c caller) version(page string) string {
	c.t.Helper()
	_, text, _ := c.send("GET", page, "")
	found := versionField.FindStringSubmatch(text)
	if found == nil {
		c.t.Fatalf("%s has no version: %s", page, text)
	}
	return found[1]
}

// post sends a form, of pairs of a name and a value, and wants a status and a
// text on the page that it leads to.
func (c caller) post(status int, text, page string, pairs ...string) {
	c.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	c.want(status, text, "POST", page, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func TestEdit(t *testing.T) {
	t.Parallel()
	c, path := editor(t)
	const one, two = "/notes/tables/note/rows/1/edit", "/notes/tables/note/rows/2/edit"
	all := func(id string) string {
		return cells(t, path, "SELECT quote(title) || ' ' || quote(body) || ' ' || quote(stars) || ' ' || quote(cover) || ' ' || quote(anything) FROM note WHERE id = "+id)
	}
	// What a browser sends back is the same row, though all line ends are CR
	// LF.
	c.post(200, "<h1>note 1</h1>", one, "version", c.version(one), "kind.id", "text", "text.id", "1", "kind.title", "text", "text.title", "one",
		"kind.body", "text", "text.body", "a\r\nb", "kind.stars", "text", "text.stars", "3", "kind.anything", "number", "text.anything", "7")
	if got := all("1"); got != "'one' 'a\r\nb' 3 X'00FF' 7" {
		t.Errorf("it became %q", got)
	}
	c.post(200, "<h1>note 1</h1>", one, "version", c.version(one), "kind.body", "text", "text.body", "c\r\nd", "text.cover", "x", "kind.cover", "text",
		"text.shout", "x", "kind.shout", "text")
	if got := all("1"); got != "'one' 'c\r\nd' 3 X'00FF' 7" {
		t.Errorf("a text became %q", got)
	}
	// Empty text and NULL, texts and numbers are what somebody chose.
	for _, step := range []struct{ column, kind, text, want string }{
		{"body", "text", "", "'two' '' NULL NULL '7'"},
		{"body", "null", "", "'two' NULL NULL NULL '7'"},
		{"body", "null", "typed", "'two' 'typed' NULL NULL '7'"}, // and left the kind as it was
		{"body", "null", "typed", "'two' NULL NULL NULL '7'"},    // chose NULL, and left the text
		{"anything", "number", "7", "'two' NULL NULL NULL 7"},
		{"anything", "text", "7", "'two' NULL NULL NULL '7'"},
		{"stars", "text", "4", "'two' NULL 4 NULL '7'"},
	} {
		c.post(200, "<h1>note 2</h1>", two, "version", c.version(two), "kind."+step.column, step.kind, "text."+step.column, step.text)
		if got := all("2"); got != step.want {
			t.Errorf("%+v: %s", step, got)
		}
	}
	// What is wrong is said beside the fields, which keep what was typed.
	for _, wrong := range []struct {
		status            int
		column, kind, say string
		text, field       string
	}{
		{409, "title", "text", "UNIQUE constraint failed: note.title", "one", "row-1-wrong"},
		{400, "stars", "text", "CHECK constraint failed", "9", `value="9"`},
		{400, "anything", "number", "This is no number", "x", "row-5-wrong"},
		{400, "title", "null", "It has a text", "other", "row-1-wrong"},
		{400, "title", "?", "no such kind", "other", "row-1-wrong"},
	} {
		pairs := []string{"version", c.version(two), "kind." + wrong.column, wrong.kind, "text." + wrong.column, wrong.text}
		c.post(wrong.status, wrong.say, two, pairs...)
		c.post(wrong.status, wrong.field, two, pairs...)
		c.post(wrong.status, wrong.text, two, pairs...)
	}
	c.post(400, "lacks the version", two, "kind.title", "text", "text.title", "x")
	c.post(400, "lacks the version", two, "version", "", "kind.title", "text", "text.title", "x")
	c.post(404, "No row", "/notes/tables/note/rows/9/edit", "version", "x")
	if got := all("2"); got != "'two' NULL 4 NULL '7'" {
		t.Errorf("it became %s", got)
	}
	// A key that changes leads to the row under its new one.
	const tag = "/notes/tables/tag/rows/1,x~2Cy"
	c.post(200, "<h1>tag 1,z</h1>", tag+"/edit", "version", c.version(tag+"/edit"), "kind.name", "text", "text.name", "z")
}

func TestEdit_Insert(t *testing.T) {
	t.Parallel()
	c, path := editor(t)
	const form = "/notes/tables/note/new"
	c.want(200, `href="/notes/tables/note/new"`, "GET", "/notes/tables/note", "")
	_, text, _ := c.send("GET", form, "")
	if strings.Contains(text, "shout") || strings.Contains(text, "Delete") {
		t.Errorf("a computed column has a field, or a new row can be deleted: %s", text)
	}
	c.post(200, "<h1>note 3</h1>", form, "version", "", "kind.id", "default", "kind.title", "default", "text.title", "three", "kind.body", "text", "text.body", "",
		"kind.stars", "default", "kind.cover", "null", "kind.anything", "null")
	if got := cells(t, path, "SELECT quote(title) || quote(body) || quote(stars) || quote(anything) FROM note WHERE id = 3"); got != "'three'''3NULL" {
		t.Error(got)
	}
	c.post(400, "NOT NULL constraint failed: note.title", form, "version", "", "kind.title", "default", "text.title", "")
	c.post(409, "FOREIGN KEY constraint failed", "/notes/tables/tag/new", "version", "", "kind.note", "text", "text.note", "9", "kind.name", "text", "text.name", "n")
	c.want(400, "lacks the version", "POST", form, "{}")
	c.want(400, "A view has no rows", "GET", "/notes/tables/titles/new", "")
}

func TestEdit_Delete(t *testing.T) {
	t.Parallel()
	c, path := editor(t)
	const one, two = "/notes/tables/note/rows/1", "/notes/tables/note/rows/2"
	c.post(409, "FOREIGN KEY constraint failed", one+"/delete", "version", c.version(one+"/edit"))
	c.post(400, "lacks the version", two+"/delete")
	c.post(412, "The row has changed since it was read", two+"/delete", "version", "old")
	c.post(200, "1 row, table", two+"/delete", "version", c.version(two+"/edit"))
	c.post(404, "o such row", two+"/delete", "version", "x")
	if got := cells(t, path, "SELECT count(*) FROM note"); got != "1" {
		t.Error(got)
	}
}

// Who saves a row that somebody else has changed sees both, and can save again.
func TestEdit_Changed(t *testing.T) {
	t.Parallel()
	c, path := editor(t)
	const one = "/notes/tables/note/rows/1/edit"
	old := c.version(one)
	c.want(200, "", "PATCH", "/api/v1/notes/tables/note/rows/1", `{"title": "theirs", "body": "theirs, too"}`)
	mine := []string{"version", old, "kind.title", "text", "text.title", "mine", "kind.body", "text", "text.body", "a\r\nb"}
	for _, want := range []string{"has changed since you opened it", "<td>theirs</td><td>mine</td>", "theirs, too", ">\nmine</textarea>"} {
		c.post(412, want, one, mine...)
	}
	if got := cells(t, path, "SELECT title || body FROM note WHERE id = 1"); got != "theirstheirs, too" {
		t.Error(got)
	}
	mine[1] = c.version(one)
	c.post(200, "mine", one, mine...)
	c.post(412, "has changed since you opened it", one, mine...)
}

// Forms are for who may write, on pages of this server alone, and each try is
// in the audit.
func TestEdit_Refused(t *testing.T) {
	t.Parallel()
	audit := writeText(t, "audit", "")
	c, path := editor(t, "--audit", audit, "--tokens", writeText(t, "tokens.yaml", `tokens:
  - {name: clerk, sha256: `+sum(clerk)+`, databases: {notes: {read: ["*"], write: [note], hide: {note: [body]}}}}
`))
	const one = "/notes/tables/note/rows/1"
	version := c.version(one + "/edit")
	for _, other := range []caller{{t, c.url, ""}, {t, c.url, clerk}} {
		const tag = "/notes/tables/tag/rows/1,x~2Cy"
		other.want(403, "may not write", "GET", tag+"/edit", "")
		other.want(403, "may not write", "GET", "/notes/tables/tag/new", "")
		other.post(403, "may not write", tag+"/edit", "version", c.version(tag+"/edit"), "kind.name", "text", "text.name", "z")
		other.post(403, "may not write", tag+"/delete", "version", c.version(tag+"/edit"))
		other.post(403, "may not write", "/notes/tables/tag/new", "version", "", "kind.name", "text", "text.name", "z")
		if _, text, _ := other.send("GET", tag, ""); strings.Contains(text, "/edit") {
			t.Error("it offers what it refuses")
		}
	}
	// The form of a caller has what the caller may read.
	if _, text, _ := (caller{t, c.url, clerk}).send("GET", one+"/edit", ""); strings.Contains(text, "text.body") || !strings.Contains(text, "title") {
		t.Error(text)
	}
	form := url.Values{"version": {version}, "kind.title": {"text"}, "text.title": {"evil"}}.Encode()
	cookie := logIn(t, c.url)
	for _, headers := range [][]string{
		{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example", "Cookie", cookie}, {"Cookie", cookie},
	} {
		headers = append(headers, "Content-Type", "application/x-www-form-urlencoded")
		got, text, _ := (caller{t, c.url, ""}).send("POST", one+"/edit", form, headers...)
		if got != 403 {
			t.Errorf("%q: %d %s", headers, got, text)
		}
	}
	if got := cells(t, path, "SELECT group_concat(title) || (SELECT group_concat(name) FROM tag) FROM note"); got != "one,twox,y" {
		t.Error(got)
	}
	(caller{t, c.url, ""}).want(200, "evil", "POST", one+"/edit", form, "Content-Type", "application/x-www-form-urlencoded", "Cookie", cookie, "Origin", c.url)
	lines, err := os.ReadFile(audit)
	if err != nil || strings.Count(string(lines), "write refused") != 7 || strings.Count(string(lines), `"msg":"write"`) != 1 {
		t.Errorf("the audit: %v %s", err, lines)
	}
}

// logIn returns the cookie of who logs in by the form.
func logIn(t *testing.T, base string) string {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.PostForm(base+"/login", url.Values{"token": {full}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); len(res.Cookies()) != 1 {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	return res.Cookies()[0].Name + "=" + res.Cookies()[0].Value
}

// Somebody logs in, edits a row, adds one and deletes it again.
func TestBrowser_Edit(t *testing.T) {
	t.Parallel()
	c, path := editor(t)
	p := browser.Open(t)
	p.Go(c.url + "/")
	p.Do(chromedp.Click(chromedp.CSS(`a[href="/login"]`)))
	p.Until(`document.querySelector("input[name=token]")`)
	p.Do(chromedp.SendKeys(chromedp.CSS("input[name=token]"), full+"\r"))
	p.Until(`document.querySelector("#logout")`)
	const form = "/notes/tables/note/rows/2/edit"
	for _, scheme := range []string{"light", "dark"} {
		p.Theme(scheme)
		p.Go(c.url + form)
		p.Until(`document.querySelector("#row")`)
		p.Accessible()
	}
	p.Size(390, 844)
	p.NoWiderThanTheScreen()
	// Typing beside NULL chooses a value; NULL takes the text away, and a value
	// brings it back.
	kind, text := `document.getElementsByName("kind.body")[0].value`, `document.getElementsByName("text.body")[0].value`
	p.Do(chromedp.SendKeys(chromedp.CSS(`[name="text.body"]`), "typed"))
	p.Until(kind + ` === "text"`)
	p.Do(chromedp.SetValue(chromedp.CSS(`[name="kind.body"]`), "null"))
	p.Until(text + ` === ""`)
	p.Do(chromedp.SetValue(chromedp.CSS(`[name="kind.body"]`), "text"))
	p.Until(text + ` === "typed"`)
	c.want(200, "", "PATCH", "/api/v1/notes/tables/note/rows/2", `{"title": "theirs"}`)
	p.Do(chromedp.Click(chromedp.CSS("#row button")))
	p.Until(`document.querySelector("[role=alert]")?.textContent.includes("has changed")`)
	p.Accessible()
	p.NoWiderThanTheScreen()
	p.Do(chromedp.Click(chromedp.CSS("#row button")))
	p.Until(`document.querySelector("h1").textContent === "note 2"`)
	if got := cells(t, path, "SELECT quote(title) || quote(body) || quote(stars) FROM note WHERE id = 2"); got != "'two''typed'NULL" {
		t.Error(got)
	}
	p.Go(c.url + "/notes/tables/note/new")
	p.Do(chromedp.SendKeys(chromedp.CSS(`[name="text.title"]`), "one"), chromedp.Click(chromedp.CSS("#row button")))
	p.Until(`document.querySelector("[aria-invalid]")?.name === "text.title"`)
	p.Accessible()
	p.Do(chromedp.SendKeys(chromedp.CSS(`[name="text.title"]`), "more"), chromedp.Click(chromedp.CSS("#row button")))
	p.Until(`document.querySelector("h1").textContent === "note 3"`)
	p.Do(chromedp.Click(chromedp.CSS(`a[href$="/edit"]`)))
	p.Until(`document.querySelector("#delete")`)
	p.Do(chromedp.Click(chromedp.CSS("summary")), chromedp.Click(chromedp.CSS("#delete button")))
	p.Until(`document.querySelector("h1").textContent === "note" && document.querySelectorAll("tbody tr").length === 2`)
}

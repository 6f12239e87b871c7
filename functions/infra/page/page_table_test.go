package page

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func jobs() PageTableConfig {
	return PageTableConfig{
		ID: "jobs", Name: "Jobs", Path: "/jobs", Filter: true, Next: "n 7", Before: "b",
		Query:   url.Values{"q": {"ba"}, "sort": {"name"}, "state": {"failed"}, "after": {"old"}},
		Columns: []PageTableColumn{{Name: "Name", Key: "name"}, {Name: "Runs", Key: "runs", Number: true}, {Name: "Text"}},
		Rows:    [][]any{{PageLink{Text: "backup", URL: "/jobs/7"}, 12, "<b>"}, {"second", 1, nil}},
		Facets:  []PageFacet{{"state", []PageFacetValue{{"failed", 3}, {"done", 40}}}},
	}
}

func TestPageTable_Links(t *testing.T) {
	t.Parallel()
	got := render(t, PageTable(jobs()))
	has(t, got,
		`<th scope="col" aria-sort="ascending"><a href="/jobs?q=ba&amp;sort=-name&amp;state=failed">Name</a></th>`,
		`<th scope="col" class="number"><a href="/jobs?q=ba&amp;sort=runs&amp;state=failed">Runs</a></th>`,
		`<th scope="col">Text</th>`,
		`href="/jobs?q=ba&amp;sort=name" aria-current="true">failed (3)</a>`,
		`href="/jobs?q=ba&amp;sort=name&amp;state=done">done (40)</a>`,
		`<a rel="next" href="/jobs?after=n+7&amp;q=ba&amp;sort=name&amp;state=failed">Next</a>`,
		`<a rel="prev" href="/jobs?before=b&amp;q=ba&amp;sort=name&amp;state=failed">Previous</a>`,
		`<input type="hidden" name="sort" value="name">`, `<input type="hidden" name="state" value="failed">`,
		`data-results="jobs-rows"`, `<div id="jobs-rows">`,
		`<tr tabindex="0"><td><a href="/jobs/7">backup</a></td><td class="number">12</td><td>&lt;b&gt;</td></tr>`,
		`<tr tabindex="-1"><td>second</td>`)
	down := jobs()
	down.Query = url.Values{"sort": {"-runs"}}
	has(t, render(t, PageTable(down)), `aria-sort="descending"><a href="/jobs?sort=runs">Runs</a>`)
}

func TestPageTable_Empty(t *testing.T) {
	t.Parallel()
	got := render(t, PageTable(PageTableConfig{Name: "Jobs", Path: "/jobs"}))
	has(t, got, `class="notice empty"`, "Nothing here")
	hasNot(t, got, "<table", "<form", "<nav")
	has(t, render(t, PageTable(PageTableConfig{Empty: PageNoticeConfig{Text: "No job yet."}})), "No job yet.")
}

func TestPageTable_Hostile(t *testing.T) {
	t.Parallel()
	cfg := PageTableConfig{Name: hostile[0], Path: "/t", Columns: []PageTableColumn{{Name: hostile[1], Key: hostile[2]}}, Filter: true}
	for _, name := range hostile {
		cfg.Rows = append(cfg.Rows, []any{name, PageLink{Text: name, URL: name}, "one cell more than there are columns"})
		cfg.Query = url.Values{"q": {name}, name: {name}, "sort": {name}}
		cfg.Facets = append(cfg.Facets, PageFacet{name, []PageFacetValue{{name, 1}}})
	}
	hasNot(t, render(t, PageTable(cfg)), "<script", "<img", "onclick='", `href="javascript`)
}

// TestPageTable_TenThousandRows: such a page may be slow to read, but must not
// be slow to render.
func TestPageTable_TenThousandRows(t *testing.T) {
	t.Parallel()
	cfg := PageTableConfig{Name: "Rows", Columns: []PageTableColumn{{Name: "A"}, {Name: "B"}, {Name: "C"}}}
	for i := range 10_000 {
		cfg.Rows = append(cfg.Rows, []any{PageLink{Text: fmt.Sprint("row ", i), URL: fmt.Sprint("/", i)}, i, "some text"})
	}
	var b strings.Builder
	began := time.Now()
	if err := PageTable(cfg).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("%d bytes in %v", b.Len(), took)
	if n := strings.Count(b.String(), "<tr "); n != 10_000 || took > 5*time.Second {
		t.Errorf("%d rows in %v", n, took)
	}
}

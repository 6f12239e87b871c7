package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/page"
	"fnregistry.dev/functions/infra/sse"
	"fnregistry.dev/functions/infra/work"
)

// gallery is the pages and the hub that their live parts follow.
type gallery struct {
	hub *sse.SSEHub
}

func newGallery(ctx context.Context) *gallery {
	return &gallery{sse.SSEHandler(ctx, sse.SSEHandlerConfig{})}
}

// exhibits are the pages, in the order of the tabs.
var exhibits = []struct {
	name string
	body func(*http.Request) page.PageComponent
}{
	{"table", table}, {"form", form}, {"text", text}, {"code", code}, {"log", logPane}, {"picture", picture}, {"chart", chart}, {"states", states},
}

func tabs() []page.PageLink {
	var all []page.PageLink
	for _, e := range exhibits {
		all = append(all, page.PageLink{Text: strings.ToUpper(e.name[:1]) + e.name[1:], URL: "/" + e.name})
	}
	return all
}

func (g *gallery) mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", page.PageAssets())
	mux.Handle("GET /favicon.ico", page.PageAssets())
	mux.Handle("GET /events", g.hub)
	mux.HandleFunc("GET /palette", func(w http.ResponseWriter, r *http.Request) {
		fnhttp.HTTPJSONWrite(
			w,
			http.StatusOK,
			[]page.PageLink{{Text: "found: " + r.FormValue("q"), URL: "/code", Hint: "an answer of the server"}},
		)
	})
	mux.Handle("GET /{$}", http.RedirectHandler("/table", http.StatusSeeOther))
	for _, e := range exhibits {
		mux.HandleFunc("GET /"+e.name, func(w http.ResponseWriter, r *http.Request) {
			body := e.body(r)
			if r.Header.Get("X-Fragment") == "" {
				body = page.PageShell(page.PageShellConfig{
					Title: e.name, Brand: "gallery", Tabs: tabs(), Path: r.URL.Path,
					Footer:  page.PageHTML(func(w *page.PageWriter) { w.Text("Every part of infra/page") }),
					Palette: page.PagePalette(page.PagePaletteConfig{Commands: tabs(), Search: "/palette?q="}),
				}, body)
			}
			page.PageRender(w, r, http.StatusOK, body)
		})
	}
	return mux
}

// tick publishes a line and a state at each interval, until ctx ends.
func (g *gallery) tick(ctx context.Context, interval time.Duration) {
	for n := 1; ; n++ {
		g.publish(ctx, n)
		if work.SleepContext(ctx, interval) != nil {
			return
		}
	}
}

func (g *gallery) publish(ctx context.Context, n int) {
	parts := map[string]page.PageComponent{
		"line":  page.PageLogLines([]string{fmt.Sprintf("\x1b[32m%04d\x1b[0m one more line", n)}),
		"state": page.PageFacts([]page.PageFact{{Name: "events", Value: n}}),
	}
	for name, part := range parts {
		if data, err := page.PageFragment(ctx, part); err == nil {
			g.hub.Publish(name, sse.SSEEvent{Type: name, Data: data}) // an error means that the hub is closing
		}
	}
}

// stack is a sequence of parts, each with a heading.
func stack(title string, parts ...any) page.PageComponent {
	return page.PageHTML(func(w *page.PageWriter) {
		w.Element("h1", title)
		for _, part := range parts {
			switch part := part.(type) {
			case string:
				w.Element("h2", part)
			case page.PageComponent:
				w.Add(part)
			}
		}
	})
}

func table(r *http.Request) page.PageComponent {
	names := []string{"backup", "cleanup", "fetch-feeds", "מגבה", "<script>alert(1)</script>", "report"}
	cfg := page.PageTableConfig{
		Name: "Jobs", Path: "/table", Query: r.URL.Query(), Filter: true, Next: "report", Before: "backup",
		Columns: []page.PageTableColumn{{Name: "Name", Key: "name"}, {Name: "Last run", Key: "run"}, {Name: "Runs", Key: "runs", Number: true}, {Name: "Load"}},
		Facets:  []page.PageFacet{{Name: "state", Values: []page.PageFacetValue{{Value: "ok", Count: 5}, {Value: "failed", Count: 1}}}},
	}
	for i, name := range names {
		if strings.Contains(name, r.FormValue("q")) {
			cfg.Rows = append(cfg.Rows, []any{
				page.PageLink{Text: name, URL: "/form"}, time.Date(2026, 1, 2, 3, i, 5, 0, time.UTC), 10 * i,
				page.PageChart(page.PageChartConfig{Name: "Load", Kind: "spark", Series: []page.PageChartSeries{{Values: []float64{1, 4, 2, float64(i), 3}}}}),
			})
		}
	}
	if r.Header.Get("X-Fragment") == "table-rows" {
		return page.PageTableRows(cfg)
	}
	return stack("Table", page.PageTable(cfg))
}

func form(*http.Request) page.PageComponent {
	return stack("Form", page.PageForm(page.PageFormConfig{Action: "/form", Post: true, Error: "The job can't be saved yet.", Fields: []page.PageFormField{
		{Name: "name", Label: "Name", Value: "backup", Error: "there is one of this name", Hint: "lower-case letters", Required: true},
		{Name: "every", Label: "Every", Type: "select", Value: "day", Options: []page.PageFormOption{{Value: "hour", Label: "hour"}, {Value: "day", Label: "day"}}},
		{Name: "text", Label: "Command", Type: "textarea", Value: "tar czf …"},
		{Name: "secret", Label: "Password", Type: "password"},
		{Name: "on", Label: "Switched on", Type: "checkbox", Value: "yes", Checked: true},
	}, Submit: "Save"}))
}

func text(*http.Request) page.PageComponent {
	links := []page.PageLink{{Text: "all", URL: "/text", Current: true}, {Text: "failed", URL: "/text?state=failed"}}
	return stack("Text", page.PageTags("States", links), page.PageHits([]page.PageHit{
		{Name: page.PageLink{Text: "backup", URL: "/form"}, Badges: []string{"job", "daily"}, End: "12 runs", Text: "Saves the data to another machine.",
			Code: "tar --create --gzip --file /var/backups/data.tar.gz --exclude-from /etc/backup.exclude /srv/data /etc /home", Tags: links},
		{Name: page.PageLink{Text: "גיבוי", URL: "/form"}, Badges: []string{"job"}, Text: "טקסט מימין לשמאל, with a bit of English."},
	}), "Facts", page.PageFacts([]page.PageFact{
		{Name: "started", Value: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, {Name: "tries", Value: 3}, {Name: "log", Value: links[0]}, {Name: "tags", Value: links},
	}))
}

func code(*http.Request) page.PageComponent {
	part := func(language, text string) page.PageComponent {
		return page.PageCode(page.PageCodeConfig{Language: language, Text: text, Name: language})
	}
	return stack("Code", page.PageCode(page.PageCodeConfig{
		Name: "main.go", Language: "go", Numbers: true, Text: "package main\n\n// main greets.\nfunc main() {\n\tprintln(\"hello\", 42, core.Error{})\n}",
		Link: func(name string) string {
			if name == "core.Error" {
				return "/text"
			}
			return ""
		},
	}), "SQL", part("sql", "SELECT name, count(*) FROM jobs -- all\nWHERE state = 'failed' GROUP BY name"),
		"JSON", part("json", `{"name": "backup", "runs": 12, "on": true}`), "Shell", part("sh", "if [ -f x ]; then echo \"$x\"; fi # done"),
		"Text that turns round", part("go", "if admin { /*\u202e } \u2066if deny\u2069 \u2066 begin */ }"))
}

func logPane(*http.Request) page.PageComponent {
	var lines []string
	for i := range 60 {
		lines = append(lines, fmt.Sprintf("\x1b[90m12:00:%02d\x1b[0m \x1b[3%dmline %d\x1b[0m of a run", i, i%7+1, i))
	}
	return stack("Log", page.PageLog(page.PageLogConfig{Name: "Run 7", Lines: lines, Stream: "/events", Event: "line"}),
		"A live region", page.PageLive(page.PageLiveConfig{ID: "state", Name: "State", Stream: "/events", Event: "state"},
			page.PageFacts([]page.PageFact{{Name: "events", Value: 0}})))
}

func picture(*http.Request) page.PageComponent {
	steps := page.PagePictureConfig{
		Name: "Steps of a run", Path: []string{"fetch", "build", "release"},
		Nodes: []page.PagePictureNode{
			{ID: "fetch", Kind: "done", URL: "/text"}, {ID: "lint", Kind: "done"}, {ID: "build", Kind: "running"}, {ID: "test", Kind: "waiting"},
			{ID: "release", Kind: "waiting"}, {ID: "notify everybody who has asked for a message", Kind: "waiting"}, {ID: "שלום", Kind: "waiting"},
		},
		Edges: []page.PagePictureEdge{
			{From: "fetch", To: "lint"}, {From: "fetch", To: "build"}, {From: "build", To: "test"}, {From: "lint", To: "release"}, {From: "test", To: "release"},
			{From: "build", To: "release"}, {From: "release", To: "notify everybody who has asked for a message"}, {From: "release", To: "שלום"},
		},
	}
	grouped := page.PagePictureConfig{Name: "Packages", Group: true, Hub: 12}
	for i := range 60 {
		id := fmt.Sprint("unit_", i)
		grouped.Nodes = append(grouped.Nodes, page.PagePictureNode{ID: id, Group: fmt.Sprint("package", i/8), Kind: []string{"function", "type", "program"}[i%3], URL: "/text"})
		grouped.Edges = append(grouped.Edges, page.PagePictureEdge{From: id, To: "unit_0"}, page.PagePictureEdge{From: id, To: fmt.Sprint("unit_", i*7%60/2)})
	}
	return stack("Picture", page.PagePicture(steps), "Grouped, with a hub", page.PagePicture(grouped))
}

func chart(*http.Request) page.PageComponent {
	days := []string{"Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"}
	line := page.PageChartConfig{
		Name:   "Duration",
		Unit:   " ms",
		Series: []page.PageChartSeries{{Name: "median"}, {Name: "slowest"}},
	}
	heat := page.PageHeatmapConfig{Name: "Calls by day and hour"}
	for i := range 48 {
		line.Labels = append(line.Labels, fmt.Sprintf("%02d:%02d", i/2, i%2*30))
		v := 40 + 30*math.Sin(float64(i)/6)
		line.Series[0].Values = append(line.Series[0].Values, v)
		if i == 20 {
			v = math.NaN()
		}
		line.Series[1].Values = append(line.Series[1].Values, 2*v+float64(i%5)*9)
	}
	for hour := range 24 {
		heat.Columns = append(heat.Columns, fmt.Sprintf("%02d", hour))
	}
	for i, day := range days {
		row := page.PageHeatmapRow{Name: day}
		for hour := range 24 {
			row.Values = append(row.Values, float64((hour*7+i*11)%23))
		}
		row.Values[i] = math.NaN()
		heat.Rows = append(heat.Rows, row)
	}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	return stack("Chart", page.PageChart(line), page.PageChart(page.PageChartConfig{
		Name: "Runs", Kind: "bar", Labels: days,
		Series: []page.PageChartSeries{
			{Name: "ok", Values: []float64{12, 15, 9, 14, 11, 3, 2}},
			{Name: "failed", Values: []float64{0, 2, 1, 0, 4, 0, 1}},
		},
	}), page.PageHeatmap(heat), page.PageTimeline(page.PageTimelineConfig{Name: "A run", Now: at(100), Spans: []page.PageTimelineSpan{
		{Row: "fetch", Start: at(0), End: at(12), URL: "/log"}, {Row: "build", Start: at(12), End: at(61)}, {Row: "lint", Start: at(12), End: at(30), Status: "failed"},
		{Row: "test", Start: at(61), Status: "running"}, {Row: "release", Start: at(99), Status: "waiting"},
	}}))
}

func states(*http.Request) page.PageComponent {
	links := []page.PageLink{{Text: "All jobs", URL: "/table"}}
	return stack("States", "Nothing there", page.PageNotice(page.PageNoticeConfig{Kind: "empty", Title: "No job has run yet.", Text: "The first one runs at midnight.", Links: links}),
		"Something to notice", page.PageNotice(page.PageNoticeConfig{Text: "The list is an hour old."}),
		"Something wrong", page.PageNotice(page.PageNoticeConfig{Kind: "error", Title: "The job can't be read.", Text: "line 3: \"evry\" is unknown", Hint: "did you mean every?", Links: links}),
		"All well", page.PageNotice(page.PageNoticeConfig{Kind: "good", Text: "Saved."}),
		"Empty parts", page.PageTable(page.PageTableConfig{Name: "Runs", Path: "/states"}), page.PagePicture(page.PagePictureConfig{Name: "Nothing to draw"}),
		page.PageChart(page.PageChartConfig{Name: "Runs"}))
}

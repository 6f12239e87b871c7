package metrics_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/metrics"
)

func text(t *testing.T, r *metrics.MetricsTextRegistry) string {
	t.Helper()
	var b strings.Builder
	if n, err := r.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("%d of %d bytes: %v", n, b.Len(), err)
	}
	return b.String()
}

func wantText(t *testing.T, r *metrics.MetricsTextRegistry, want string) {
	t.Helper()
	if got := text(t, r); got != strings.TrimPrefix(want, "\n") {
		t.Errorf("got\n%s\nwant%s", got, want)
	}
}

func TestMetricsText_Page(t *testing.T) {
	t.Parallel()
	r := metrics.MetricsText(metrics.MetricsTextConfig{})
	if got := text(t, r); got != "" {
		t.Errorf("an empty registry shows %q", got)
	}
	r.Counter("unused_total", "Has labels and no series.", "a")
	requests := r.Counter("requests_total", "Requests answered.", "method", "code")
	requests.Inc("POST", "500")
	requests.Add(2.5, "GET", "200")
	requests.Inc("GET", "200")
	r.Counter("untouched_total", "Has no labels.")
	jobs := r.Gauge("jobs", "Jobs\nrunning \\ waiting.")
	jobs.Set(7)
	jobs.Add(-10)
	r.GaugeFunc("ratio", "", func() float64 { return math.Inf(-1) })
	r.CounterFunc("ticks_total", "Ticks.", func() float64 { return 1e21 })
	seconds := r.Histogram("seconds", "Time taken.", []float64{0.1, 1}, "op")
	for _, v := range []float64{0.1, 0.05, 0.5, 30} { // a bound belongs to its bucket
		seconds.Observe(v, "read")
	}
	bytes := r.Summary("bytes", "Size.", []float64{0, 0.5, 1})
	bytes.Observe(100)
	bytes.Observe(100)
	r.Summary("none", "Nothing yet.", []float64{0.5})
	wantText(t, r, `
# HELP bytes Size.
# TYPE bytes summary
bytes{quantile="0"} 100
bytes{quantile="0.5"} 100
bytes{quantile="1"} 100
bytes_sum 200
bytes_count 2
# HELP jobs Jobs\nrunning \\ waiting.
# TYPE jobs gauge
jobs -3
# HELP none Nothing yet.
# TYPE none summary
none{quantile="0.5"} NaN
none_sum 0
none_count 0
# HELP ratio 
# TYPE ratio gauge
ratio -Inf
# HELP requests_total Requests answered.
# TYPE requests_total counter
requests_total{method="GET",code="200"} 3.5
requests_total{method="POST",code="500"} 1
# HELP seconds Time taken.
# TYPE seconds histogram
seconds_bucket{op="read",le="0.1"} 2
seconds_bucket{op="read",le="1"} 3
seconds_bucket{op="read",le="+Inf"} 4
seconds_sum{op="read"} 30.65
seconds_count{op="read"} 4
# HELP ticks_total Ticks.
# TYPE ticks_total counter
ticks_total 1e+21
# HELP untouched_total Has no labels.
# TYPE untouched_total counter
untouched_total 0
`)
}

func TestMetricsText_LabelValues(t *testing.T) {
	t.Parallel()
	r := metrics.MetricsText(metrics.MetricsTextConfig{})
	seen := r.Counter("seen_total", "Values from outside.", "a", "b")
	for _, values := range [][2]string{
		{`"}` + "\n" + `evil_total 1` + "\n", `\`},
		{"", "é 世\t\x00"},
		{"bad \xff utf8", "x"}, {"bad \xff utf8", "x"}, // twice: one series
		{"p\xff", "q"}, {"p", "\xffq"}, // the same bytes when joined
		{strings.Repeat("l", 200), "x"}, {strings.Repeat("l", 300), "x"}, // cut to the same
		{strings.Repeat("l", 127) + "é", "x"}, // cut before a character, not in it
	} {
		seen.Inc(values[0], values[1])
	}
	long := strings.Repeat("l", 127)
	wantText(t, r, "\n# HELP seen_total Values from outside.\n# TYPE seen_total counter\n"+
		`seen_total{a="\"}\nevil_total 1\n",b="\\"} 1`+"\n"+
		"seen_total{a=\"bad \uFFFD utf8\",b=\"x\"} 2\n"+
		`seen_total{a="`+long+`l",b="x"} 2`+"\n"+
		`seen_total{a="`+long+`",b="x"} 1`+"\n"+
		"seen_total{a=\"p\uFFFD\",b=\"q\"} 1\n"+
		"seen_total{a=\"p\",b=\"\uFFFDq\"} 1\n"+
		"seen_total{a=\"\",b=\"é 世\t\x00\"} 1\n")
}

func TestMetricsText_MaxSeries(t *testing.T) {
	t.Parallel()
	r := metrics.MetricsText(metrics.MetricsTextConfig{MaxSeries: 2})
	paths := r.Counter("paths_total", "By path.", "path", "code")
	for i := range 1000 {
		paths.Inc("/"+strconv.Itoa(i), "200")
	}
	paths.Inc("/1", "200")
	wantText(t, r, `
# HELP paths_total By path.
# TYPE paths_total counter
paths_total{path="/0",code="200"} 1
paths_total{path="/1",code="200"} 2
paths_total{path="_overflow",code="_overflow"} 998
`)
	byDefault := metrics.MetricsText(metrics.MetricsTextConfig{})
	gauge := byDefault.Gauge("g", "", "i")
	for i := range 5000 {
		gauge.Set(1, strconv.Itoa(i))
	}
	if got := strings.Count(text(t, byDefault), "\ng{"); got != 1001 {
		t.Errorf("%d series, want 1000 and the overflow", got)
	}
}

func TestMetricsText_NotCounted(t *testing.T) {
	t.Parallel()
	r := metrics.MetricsText(metrics.MetricsTextConfig{})
	c, h, s := r.Counter("c_total", ""), r.Histogram("h", "", []float64{1}), r.Summary("s", "", []float64{0.5})
	c.Add(-1)
	c.Add(math.NaN())
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		h.Observe(bad)
		s.Observe(bad)
	}
	wantText(t, r, `
# HELP c_total 
# TYPE c_total counter
c_total 0
# HELP h 
# TYPE h histogram
h_bucket{le="1"} 0
h_bucket{le="+Inf"} 0
h_sum 0
h_count 0
# HELP s 
# TYPE s summary
s{quantile="0.5"} NaN
s_sum 0
s_count 0
`)
}

func TestMetricsText_SameAgain(t *testing.T) {
	t.Parallel()
	r := metrics.MetricsText(metrics.MetricsTextConfig{})
	for range 3 {
		r.Counter("c_total", "C.", "a").Inc("x")
		r.Histogram("h", "H.", nil).Observe(1)
		r.Summary("s", "S.", nil).Observe(1)
	}
	got := text(t, r)
	for _, line := range []string{`c_total{a="x"} 3`, "h_count 3", "s_count 3"} {
		if !strings.Contains(got, "\n"+line+"\n") {
			t.Errorf("no %s in\n%s", line, got)
		}
	}
}

func TestMetricsText_Mistakes(t *testing.T) {
	t.Parallel()
	value := func() float64 { return 0 }
	for name, mistake := range map[string]func(r *metrics.MetricsTextRegistry){
		"empty name":              func(r *metrics.MetricsTextRegistry) { r.Counter("", "") },
		"name with a digit first": func(r *metrics.MetricsTextRegistry) { r.Counter("1a", "") },
		"name with a dash":        func(r *metrics.MetricsTextRegistry) { r.Counter("a-b", "") },
		"name that is not ASCII":  func(r *metrics.MetricsTextRegistry) { r.Counter("ä", "") },
		"label with a colon":      func(r *metrics.MetricsTextRegistry) { r.Gauge("g", "", "a:b") },
		"label with __":           func(r *metrics.MetricsTextRegistry) { r.Gauge("g", "", "__name__") },
		"label twice":             func(r *metrics.MetricsTextRegistry) { r.Gauge("g", "", "a", "a") },
		"le":                      func(r *metrics.MetricsTextRegistry) { r.Histogram("h", "", nil, "le") },
		"quantile":                func(r *metrics.MetricsTextRegistry) { r.Summary("s", "", nil, "quantile") },
		"falling bounds":          func(r *metrics.MetricsTextRegistry) { r.Histogram("h", "", []float64{2, 1}) },
		"infinite bound":          func(r *metrics.MetricsTextRegistry) { r.Histogram("h", "", []float64{1, math.Inf(1)}) },
		"quantile over 1":         func(r *metrics.MetricsTextRegistry) { r.Summary("s", "", []float64{50}) },
		"another kind":            func(r *metrics.MetricsTextRegistry) { r.Counter("taken", "", "a") },
		"other labels":            func(r *metrics.MetricsTextRegistry) { r.Gauge("taken", "", "b") },
		"a function in its place": func(r *metrics.MetricsTextRegistry) { r.GaugeFunc("taken", "", value) },
		"other bounds":            func(r *metrics.MetricsTextRegistry) { r.Histogram("hist", "", []float64{1, 2}) },
		"a function twice":        func(r *metrics.MetricsTextRegistry) { r.GaugeFunc("func", "", value) },
		"a histogram's line":      func(r *metrics.MetricsTextRegistry) { r.Counter("hist_count", "") },
		"a name that is taken":    func(r *metrics.MetricsTextRegistry) { r.Summary("lone", "", nil) },
		"too few values":          func(r *metrics.MetricsTextRegistry) { r.Gauge("taken", "", "a").Set(1) },
		"too many values":         func(r *metrics.MetricsTextRegistry) { r.Gauge("taken", "", "a").Set(1, "x", "y") },
	} {
		r := metrics.MetricsText(metrics.MetricsTextConfig{})
		r.Gauge("taken", "", "a")
		r.GaugeFunc("func", "", value)
		r.Histogram("hist", "", []float64{1})
		r.Counter("lone_sum", "")
		before := text(t, r)
		func() {
			defer func() {
				if err, ok := recover().(*core.Error); !ok || err.Code != core.CodeInvalid || !strings.HasPrefix(err.Op, "metrics_text ") {
					t.Errorf("%s: got %v", name, err)
				}
			}()
			mistake(r)
			t.Errorf("%s: no panic", name)
		}()
		if after := text(t, r); after != before {
			t.Errorf("%s: it left\n%s", name, after)
		}
	}
}

func TestMetricsText_SummaryForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := metrics.MetricsText(metrics.MetricsTextConfig{})
		s := r.Summary("s", "", []float64{1})
		want := func(most string, count int) {
			t.Helper()
			if got := text(t, r); !strings.Contains(got, "s{quantile=\"1\"} "+most+"\n") || !strings.Contains(got, fmt.Sprintf("s_count %d\n", count)) {
				t.Errorf("want %s and %d, got\n%s", most, count, got)
			}
		}
		s.Observe(100)
		time.Sleep(4 * time.Minute)
		s.Observe(1)
		time.Sleep(5 * time.Minute) // at 9: the second sketch has started, the first still counts
		want("100", 2)
		s.Observe(2)
		time.Sleep(6 * time.Minute) // at 15: the first is gone
		want("2", 3)
		time.Sleep(20 * time.Minute) // long silence: both are gone at once
		want("NaN", 3)
		s.Observe(3)
		want("3", 4)
	})
}

func TestMetricsText_HTTP(t *testing.T) {
	t.Parallel()
	r := metrics.MetricsText(metrics.MetricsTextConfig{})
	r.Gauge("g", "G.").Set(1)
	server := httptest.NewServer(r)
	defer server.Close()
	for _, c := range []struct {
		method, accept string
		status         int
	}{
		{"GET", "", 200},
		{"HEAD", "", 200},
		{"POST", "", 405},
		{"GET", "*/*", 200},
		{"GET", "text/html,application/xhtml+xml,*/*;q=0.8", 200},                                                                                // a browser
		{"GET", "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", 200}, // Prometheus 3
		{"GET", "text/plain", 200},
		{"GET", "TEXT/Plain ; Version=0.0.4", 200},
		{"GET", "text/*;q=0.1", 200},
		{"GET", "application/openmetrics-text", 406},
		{"GET", "text/plain;version=1.0.0", 406},
		{"GET", "text/plain;q=0, */*", 406},
		{"GET", "*/*;q=0", 406},
		{"GET", "application/json, ///", 406},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.accept != "" {
			req.Header.Set("Accept", c.accept)
		}
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != c.status {
			t.Errorf("%s %q: got %v %d, want %d", c.method, c.accept, err, res.StatusCode, c.status)
		}
		if c.status != 200 {
			continue
		}
		if got := res.Header.Get("Content-Type"); got != "text/plain; version=0.0.4; charset=utf-8" {
			t.Errorf("%q: content type %q", c.accept, got)
		}
		want := text(t, r)
		if res.ContentLength != int64(len(want)) || (c.method == "GET") != (string(body) == want) {
			t.Errorf("%s: %d bytes announced, got %q", c.method, res.ContentLength, body)
		}
	}
}

func TestMetricsText_WriteFails(t *testing.T) {
	t.Parallel()
	r := metrics.MetricsText(metrics.MetricsTextConfig{})
	r.Gauge("g", "")
	read, write := io.Pipe()
	broken := errors.New("broken")
	read.CloseWithError(broken)
	if _, err := r.WriteTo(write); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// No count is lost among many goroutines, and pages are consistent meanwhile.
func TestMetricsText_Parallel(t *testing.T) {
	t.Parallel()
	r := metrics.MetricsText(metrics.MetricsTextConfig{MaxSeries: 5})
	var workers sync.WaitGroup
	for i := range 8 {
		workers.Go(func() {
			c, h, s := r.Counter("c_total", "", "i"), r.Histogram("h", "", nil), r.Summary("s", "", nil)
			for range 500 {
				c.Inc(strconv.Itoa(i))
				h.Observe(0.5)
				s.Observe(0.5)
			}
			if page := text(t, r); !strings.HasSuffix(page, "\n") || !utf8.ValidString(page) {
				t.Errorf("got %q", page)
			}
		})
	}
	workers.Wait()
	got := text(t, r)
	for _, want := range []string{`c_total{i="_overflow"} 1500`, "h_count 4000", "h_sum 2000", "s_count 4000", "s_sum 2000"} {
		if !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

// Whatever a label value is, it stays within its quotes: the page has its three
// lines. Whatever Accept is, there is a response.
func FuzzMetricsText(f *testing.F) {
	f.Add("GET", "200", "text/plain;version=0.0.4;q=0.3,*/*;q=0.2")
	f.Add("\"} 1\nevil 1\n", "\\", "text/plain; q=\"0,1\"")
	f.Add("\xff", strings.Repeat("é", 100), ",;=/*")
	f.Fuzz(func(t *testing.T, a, b, accept string) {
		r := metrics.MetricsText(metrics.MetricsTextConfig{})
		r.Counter("c_total", "", "a", "b").Inc(a, b)
		got := text(t, r)
		if !utf8.ValidString(got) || strings.Count(got, "\n") != 3 || !strings.HasSuffix(got, "\"} 1\n") {
			t.Errorf("got %q", got)
		}
		res := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.Header.Set("Accept", accept)
		r.ServeHTTP(res, req)
		if ok := res.Code == 200 && res.Body.String() == got; !ok && res.Code != 406 {
			t.Errorf("status %d", res.Code)
		}
	})
}

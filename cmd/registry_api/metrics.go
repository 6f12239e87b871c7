package main

import (
	"net/http"

	"fnregistry.dev/cmd/registry_api/live"
	"fnregistry.dev/fn_registry/registry"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/metrics"
)

// counters are the program's metrics.
type counters struct {
	page    *metrics.MetricsTextRegistry
	observe func(fnhttp.HTTPAccessLogRecord) // counts a request
	reads   *metrics.Counter
	reading *metrics.Histogram
}

func newCounters() *counters {
	page := metrics.MetricsText(metrics.MetricsTextConfig{})
	return &counters{
		page:    page,
		observe: fnhttp.HTTPMetrics(page),
		reads:   page.Counter("registry_refreshes_total", "Looks at all files of the repositories.", "result"),
		reading: page.Histogram("registry_refresh_duration_seconds", "Time that a look at all files took.", nil),
	}
}

// refreshed counts a check of the files.
func (c *counters) refreshed(r live.Refresh) {
	result := "ok"
	if r.Err != nil {
		result = "error"
	}
	c.reads.Inc(result)
	c.reading.Observe(r.Took.Seconds())
}

// handler serves the metrics, including those that are computed from the
// registry when they are read.
func (c *counters) handler(l *live.Live) http.Handler {
	gauge := func(name, help string, value func(*registry.State) float64) {
		c.page.GaugeFunc(name, help, func() float64 {
			if s := l.State(); s != nil {
				return value(s)
			}
			return 0
		})
	}
	gauge("registry_ready", "Whether the repositories are loaded.", func(*registry.State) float64 { return 1 })
	gauge("registry_units", "Units known.", func(s *registry.State) float64 { return float64(s.Index.Len()) })
	gauge("registry_generation", "Raised by each change that was found.", func(s *registry.State) float64 { return float64(s.Generation) })
	gauge("registry_findings", "What the linter finds, 0 until somebody asks.", func(s *registry.State) float64 {
		if found := s.Stats().Findings; found != nil {
			return float64(*found)
		}
		return 0
	})
	gauge("registry_swept_timestamp_seconds", "When all files were last looked at, 0 before the first time.", func(*registry.State) float64 {
		if at := l.Freshness().SweptAt; at != nil {
			return float64(at.UnixNano()) / 1e9
		}
		return 0
	})
	gauge("registry_watching", "Whether changes of files are noticed as they happen.", func(*registry.State) float64 {
		if l.Freshness().Watching {
			return 1
		}
		return 0
	})
	return c.page
}

package matrixsync

import (
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/metrics"
)

// syncMetrics counts for one user. A nil one counts nothing.
type syncMetrics struct {
	user        string
	requests    *metrics.Counter
	failures    *metrics.Counter
	events      *metrics.Counter
	lag         *metrics.Gauge
	lastSuccess *metrics.Gauge
	buffered    *metrics.Gauge
}

func newSyncMetrics(cfg MatrixSyncServiceConfig) *syncMetrics {
	r := cfg.Metrics
	if r == nil {
		return nil
	}
	return &syncMetrics{
		user:     string(cfg.Client.UserID),
		requests: r.Counter("matrix_sync_requests_total", "Sync requests sent.", "user"),
		failures: r.Counter("matrix_sync_failures_total", "Failures of syncs, by error code.", "user", "kind"),
		events: r.Counter("matrix_sync_events_total",
			"Events delivered, by type (unknown types are \"other\") and kind.", "user", "type", "kind"),
		lag: r.Gauge("matrix_sync_lag_seconds",
			"From the timestamp of the last delivered event to its delivery, by two machines' clocks.", "user"),
		lastSuccess: r.Gauge("matrix_sync_last_success_timestamp_seconds",
			"When a response was last stored and its events delivered.", "user"),
		buffered: r.Gauge("matrix_sync_queue_depth",
			"Delivered events that the consumer has not received, when the last one was added.", "user"),
	}
}

func (m *syncMetrics) request() {
	if m != nil {
		m.requests.Inc(m.user)
	}
}

func (m *syncMetrics) fail(err error) {
	if m != nil {
		m.failures.Inc(m.user, string(core.ErrorCode(err)))
	}
}

func (m *syncMetrics) succeed() {
	if m != nil {
		m.lastSuccess.Set(float64(time.Now().UnixMilli())/1000, m.user)
	}
}

func (m *syncMetrics) deliver(e *matrix.MatrixSyncEvent, buffered int) {
	if m == nil {
		return
	}
	m.events.Inc(m.user, typeLabel(e.Type), string(e.Kind))
	m.buffered.Set(float64(buffered), m.user)
	if !e.Timestamp.IsZero() {
		m.lag.Set(max(0, time.Since(e.Timestamp).Seconds()), m.user)
	}
}

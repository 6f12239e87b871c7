package matrixoutbox

import (
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/metrics"
)

// outboxMetrics counts for one user. A nil one counts nothing.
type outboxMetrics struct {
	user      string
	sent      *metrics.Histogram
	failures  *metrics.Counter
	recovered *metrics.Counter
	parked    *metrics.Counter
	queued    *metrics.Gauge
	parkedNow *metrics.Gauge
	oldest    *metrics.Gauge
}

func newOutboxMetrics(r *metrics.MetricsTextRegistry, user string) *outboxMetrics {
	if r == nil {
		return nil
	}
	return &outboxMetrics{
		user:      user,
		sent:      r.Histogram("matrix_outbox_send_seconds", "How long the server took to accept an event.", nil, "user"),
		failures:  r.Counter("matrix_outbox_failures_total", "Tries that failed, by error code.", "user", "kind"),
		recovered: r.Counter("matrix_outbox_recovered_total", "Events that were found to have been sent after their response was lost.", "user"),
		parked:    r.Counter("matrix_outbox_parked_total", "Items that were parked.", "user"),
		queued:    r.Gauge("matrix_outbox_queue_depth", "Items that wait to be sent.", "user"),
		parkedNow: r.Gauge("matrix_outbox_parked_items", "Items that are parked.", "user"),
		oldest:    r.Gauge("matrix_outbox_oldest_seconds", "Age of the oldest item that waits to be sent.", "user"),
	}
}

func (m *outboxMetrics) send(took time.Duration) {
	if m != nil {
		m.sent.Observe(took.Seconds(), m.user)
	}
}

func (m *outboxMetrics) fail(err error) {
	if m != nil {
		m.failures.Inc(m.user, string(core.ErrorCode(err)))
	}
}

func (m *outboxMetrics) recover() {
	if m != nil {
		m.recovered.Inc(m.user)
	}
}

func (m *outboxMetrics) park() {
	if m != nil {
		m.parked.Inc(m.user)
	}
}

func (m *outboxMetrics) depth(status MatrixOutboxStatus) {
	m.queued.Set(float64(status.Queued), m.user)
	m.parkedNow.Set(float64(status.Parked), m.user)
	m.oldest.Set(status.Oldest.Seconds(), m.user)
}

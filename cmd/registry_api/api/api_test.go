package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"fnregistry.dev/fn_registry/registry"
)

// sweeping is a source whose files are checked during a request: a new state
// arrives with the time of the check.
type sweeping struct{ state *registry.State }

func (s *sweeping) State() *registry.State { return s.state }

func (s *sweeping) Freshness() Freshness {
	s.state = &registry.State{Generation: s.state.Generation + 1}
	now := time.Now()
	return Freshness{SweptAt: &now}
}

// TestAPI_FreshnessOfAnswer: a response's state is no older than its
// Registry-Swept-At.
func TestAPI_FreshnessOfAnswer(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	New(Config{Source: &sweeping{&registry.State{Generation: 1}}, Metrics: http.NotFoundHandler()}).Mount(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil))
	if got := w.Header().Get("Registry-Generation"); w.Code != http.StatusOK || got != "2" {
		t.Errorf("status %d, generation %q with the time of the look that made generation 2", w.Code, got)
	}
}

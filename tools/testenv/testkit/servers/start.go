package servers

import (
	"maps"
	"net/http"
	"testing"
)

// Server is a server of a test's own.
type Server struct {
	kind string
	url  string // of it in the control API
	auth string
	env  map[string]string
}

// Start starts a server that is the test's own, on the software that the run
// has, and returns when it answers. kind is postgres, clickhouse, keyring, or
// matrix (the run's kind of homeserver; matrix=dendrite and matrix=synapse
// choose). It ends, and its data go, when the test and its subtests have ended.
func Start(t testing.TB, kind string) *Server {
	t.Helper()
	control := need(t, kind, EnvControl, EnvControlToken)
	var answer struct {
		ID  string
		Env map[string]string
	}
	if err := callJSON(http.MethodPost, control[0]+"/v1/servers", control[1], map[string]string{"kind": kind}, &answer); err != nil {
		t.Fatalf("start %s: %v", kind, err)
	}
	s := &Server{kind: kind, url: control[0] + "/v1/servers/" + answer.ID, auth: control[1], env: answer.Env}
	t.Cleanup(func() {
		if err := callJSON(http.MethodDelete, s.url, s.auth, nil, nil); err != nil {
			t.Errorf("end %s: %v", kind, err)
		}
	})
	return s
}

// Env returns how to reach it, under the same names that the run's servers have
// in the environment.
func (s *Server) Env() map[string]string { return maps.Clone(s.env) }

// Postgres returns its URL; the server must be one.
func (s *Server) Postgres(t testing.TB) string {
	t.Helper()
	return s.need(t, EnvPostgresURL)[0]
}

// ClickHouse returns how to reach it; the server must be one.
func (s *Server) ClickHouse(t testing.TB) ClickHouseServer {
	t.Helper()
	env := s.need(t, EnvClickHouseAddr, EnvClickHousePassword)
	return ClickHouseServer{Addr: env[0], User: "default", Password: env[1]}
}

// Matrix returns how to reach it; the server must be a homeserver.
func (s *Server) Matrix(t testing.TB) Homeserver {
	t.Helper()
	env := s.need(t, EnvMatrixURL, EnvMatrixServerName, EnvMatrixSharedSecret, EnvMatrixKind)
	return Homeserver{URL: env[0], ServerName: env[1], SharedSecret: env[2], Kind: env[3]}
}

func (s *Server) need(t testing.TB, keys ...string) []string {
	t.Helper()
	values := make([]string, len(keys))
	for i, key := range keys {
		if values[i] = s.env[key]; values[i] == "" {
			t.Fatalf("the server is a %s: it has no %s", s.kind, key)
		}
	}
	return values
}

// Kill ends all of its processes by SIGKILL, and returns when they are gone.
// Its data stay.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.do(t, "kill")
}

// Stop ends it gracefully, and returns when it is gone. Its data stay.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.do(t, "stop")
}

// Restart starts it again on the same port with the same data, and returns when
// it answers. If it still runs, it is stopped first.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.do(t, "restart")
}

func (s *Server) do(t testing.TB, action string) {
	t.Helper()
	if err := callJSON(http.MethodPost, s.url+"/"+action, s.auth, nil, nil); err != nil {
		t.Fatalf("%s %s: %v", action, s.kind, err)
	}
}

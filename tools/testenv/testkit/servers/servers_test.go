package servers

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
)

// recorder stands for a test that lacks a server.
type recorder struct {
	testing.TB
	failed, skipped string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// told returns the message to a test that requests a server.
func told(ask func(testing.TB)) *recorder {
	r := new(recorder)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ask(r)
	}()
	<-done
	return r
}

var asks = map[string]struct {
	env string
	ask func(testing.TB)
}{
	"postgres":   {EnvPostgresURL, func(t testing.TB) { Postgres(t) }},
	"clickhouse": {EnvClickHousePassword, func(t testing.TB) { ClickHouse(t) }},
	"keyring":    {EnvSessionBus, func(t testing.TB) { Keyring(t) }},
	"matrix":     {EnvMatrixSharedSecret, func(t testing.TB) { Matrix(t) }},
	"start":      {EnvControlToken, func(t testing.TB) { Start(t, "postgres") }},
}

func TestMissing_FailsAndSaysWhatToDo(t *testing.T) {
	t.Setenv(EnvSkip, "")
	for name, test := range asks {
		t.Run(name, func(t *testing.T) {
			t.Setenv(test.env, "")
			r := told(test.ask)
			if r.skipped != "" || !strings.Contains(r.failed, "run make test, or: go run ./tools/testenv up") {
				t.Errorf("failed %q, skipped %q", r.failed, r.skipped)
			}
		})
	}
}

func TestMissing_SkipsOutLoud(t *testing.T) {
	t.Setenv(EnvSkip, "1")
	for name, test := range asks {
		t.Run(name, func(t *testing.T) {
			t.Setenv(test.env, "")
			r := told(test.ask)
			if r.failed != "" || !strings.Contains(r.skipped, "SKIP_SERVERS=1") {
				t.Errorf("failed %q, skipped %q", r.failed, r.skipped)
			}
		})
	}
}

// SKIP_SERVERS does not skip servers that are available.
func TestThere_NotSkipped(t *testing.T) {
	t.Setenv(EnvSkip, "1")
	t.Setenv(EnvPostgresURL, "postgres://x")
	var got string
	if r := told(func(t testing.TB) { got = Postgres(t) }); r.skipped != "" || r.failed != "" || got != "postgres://x" {
		t.Errorf("%q, failed %q, skipped %q", got, r.failed, r.skipped)
	}
}

func TestStart_UnknownKind(t *testing.T) {
	t.Parallel()
	need(t, "control", EnvControl, EnvControlToken)
	if r := told(func(t testing.TB) { Start(t, "postgrs") }); !strings.Contains(r.failed, "did you mean postgres?") {
		t.Errorf("told %q", r.failed)
	}
}

func TestStart_EachKindHasItsEnv(t *testing.T) {
	t.Parallel()
	for kind, check := range map[string]func(testing.TB, *Server) string{
		"postgres":   func(t testing.TB, s *Server) string { return hostOf(t, s.Postgres(t)) },
		"clickhouse": func(t testing.TB, s *Server) string { return s.ClickHouse(t).Addr },
		"matrix":     func(t testing.TB, s *Server) string { return hostOf(t, s.Matrix(t).URL) },
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := Start(t, kind)
			addr := check(t, s)
			for _, do := range []func(testing.TB){s.Kill, s.Stop} {
				s.Restart(t)
				if !listens(addr) {
					t.Error("it does not listen after a restart")
				}
				do(t)
				if listens(addr) {
					t.Error("it listens when it was ended")
				}
			}
		})
	}
	t.Run("keyring", func(t *testing.T) {
		t.Parallel()
		s := Start(t, "keyring")
		if env := s.Env(); env[EnvKeyring] != "1" || env[EnvSessionBus] == "" {
			t.Errorf("%v", env)
		}
		if r := told(func(t testing.TB) { s.Postgres(t) }); !strings.Contains(r.failed, "the server is a keyring") {
			t.Errorf("told %q", r.failed)
		}
	})
}

func hostOf(t testing.TB, at string) string {
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func listens(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// A test's server ends with the test.
func TestStart_EndsWithTest(t *testing.T) {
	t.Parallel()
	// Skipped as a whole, because the end of the subtest is checked.
	need(t, "clickhouse", EnvControl, EnvControlToken)
	var addr string
	skipped := false
	t.Run("inner", func(t *testing.T) {
		t.Cleanup(func() { skipped = t.Skipped() })
		addr = Start(t, "clickhouse").ClickHouse(t).Addr
	})
	if skipped {
		t.Skip("its server was left out")
	}
	if addr == "" || listens(addr) {
		t.Errorf("%q still listens", addr)
	}
}

func TestNewUser_SameNameTwice(t *testing.T) {
	t.Parallel()
	h := Matrix(t)
	seen := make(map[string]bool)
	for range 2 {
		user := h.NewUser(t, "alice")
		if seen[user.ID] || !strings.HasPrefix(user.ID, "@alice-") || !strings.HasSuffix(user.ID, ":"+h.ServerName) {
			t.Errorf("user %q", user.ID)
		}
		seen[user.ID] = true
		if who := whoami(t, h, user.AccessToken); who != [2]string{user.ID, user.DeviceID} {
			t.Errorf("whoami: %q", who)
		}
	}
	wrong := h
	wrong.SharedSecret = "wrong"
	if r := told(func(t testing.TB) { wrong.NewUser(t, "mallory") }); !strings.Contains(r.failed, "403") || strings.Contains(r.failed, h.SharedSecret) {
		t.Errorf("with a wrong secret: %q", r.failed)
	}
}

// whoami returns user and device of an access token.
func whoami(t *testing.T, h Homeserver, token string) [2]string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/_matrix/client/v3/account/whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		UserID   string `json:"user_id"`
		DeviceID string `json:"device_id"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return [2]string{answer.UserID, answer.DeviceID}
}

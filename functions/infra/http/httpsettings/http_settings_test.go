package httpsettings_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpsettings"
	"fnregistry.dev/functions/infra/program"
)

const token = "0123456789abcdef"

type settings struct {
	httpsettings.HTTPSettings
}

func load(t *testing.T, env map[string]string, args ...string) (*settings, error) {
	t.Helper()
	result, err := program.ProgramConfig(context.Background(), program.ProgramConfigSources[settings]{
		Program: "app", Defaults: settings{httpsettings.HTTPSettings{Addr: "127.0.0.1:8080"}}, Args: args,
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	})
	return &result.Config, err
}

func quiet(next http.Handler, s *settings) (http.Handler, error) {
	cfg := s.Stack()
	cfg.Logger = slog.New(slog.DiscardHandler)
	return fnhttp.HTTPStack(next, cfg)
}

// status is what a request gets that comes from an address, names a host, and
// bears a token.
func status(t *testing.T, s *settings, from, host, token string) int {
	t.Helper()
	handler, err := quiet(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), s)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "http://"+host+"/", nil)
	r.RemoteAddr = from + ":5"
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code
}

func TestHTTPSettings_WhoIsAnswered(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	withToken := map[string]string{"APP_TOKEN_FILE": file}
	for _, c := range []struct {
		name              string
		env               map[string]string
		args              []string
		from, host, token string
		want              int
	}{
		{"this machine", nil, nil, "127.0.0.1", "127.0.0.1", "", 200},
		{"another one, no token is set", nil, []string{"--addr", "192.0.2.1:80"}, "192.0.2.7", "192.0.2.1", "", 403},
		{"another one with an empty token", nil, []string{"--addr", "192.0.2.1:80"}, "192.0.2.7", "192.0.2.1", " ", 403},
		{"another one without", withToken, []string{"--addr", "192.0.2.1:80"}, "192.0.2.7", "192.0.2.1", "", 401},
		{"another one with it", withToken, []string{"--addr", "192.0.2.1:80"}, "192.0.2.7", "192.0.2.1", token, 200},
		{"by a name", nil, []string{"--token-file", file, "--host", "app.example"}, "192.0.2.7", "app.example", token, 200},
		{"by a foreign name", withToken, nil, "192.0.2.7", "app.example", token, 403},
		{"behind a proxy", withToken, []string{"--behind-proxy"}, "127.0.0.1", "127.0.0.1", "", 401},
	} {
		s, err := load(t, c.env, c.args...)
		if err != nil {
			t.Fatal(c.name, err)
		}
		if got := status(t, s, c.from, c.host, c.token); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if s, _ := load(t, nil); s.Server().Addr != "127.0.0.1:8080" {
		t.Errorf("%+v", s.Server())
	}
}

// A token that is empty or worth nothing is refused before anybody is answered.
func TestHTTPSettings_EmptyToken(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string]map[string]string{
		"empty variable": {"APP_TOKEN": ""},
		"no file":        {"APP_TOKEN_FILE": ""},
		"empty file":     {"APP_TOKEN_FILE": file},
	} {
		if _, err := load(t, env); core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), "token (environment APP_TOKEN") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, args := range map[string][]string{"short": {}, "none": {"--behind-proxy"}} {
		env := map[string]string{"APP_TOKEN": "short"}
		if name == "none" {
			env = nil
		}
		s, err := load(t, env, args...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fnhttp.HTTPStack(http.NotFoundHandler(), s.Stack()); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnregistry.dev/tools/testenv/testkit/servers"
)

// controlClient calls the control API directly.
type controlClient struct{ base, token string }

func controlOf(u *upRun) controlClient {
	return controlClient{u.env[servers.EnvControl], u.env[servers.EnvControlToken]}
}

type started struct {
	ID   string
	Kind string
	Env  map[string]string
}

func (c controlClient) call(t *testing.T, method, path, body string) (status int, answer []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, bytes.TrimSpace(answer)
}

func (c controlClient) start(t *testing.T, kind string) started {
	t.Helper()
	status, answer := c.call(t, http.MethodPost, "/v1/servers", `{"kind":"`+kind+`"}`)
	var s started
	if err := json.Unmarshal(answer, &s); status != http.StatusOK || err != nil {
		t.Fatalf("start %s: %d, %s", kind, status, answer)
	}
	return s
}

func (c controlClient) do(t *testing.T, s started, method, action string) {
	t.Helper()
	if status, answer := c.call(t, method, "/v1/servers/"+s.ID+action, ""); status != http.StatusNoContent {
		t.Fatalf("%s %s: %d, %s", method, action, status, answer)
	}
}

func TestControl_Refuses(t *testing.T) {
	t.Parallel()
	c := controlOf(startUp(t, waiting, "keyring"))
	for name, test := range map[string]struct {
		token, method, path, body string
		status                    int
		says                      string
	}{
		"wrong token":  {"AAAAAAAAAAAAAAAAAAAAAAAAAA", "POST", "/v1/servers", `{"kind":"keyring"}`, 401, ""},
		"no token":     {"", "POST", "/v1/servers", `{"kind":"keyring"}`, 401, ""},
		"kind":         {c.token, "POST", "/v1/servers", `{"kind":"keyrin"}`, 400, "did you mean keyring?"},
		"unknown ID":   {c.token, "POST", "/v1/servers/99/kill", "", 404, "99"},
		"unknown deed": {c.token, "POST", "/v1/servers/1/maim", "", 404, ""},
		"big body":     {c.token, "POST", "/v1/servers", `{"kind":"` + strings.Repeat("x", 1<<16) + `"}`, 413, ""},
		"no JSON":      {c.token, "POST", "/v1/servers", "keyring", 400, ""},
		"other field":  {c.token, "POST", "/v1/servers", `{"kid":"keyring"}`, 400, "kind"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, answer := controlClient{c.base, test.token}.call(t, test.method, test.path, test.body)
			if status != test.status || !strings.Contains(string(answer), test.says) {
				t.Errorf("%d, %s", status, answer)
			}
		})
	}
}

// A killed PostgreSQL comes back at the same address with everything it had
// acknowledged.
func TestControl_KillRestartStopEnd(t *testing.T) {
	t.Parallel()
	u := startUp(t, waiting, "keyring")
	c := controlOf(u)
	s := c.start(t, "postgres")
	at := s.Env[servers.EnvPostgresURL]
	if s.Kind != "postgres" || at == "" {
		t.Fatalf("%+v", s)
	}
	if out, err := psql(t, at, "create table seen (n int); insert into seen values (42)"); err != nil {
		t.Fatal(out, err)
	}
	for _, end := range []string{"/kill", "/stop", "/kill", ""} {
		if end != "" { // without, restart stops it itself
			c.do(t, s, http.MethodPost, end)
			if !refuses(t, at) {
				t.Errorf("it still listens after %s", end)
			}
			c.do(t, s, http.MethodPost, end) // repeating it is allowed
		}
		c.do(t, s, http.MethodPost, "/restart")
		if out, err := psql(t, at, "select n from seen"); out != "42" || err != nil {
			t.Errorf("after %q: %q, %v", end, out, err)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(u.temp, "*", "postgres-*")); len(found) != 1 {
		t.Errorf("folders: %q", found)
	}
	c.do(t, s, http.MethodDelete, "")
	if !refuses(t, at) {
		t.Error("it still listens after its end")
	}
	if found, _ := filepath.Glob(filepath.Join(u.temp, "*", "postgres-*")); len(found) != 0 {
		t.Errorf("folders left: %q", found)
	}
	if status, answer := c.call(t, http.MethodPost, "/v1/servers/"+s.ID+"/restart", ""); status != http.StatusNotFound {
		t.Errorf("restart after the end: %d, %s", status, answer)
	}
	if strings.Contains(u.stderr.String(), " ended ") {
		t.Errorf("a requested end was reported:\n%s", u.stderr)
	}
}

func refuses(t *testing.T, at string) bool {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err == nil {
		conn.Close()
	}
	return err != nil
}

// Every kind comes back after a kill.
func TestControl_RestartEachKind(t *testing.T) {
	t.Parallel()
	u := startUp(t, waiting, "keyring")
	c := controlOf(u)
	for _, kind := range []string{"clickhouse", "keyring", "matrix", "matrix=synapse"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := c.start(t, kind)
			var user servers.User
			if kind == "matrix" {
				user = homeserver(s).NewUser(t, "alice")
			}
			c.do(t, s, http.MethodPost, "/kill")
			c.do(t, s, http.MethodPost, "/restart")
			if kind == "matrix" {
				status, who := matrixCall(t, http.MethodGet, homeserver(s).URL+"/_matrix/client/v3/account/whoami", user.AccessToken, nil)
				if status != http.StatusOK || who["user_id"] != user.ID {
					t.Errorf("whoami after a kill: %d, %v", status, who)
				}
			}
			c.do(t, s, http.MethodDelete, "")
		})
	}
}

func homeserver(s started) servers.Homeserver {
	return servers.Homeserver{URL: s.Env[servers.EnvMatrixURL], SharedSecret: s.Env[servers.EnvMatrixSharedSecret]}
}

// Secrets are in no file that others may read, and in no command line.
func TestUp_SecretsStayIn(t *testing.T) {
	t.Parallel()
	u := startUp(t, waiting, "postgres", "clickhouse", "keyring", "matrix")
	at, err := url.Parse(u.env[servers.EnvPostgresURL])
	if err != nil {
		t.Fatal(err)
	}
	password, _ := at.User.Password()
	secrets := []string{
		password,
		u.env[servers.EnvClickHousePassword],
		u.env[servers.EnvMatrixSharedSecret],
		u.env[servers.EnvControlToken],
	}
	for _, p := range processes(t) {
		for _, secret := range secrets {
			if secret == "" || strings.Contains(p.cmdline, secret) {
				t.Errorf("secret %q in the command line of %s", secret, p.name)
			}
		}
	}
	err = filepath.WalkDir(u.temp, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // servers remove files while this reads
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil || info.Mode().Perm()&0o077 == 0 {
			return nil
		}
		for _, secret := range secrets {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("secret in %s, mode %v", path, info.Mode())
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range secrets {
		if strings.Contains(u.stderr.String(), secret) {
			t.Errorf("secret in the progress lines:\n%s", u.stderr)
		}
	}
}

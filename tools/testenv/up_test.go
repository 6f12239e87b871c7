package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"fnregistry.dev/tools/testenv/testkit/servers"
)

// psql queries the PostgreSQL at the URL, as a user would.
func psql(t *testing.T, at, statement string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "psql", "-X", "-w", "-At", at, "-c", statement).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestUp_Postgres(t *testing.T) {
	t.Parallel()
	u := startUp(t, waiting, "postgres")
	at := u.env[servers.EnvPostgresURL]
	for statement, want := range map[string]string{
		"show fsync":                   "on",
		"show password_encryption":     "scram-sha-256",
		"show listen_addresses":        "127.0.0.1",
		"select usesuper from pg_user": "t",
		"select current_user":          "testenv",
		"show server_encoding":         "UTF8",
		"select rolpassword like 'SCRAM%' from pg_authid where rolname = current_user": "t",
	} {
		if got, err := psql(t, at, statement); got != want || err != nil {
			t.Errorf("%s: %q, %v", statement, got, err)
		}
	}
	bad, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	bad.User = url.UserPassword("testenv", "wrong")
	if got, err := psql(t, bad.String(), "select 1"); err == nil || !strings.Contains(got, "password authentication failed") {
		t.Errorf("with a wrong password: %q, %v", got, err)
	}
	if code := u.end(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	nothingLeft(t, u.temp, nil)
}

func TestUp_Keyring(t *testing.T) {
	t.Parallel()
	u := startUp(t, waiting, "keyring")
	if u.env[servers.EnvKeyring] != "1" {
		t.Errorf("environment: %q", u.env[servers.EnvKeyring])
	}
	for _, ask := range [][]string{
		{"/org/freedesktop/secrets", "org.freedesktop.Secret.Service.OpenSession", "string:plain", "variant:string:"},
		{"/org/freedesktop/secrets", "org.freedesktop.Secret.Service.ReadAlias", "string:login"},
	} {
		cmd := exec.CommandContext(t.Context(), "dbus-send", append([]string{"--bus=" + u.env[servers.EnvSessionBus], "--print-reply", "--dest=org.freedesktop.secrets"}, ask...)...)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), `object path "/org/freedesktop/secrets/`) {
			t.Errorf("%q: %v\n%s", ask, err, out)
		}
	}
}

func TestUp_Dendrite(t *testing.T) {
	t.Parallel()
	u := startUp(t, waiting, "matrix")
	checkHomeserver(t, u.env, "dendrite")
}

func TestUp_SynapseOnSQLite(t *testing.T) {
	t.Parallel()
	u := startUp(t, waiting, "matrix=synapse")
	checkHomeserver(t, u.env, "synapse")
	if found, _ := filepath.Glob(filepath.Join(u.temp, "*", "*", "homeserver.db")); len(found) != 1 {
		t.Errorf("databases: %q", found)
	}
}

func TestUp_SynapseOnPostgres(t *testing.T) {
	t.Parallel()
	u := startUp(t, waiting, "matrix=synapse", "postgres")
	checkHomeserver(t, u.env, "synapse")
	name, err := psql(t, u.env[servers.EnvPostgresURL], "select datname from pg_database where datname like 'synapse%'")
	if err != nil {
		t.Fatal(err, name)
	}
	its := strings.Replace(u.env[servers.EnvPostgresURL], "/postgres?", "/"+name+"?", 1)
	if count, err := psql(t, its, "select count(*) > 0 from users"); err != nil || count != "t" {
		t.Errorf("users in %s: %q, %v", name, count, err)
	}
}

// checkHomeserver registers a user with the shared secret, and checks that
// registration without it fails.
func checkHomeserver(t *testing.T, env map[string]string, kind string) {
	t.Helper()
	h := servers.Homeserver{
		URL: env[servers.EnvMatrixURL], ServerName: env[servers.EnvMatrixServerName],
		SharedSecret: env[servers.EnvMatrixSharedSecret], Kind: env[servers.EnvMatrixKind],
	}
	if h.Kind != kind {
		t.Errorf("kind %q", h.Kind)
	}
	user := h.NewUser(t, "alice")
	if status, who := matrixCall(t, http.MethodGet, h.URL+"/_matrix/client/v3/account/whoami", user.AccessToken, nil); status != 200 || who["user_id"] != user.ID {
		t.Errorf("whoami: %d, %v", status, who)
	}
	if !strings.HasSuffix(user.ID, ":"+h.ServerName) || user.DeviceID == "" {
		t.Errorf("user %+v", user)
	}
	status, answer := matrixCall(t, http.MethodPost, h.URL+"/_matrix/client/v3/register", "", map[string]any{
		"username": "mallory", "password": "mallory-mallory", "auth": map[string]string{"type": "m.login.dummy"},
	})
	if status != http.StatusForbidden {
		t.Errorf("open registration: %d, %v", status, answer)
	}
	for range 60 { // well above what homeservers allow by default
		status, answer := matrixCall(t, http.MethodPost, h.URL+"/_matrix/client/v3/login", "", map[string]any{
			"type": "m.login.password", "password": user.Password, "identifier": map[string]string{"type": "m.id.user", "user": user.ID},
		})
		if status != http.StatusOK {
			t.Fatalf("log in again and again: %d, %v", status, answer)
		}
	}
}

func matrixCall(t *testing.T, method, url, token string, body any) (int, map[string]any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	_ = json.Unmarshal(text, &answer) // not all errors are JSON
	return response.StatusCode, answer
}

// Concurrent runs share an initially empty cache: one of them fills it, the
// others wait; no two servers get the same port.
func TestUp_SideBySide(t *testing.T) {
	t.Parallel()
	needServers(t, "postgres", "keyring")
	cache := t.TempDir()
	var mu sync.Mutex
	var said strings.Builder
	ports := make(map[string]bool)
	var all sync.WaitGroup
	const runs = 3
	for range runs {
		all.Go(func() {
			cmd, temp := testenv(t, "up", "postgres", "keyring", "--", "sh", "-c", `psql -X -At "$TESTENV_POSTGRES_URL" -c 'show port'`)
			cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+cache)
			code, stdout, stderr := result(t, cmd)
			if code != 0 {
				t.Errorf("exit status %d\n%s", code, stderr)
			}
			nothingLeft(t, temp, nil)
			mu.Lock()
			defer mu.Unlock()
			ports[stdout] = true
			said.WriteString(stderr)
		})
	}
	all.Wait()
	if n := strings.Count(said.String(), "initdb for later copies ..."); n != 1 {
		t.Errorf("the cache was filled %d times\n%s", n, said.String())
	}
	if len(ports) != runs {
		t.Errorf("ports: %v", ports)
	}
}

// A server that ends while COMMAND runs is reported.
func TestUp_SaysWhenAServerEnds(t *testing.T) {
	t.Parallel()
	u := startUp(t, waiting, "keyring")
	for _, p := range descendants(t, u.cmd.Process.Pid) {
		if strings.Contains(p.cmdline, "gnome-keyring-daemon") {
			if out, err := exec.Command("kill", "-KILL", fmt.Sprint(p.pid)).CombinedOutput(); err != nil {
				t.Fatal(err, string(out))
			}
		}
	}
	eventually(t, "testenv says so", func() bool {
		return strings.Contains(
			u.stderr.String(),
			"keyring (gnome-keyring-daemon) was ended from outside: signal: killed",
		)
	})
}

func TestDemo(t *testing.T) {
	t.Parallel()
	cmd, temp := testenv(t, "demo", "postgres")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := new(safeBuffer)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for !strings.Contains(text.String(), "# psql") {
		part := make([]byte, 4096)
		n, err := stdout.Read(part)
		text.Write(part[:n])
		if err != nil {
			t.Fatalf("%v\n%s%s", err, text.String(), stderr)
		}
	}
	// The output is for a shell.
	script := text.String() + "\n" + `psql -X -At "$TESTENV_POSTGRES_URL" -c "select 'reached'"`
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", script).CombinedOutput(); err != nil || string(out) != "reached\n" {
		t.Errorf("%v: %s", err, out)
	}
	all := descendants(t, cmd.Process.Pid)
	if err := cmd.Process.Signal(interruptSignal); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
	nothingLeft(t, temp, all)
}

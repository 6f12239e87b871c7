package postgres_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/functions/infra/postgres/internal/pgtest"
	"fnregistry.dev/functions/internal/errtest"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func openWith(t testing.TB, cfg postgres.PostgresOpenConfig) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.PostgresOpen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func TestPostgresOpen_Settings(t *testing.T) {
	t.Parallel()
	text := pgtest.NewDatabase(t)
	for _, c := range []struct {
		name         string
		cfg          postgres.PostgresOpenConfig
		app, timeout string
		conns        int32
	}{
		{"defaults", postgres.PostgresOpenConfig{URL: text}, filepath.Base(os.Args[0]), "30s", int32(max(4, runtime.NumCPU()))},
		{"config", postgres.PostgresOpenConfig{URL: text, ApplicationName: "my app's", StatementTimeout: 1500 * time.Millisecond, MaxConns: 2}, "my app's", "1500ms", 2},
		{"none", postgres.PostgresOpenConfig{URL: text, StatementTimeout: -1}, filepath.Base(os.Args[0]), "0", int32(max(4, runtime.NumCPU()))},
		{"URL", postgres.PostgresOpenConfig{URL: text + "&application_name=x%20y&statement_timeout=7000&pool_max_conns=3"}, "x y", "7s", 3},
		{"config over URL", postgres.PostgresOpenConfig{URL: text + "&application_name=x&statement_timeout=7000&pool_max_conns=3", ApplicationName: "z", StatementTimeout: time.Minute, MaxConns: 5}, "z", "1min", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pool := openWith(t, c.cfg)
			if got := pgtest.Get[string](t, pool, "SHOW application_name"); got != strings.Map(ascii, c.app)[:min(63, len(c.app))] {
				t.Errorf("application_name is %q", got)
			}
			if got := pgtest.Get[string](t, pool, "SHOW statement_timeout"); got != c.timeout {
				t.Errorf("statement_timeout is %s", got)
			}
			if got := pool.Config().MaxConns; got != c.conns {
				t.Errorf("%d connections at most, want %d", got, c.conns)
			}
		})
	}
}

func ascii(r rune) rune {
	if r < ' ' || r > '~' {
		return '?'
	}
	return r
}

func TestPostgresOpen_StatementTimeoutEndsAStatement(t *testing.T) {
	t.Parallel()
	pool := openWith(t, postgres.PostgresOpenConfig{URL: pgtest.NewDatabase(t), StatementTimeout: 100 * time.Millisecond})
	_, err := pool.Exec(t.Context(), "SELECT pg_sleep(60)")
	errtest.Want(t, postgres.PostgresError("sleep", err), core.CodeTimeout, "statement timeout")
}

func TestPostgresOpen_PermanentErrorsComeAtOnce(t *testing.T) {
	t.Parallel()
	text := servers.Postgres(t)
	user := "u_" + strings.ToLower(rand.Text()[:10])
	pgtest.ExecURL(t, text, "CREATE ROLE "+user+" LOGIN PASSWORD 'right' CONNECTION LIMIT 0")
	t.Cleanup(func() { pgtest.ExecURL(t, text, "DROP ROLE "+user) })
	for _, c := range []struct {
		name, url string
		password  string
		want      core.Code
		text      string
	}{
		{"password", text, "hunter2-secret", core.CodeUnauthenticated, "28P01"},
		{"user", withUser(t, text, "nobody", "hunter2-secret"), "", core.CodeUnauthenticated, "nobody"},
		{"database", pgtest.WithPath(t, text, "no_such"), "", core.CodeNotFound, "no_such"},
		{"TLS", strings.Replace(text, "disable", "require", 1), "", core.CodeUnsupported, "refused TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pool, err := postgres.PostgresOpen(t.Context(), postgres.PostgresOpenConfig{URL: c.url, Password: c.password, WaitTimeout: time.Hour})
			errtest.Want(t, err, c.want, c.text)
			errtest.Want(t, err, c.want, "postgres_open host=127.0.0.1 port=")
			if pool != nil || strings.Contains(fmt.Sprintf("%+v", err), "hunter2") {
				t.Errorf("%v, %v", pool, err)
			}
			if coded, ok := errors.AsType[*core.Error](err); !ok || coded.Hint == "" {
				t.Error("no hint")
			}
		})
	}
	t.Run("connection limit passes", func(t *testing.T) {
		_, err := postgres.PostgresOpen(t.Context(), postgres.PostgresOpenConfig{URL: withUser(t, text, user, "right"), WaitTimeout: -1})
		errtest.Want(t, err, core.CodeUnavailable, "53300")
	})
}

func withUser(t testing.TB, text, user, password string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

func TestPostgresOpen_WaitsForTheServer(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "postgres")
	text := server.Postgres(t)
	server.Kill(t)
	_, err := postgres.PostgresOpen(t.Context(), postgres.PostgresOpenConfig{URL: text, WaitTimeout: -1})
	errtest.Want(t, err, core.CodeUnavailable, "refused")
	_, err = postgres.PostgresOpen(t.Context(), postgres.PostgresOpenConfig{URL: text, WaitTimeout: 500 * time.Millisecond})
	errtest.Want(t, err, core.CodeUnavailable, "no answer within 500ms")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = postgres.PostgresOpen(ctx, postgres.PostgresOpenConfig{URL: text})
	errtest.Want(t, err, core.CodeTimeout, "postgres_open host=")

	opened := make(chan error, 1)
	go func() {
		pool, err := postgres.PostgresOpen(t.Context(), postgres.PostgresOpenConfig{URL: text, WaitTimeout: pgtest.Patience})
		if err == nil {
			pool.Close()
		}
		opened <- err
	}()
	server.Restart(t)
	if err := receive(t, opened, "the pool opens"); err != nil {
		t.Error(err)
	}
}

// A port that accepts connections and never responds, as behind a load balancer
// without a server.
func TestPostgresOpen_SilentServer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, err = postgres.PostgresOpen(t.Context(), postgres.PostgresOpenConfig{URL: "postgres://u:p@" + listener.Addr().String() + "/d", WaitTimeout: 300 * time.Millisecond})
	errtest.Want(t, err, core.CodeUnavailable, "no answer within 300ms")
}

func TestPostgresOpen_PoolOutlivesTheServer(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "postgres")
	pool := pgtest.Open(t, server.Postgres(t), "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
	server.Kill(t)
	_, err := pool.Exec(t.Context(), "INSERT INTO t VALUES (2)")
	errtest.Want(t, postgres.PostgresError("insert", err), core.CodeUnavailable, "insert")
	server.Restart(t)
	pgtest.Within(t, "the pool finds the server again", func() bool { return pool.Ping(t.Context()) == nil })
	if got := pgtest.Get[int](t, pool, "SELECT sum(n) FROM t"); got != 1 {
		t.Errorf("sum %d: an acknowledged row is gone, or a failed one there", got)
	}
}

func TestPostgresOpen_ContextDoesNotBindThePool(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	pool, err := postgres.PostgresOpen(ctx, postgres.PostgresOpenConfig{URL: pgtest.NewDatabase(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	cancel()
	pool.Reset() // new connections are made after the end of ctx
	if got := pgtest.Get[int](t, pool, "SELECT 1"); got != 1 {
		t.Errorf("got %d", got)
	}
}

// Each of these URLs contains the password, and no error may contain it or any
// part of it.
func TestPostgresOpen_NoPasswordInAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"postgres://user:hunter2%zz@localhost/db",
		"postgres://user:hunter2/hunter2@localhost/db",
		"postgres://user:12/hunter2@localhost/db",
		"postgres://user:12?hunter2@localhost/db",
		"postgres://user:12#hunter2@localhost/db",
		"postgres://user:hunter2 x@localhost/db",
		"postgres://user:hunter2@hunter2@localhost/db",
		"postgres://user:hunter2\n@localhost/db",
		"postgres://user:hunter2\x00@localhost/db",
		"postgres://user:hunter2%00@localhost/db",
		"postgres://user:hunter2@localhost:notaport/db",
		"postgres://user:hunter2@localhost:99999/db",
		"postgres://user:hunter2@[::1/db",
		"postgres://user:hunter2@localhost/db?sslmode=hunter2",
		"postgres://user:hunter2@localhost/db?connect_timeout=hunter2",
		"postgres://user:hunter2@localhost/db?pool_max_conns=hunter2",
		"postgres://user:hunter2@localhost/db?%zz=hunter2",
		"postgres://user:hunter2@localhost/db?ssl=hunter2",
		"postgres://user@localhost/db?password=hunter2&port=x",
		"postgres://user:`hunter2@localhost:x`/db",
		"mysql://user:hunter2@localhost/db",
		"user=u password=hunter2 host=localhost",
		"hunter2",
	} {
		_, err := postgres.PostgresOpen(t.Context(), postgres.PostgresOpenConfig{URL: text, WaitTimeout: -1})
		coded, ok := errors.AsType[*core.Error](err)
		if !ok || coded.Code != core.CodeInvalid || coded.Hint == "" {
			t.Errorf("%q: got %v", text, err)
			continue
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(fmt.Sprintf("%+v %#v", e, e), "hunter2") {
				t.Errorf("%q: %#v", text, e)
			}
		}
	}
}

func TestPostgresOpen_OddPasswordsWork(t *testing.T) {
	t.Parallel()
	text := servers.Postgres(t)
	for _, password := range append(hostile, "per%cent/slash?ask#hash@at:colon") {
		user := "u_" + strings.ToLower(rand.Text()[:10])
		pgtest.ExecURL(t, text, "CREATE ROLE "+user+" LOGIN PASSWORD '"+strings.ReplaceAll(password, "'", "''")+"'")
		t.Cleanup(func() { pgtest.ExecURL(t, text, "DROP ROLE "+user) })
		for name, cfg := range map[string]postgres.PostgresOpenConfig{
			"apart":  {URL: withUser(t, text, user, ""), Password: password},
			"in URL": {URL: withUser(t, text, user, password)},
		} {
			cfg.WaitTimeout = -1
			pool, err := postgres.PostgresOpen(t.Context(), cfg)
			if err != nil {
				t.Errorf("%q %s: %v", password, name, err)
				continue
			}
			pool.Close()
		}
	}
}

func TestPostgresOpen_BadConfig(t *testing.T) {
	t.Parallel()
	const local = "postgres://u:p@localhost:1/d"
	for _, c := range []struct {
		name string
		cfg  postgres.PostgresOpenConfig
		code core.Code
		want string
	}{
		{"empty", postgres.PostgresOpenConfig{}, core.CodeInvalid, "does not begin with postgres://"},
		{"prefer", postgres.PostgresOpenConfig{URL: local + "?sslmode=prefer"}, core.CodeInvalid, "bad TLS mode"},
		{"allow", postgres.PostgresOpenConfig{URL: local, TLS: "allow"}, core.CodeInvalid, "bad TLS mode"},
		{"two modes", postgres.PostgresOpenConfig{URL: local + "?sslmode=disable", TLS: "require"}, core.CodeInvalid, "differ"},
		{"authority without check", postgres.PostgresOpenConfig{URL: local, TLS: "require", CAFile: "ca.pem"}, core.CodeInvalid, "a file of authorities, but TLS is require"},
		{"no authority", postgres.PostgresOpenConfig{URL: local, TLS: "verify-full", CAFile: "/no/such/ca.pem"}, core.CodeNotFound, "/no/such/ca.pem"},
		{"bad authority", postgres.PostgresOpenConfig{URL: local, TLS: "verify-full", CAFile: "postgres_open_test.go"}, core.CodeInvalid, "CA"},
		{"conns", postgres.PostgresOpenConfig{URL: local, MaxConns: -1}, core.CodeInvalid, "MaxConns"},
		{"timeout", postgres.PostgresOpenConfig{URL: local, StatementTimeout: 1000 * time.Hour}, core.CodeInvalid, "StatementTimeout"},
		{"nul", postgres.PostgresOpenConfig{URL: local, ApplicationName: "a\x00user\x00admin"}, core.CodeInvalid, "NUL"},
		{"nul password", postgres.PostgresOpenConfig{URL: local, Password: "a\x00"}, core.CodeInvalid, "NUL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.cfg.WaitTimeout = -1
			pool, err := postgres.PostgresOpen(t.Context(), c.cfg)
			errtest.Want(t, err, c.code, c.want)
			if pool != nil {
				t.Error("a pool was returned anyway")
			}
		})
	}
}

func TestPostgresOpen_HostileNamesAndValues(t *testing.T) {
	t.Parallel()
	text := pgtest.NewDatabase(t)
	pool := pgtest.Open(t, text, "CREATE TABLE t (text text)")
	for _, value := range append(hostile, strings.Repeat("0123456789", 1<<20)) {
		if got := pgtest.Get[string](t, pool, "INSERT INTO t VALUES ($1) RETURNING text", value); got != value {
			t.Errorf("%.50q came back as %.50q", value, got)
		}
	}
	for _, name := range hostile {
		named := openWith(t, postgres.PostgresOpenConfig{URL: text, ApplicationName: name})
		if got := pgtest.Get[string](t, named, "SHOW application_name"); len(got) < len([]rune(name)) {
			t.Errorf("%q became %q", name, got)
		}
	}
}

// A server with ssl=on and a certificate of the test's own.
func TestPostgresOpen_TLS(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "postgres")
	text := server.Postgres(t)
	caFile := switchOnTLS(t, text)
	plain := strings.TrimSuffix(text, "?sslmode=disable")
	local := strings.Replace(plain, "127.0.0.1", "localhost", 1)
	otherCA := filepath.Join(t.TempDir(), "other.pem")
	writeFile(t, otherCA, newAuthority(t).certPEM)
	for _, c := range []struct {
		name string
		cfg  postgres.PostgresOpenConfig
		ssl  bool
		code core.Code
		hint string
	}{
		{"disable", postgres.PostgresOpenConfig{URL: plain, TLS: "disable"}, false, "", ""},
		{"local default", postgres.PostgresOpenConfig{URL: plain}, false, "", ""},
		{"require", postgres.PostgresOpenConfig{URL: plain, TLS: "require"}, true, "", ""},
		{"require in URL", postgres.PostgresOpenConfig{URL: plain + "?sslmode=require"}, true, "", ""},
		{"verify-full", postgres.PostgresOpenConfig{URL: local, TLS: "verify-full", CAFile: caFile}, true, "", ""},
		{"verify-full in URL", postgres.PostgresOpenConfig{URL: local + "?sslmode=verify-full&sslrootcert=" + url.QueryEscape(caFile)}, true, "", ""},
		{"another authority", postgres.PostgresOpenConfig{URL: local, TLS: "verify-full", CAFile: otherCA}, true, core.CodeInvalid, "CAFile"},
		{"the system's authorities", postgres.PostgresOpenConfig{URL: local, TLS: "verify-full"}, true, core.CodeInvalid, "CAFile"},
		{"another name", postgres.PostgresOpenConfig{URL: plain, TLS: "verify-full", CAFile: caFile}, true, core.CodeInvalid, "name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.cfg.WaitTimeout = time.Hour // errors that waiting can't fix must not use it
			pool, err := postgres.PostgresOpen(t.Context(), c.cfg)
			if c.code != "" {
				errtest.Want(t, err, c.code, "postgres_open")
				if coded, ok := errors.AsType[*core.Error](err); !ok || !strings.Contains(coded.Hint, c.hint) {
					t.Errorf("got %#v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			if got := pgtest.Get[bool](t, pool, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"); got != c.ssl {
				t.Errorf("ssl is %t", got)
			}
		})
	}
}

type authority struct {
	cert    *x509.Certificate
	key     *ecdsa.PrivateKey
	certPEM []byte
}

func newAuthority(t testing.TB) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority " + rand.Text()}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key, der := sign(t, template, template, nil)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func sign(t testing.TB, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}

// switchOnTLS gives the server a certificate for "localhost", and returns the
// file of the authority that signed it. The server writes its files itself,
// since they must belong to its user.
func switchOnTLS(t *testing.T, text string) (caFile string) {
	t.Helper()
	ca := newAuthority(t)
	key, der := sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, ca.cert, ca.key)
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"server.crt": {Type: "CERTIFICATE", Bytes: der}, "server.key": {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		pgtest.ExecURL(t, text, "COPY (SELECT unnest(string_to_array('"+string(pem.EncodeToMemory(block))+"', E'\\n'))) TO PROGRAM 'umask 077; cat > "+name+"'")
	}
	pgtest.ExecURL(t, text, "ALTER SYSTEM SET ssl = on")
	pgtest.ExecURL(t, text, "SELECT pg_reload_conf()")
	pool := pgtest.Open(t, text)
	pgtest.Within(t, "the server has TLS", func() bool { return pgtest.Get[string](t, pool, "SHOW ssl") == "on" })
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, caFile, ca.certPEM)
	return caFile
}

func writeFile(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Package servers hands tests the real servers that `testenv up` started, and
// starts more of them for a test of its own. It is for test files alone.
//
//	func TestCopy(t *testing.T) {
//		url := servers.Postgres(t)             // shared by all tests of the run
//		own := servers.Start(t, "postgres")    // this test's own
//		own.Kill(t)                            // as the kernel would under memory pressure
//		own.Restart(t)                         // the same port, the same data
//	}
//
// Without servers a test fails and names the command that starts them. With
// SKIP_SERVERS=1 it is skipped with a message. The servers of a run are shared:
// a test makes its own databases, tables and users in them.
package servers

import (
	"os"
	"testing"
)

// The environment that `testenv up` sets for its command, and Server.Env for
// one server.
const (
	// postgres://testenv:PASSWORD@127.0.0.1:PORT/postgres?sslmode=disable
	EnvPostgresURL = "TESTENV_POSTGRES_URL"
	// 127.0.0.1:PORT of the native protocol
	EnvClickHouseAddr     = "TESTENV_CLICKHOUSE_ADDR"
	EnvClickHousePassword = "TESTENV_CLICKHOUSE_PASSWORD" // of the user default
	EnvKeyring            = "TESTENV_KEYRING"             // 1
	EnvSessionBus         = "DBUS_SESSION_BUS_ADDRESS"    // where the keyring answers
	EnvMatrixURL          = "TESTENV_MATRIX_URL"          // http://127.0.0.1:PORT
	EnvMatrixServerName   = "TESTENV_MATRIX_SERVER_NAME"
	EnvMatrixSharedSecret = "TESTENV_MATRIX_SHARED_SECRET" // of the registration
	EnvMatrixKind         = "TESTENV_MATRIX_KIND"          // dendrite or synapse
	EnvControl            = "TESTENV_CONTROL"              // http://127.0.0.1:PORT
	EnvControlToken       = "TESTENV_CONTROL_TOKEN"
	EnvSkip               = "SKIP_SERVERS" // set by a person
)

// Postgres returns the URL of the run's PostgreSQL, for a superuser who logs in
// by password.
func Postgres(t testing.TB) string {
	t.Helper()
	return need(t, "postgres", EnvPostgresURL)[0]
}

// ClickHouseServer is how to reach a ClickHouse. The database is "default".
type ClickHouseServer struct {
	Addr     string // HOST:PORT of the native protocol
	User     string
	Password string
}

// ClickHouse returns the run's ClickHouse.
func ClickHouse(t testing.TB) ClickHouseServer {
	t.Helper()
	env := need(t, "clickhouse", EnvClickHouseAddr, EnvClickHousePassword)
	return ClickHouseServer{Addr: env[0], User: "default", Password: env[1]}
}

// Keyring sees that this process has an unlocked keyring at its session bus.
// All tests of the run share it, so a test takes a service name of its own.
func Keyring(t testing.TB) {
	t.Helper()
	need(t, "keyring", EnvKeyring, EnvSessionBus)
}

// need returns the values of the keys, all of which a server named kind sets.
func need(t testing.TB, kind string, keys ...string) []string {
	t.Helper()
	values := make([]string, len(keys))
	for i, key := range keys {
		if values[i] = os.Getenv(key); values[i] != "" {
			continue
		}
		if os.Getenv(EnvSkip) == "1" {
			t.Skipf("skipped, because %s=1: it needs a real %s (%s is not set)", EnvSkip, kind, key)
		}
		t.Fatalf("it needs a real %s (%s is not set)\nhint: run make test, or: go run ./tools/testenv up %s -- go test ...; %s=1 skips such tests",
			kind, key, kind, EnvSkip)
	}
	return values
}

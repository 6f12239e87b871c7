package postgres_test

import (
	"net/url"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fnregistry.dev/functions/infra/postgres/internal/pgtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// withHost puts another address into a URL, as of a proxy.
func withHost(t testing.TB, text, addr string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = addr
	return u.String()
}

func hostOf(t testing.TB, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// receive waits for a value of a channel.
func receive[T any](t testing.TB, from <-chan T, what string) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(pgtest.Patience):
		t.Fatalf("not within %v: %s", pgtest.Patience, what)
	}
	return value
}

// hostile are texts that break what puts them together without care.
var hostile = []string{"'; DROP TABLE t; --", `"quoted"`, `back\slash`, "läng\nzwei", "$1 $$ %s %00", "🙂", "a b=c 'd"}

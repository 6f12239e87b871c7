package clickhouse

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

// ClickHouseOpenConfig says which servers [ClickHouseOpen] connects to, and
// how.
type ClickHouseOpenConfig struct {
	Addresses   []string      // HOST:PORT of the native protocol (9000, usually 9440 with TLS), the preferred one first; required
	Database    string        // default "default"
	User        string        // default "default"
	Password    string        // never in an error
	TLS         *tls.Config   // nil: no TLS. Without a ServerName each address's host is checked
	Compression string        // in both directions: "lz4", "zstd" or "none"; default "lz4"
	DialTimeout time.Duration // for each address, with the handshake; default 5 s
	ReadTimeout time.Duration // for the whole response to a query whose context has no deadline; default 5 min
	WaitFor     time.Duration // how long to wait for servers that don't answer yet; default 30 s; negative: one try
	MaxConns    int           // connections at the same time; default 10
}

// ClickHouseOpen opens a pool of connections to a ClickHouse server over the
// native protocol, and returns when a server has answered. A new connection
// goes to the first address that can be reached. While none can, it tries
// again, with growing waits of 0.1 to 2 s, until WaitFor or ctx is over. ctx
// bounds the opening alone. Close the pool.
//
// Errors: CodeInvalid for a bad config, CodeUnauthenticated for wrong
// credentials and CodeNotFound for an unknown database (both at once, without
// waiting), CodeUnavailable or CodeTimeout where no server answered; ctx's own.
//
// More in clickhouse_open.md:
//   - Several addresses are for failover: the first one that answers gets all
//     new connections.
//   - ReadTimeout covers a query's whole response, not for each read: a long
//     stream needs a context with a deadline of its own (which then replaces
//     it).
func ClickHouseOpen(ctx context.Context, cfg ClickHouseOpenConfig) (driver.Conn, error) {
	op := "clickhouse_open"
	for _, address := range cfg.Addresses {
		op += " address=" + withoutCredentials(address)
	}
	options, err := openOptions(cfg)
	if err != nil {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Err: err}
	}
	conn, err := chgo.Open(options)
	if err != nil {
		return nil, ClickHouseError(op, err)
	}
	if err := waitForServer(ctx, conn, cfg.WaitFor); err != nil {
		_ = conn.Close() // the error that caused it is returned
		return nil, ClickHouseError(op, err)
	}
	return &openConn{Conn: conn, addresses: len(cfg.Addresses)}, nil
}

// openConn lets clickhouse_batch_insert see whether a pool leads to one server.
type openConn struct {
	driver.Conn
	addresses int
}

func openOptions(cfg ClickHouseOpenConfig) (*chgo.Options, error) {
	if len(cfg.Addresses) == 0 {
		return nil, fmt.Errorf("no address")
	}
	for _, address := range cfg.Addresses {
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf(
				"bad address %q: want HOST:PORT, without a scheme or credentials",
				withoutCredentials(address),
			)
		}
	}
	methods := map[string]chgo.CompressionMethod{
		"": chgo.CompressionLZ4, "lz4": chgo.CompressionLZ4, "zstd": chgo.CompressionZSTD, "none": chgo.CompressionNone,
	}
	method, ok := methods[cfg.Compression]
	if !ok {
		return nil, fmt.Errorf("bad Compression %q: want lz4, zstd or none", cfg.Compression)
	}
	conns := max(cfg.MaxConns, 0)
	dialTimeout := cmp.Or(max(cfg.DialTimeout, 0), 5*time.Second)
	return &chgo.Options{
		Addr:         cfg.Addresses,
		Auth:         chgo.Auth{Database: cmp.Or(cfg.Database, "default"), Username: cfg.User, Password: cfg.Password},
		Compression:  &chgo.Compression{Method: method, Level: 1},
		MaxOpenConns: cmp.Or(conns, 10),
		MaxIdleConns: cmp.Or(conns, 10),
		ReadTimeout:  max(cfg.ReadTimeout, 0), // zero: the driver's 5 min
		// The driver's DialTimeout covers all addresses together, and waiting
		// for a free connection.
		DialTimeout:  dialTimeout * time.Duration(len(cfg.Addresses)),
		DialStrategy: dialInOrder(dialTimeout, cfg.TLS),
	}, nil
}

// withoutCredentials keeps a password out of errors, if a URL is given for an
// address by mistake.
func withoutCredentials(address string) string {
	if at := strings.LastIndex(address, "@"); at >= 0 {
		return "..." + address[at:]
	}
	return address
}

// waitForServer pings until a server answers. It returns errors that waiting
// can't fix at once.
func waitForServer(ctx context.Context, conn driver.Conn, waitFor time.Duration) error {
	deadline := time.Now().Add(cmp.Or(waitFor, 30*time.Second))
	for attempt := 0; ; attempt++ {
		err := conn.Ping(ctx)
		if err == nil || ctx.Err() != nil {
			return cmp.Or(ctx.Err(), err)
		}
		wait := core.BackoffDelay(
			core.BackoffDelayConfig{Initial: 100 * time.Millisecond, Max: 2 * time.Second},
			attempt,
			rand.Float64(),
		)
		if !mayPass(ClickHouseError("", err)) || time.Now().Add(wait).After(deadline) {
			return err
		}
		if err := work.SleepContext(ctx, wait); err != nil {
			return err
		}
	}
}

// mayPass reports whether the same call may succeed later.
func mayPass(err error) bool {
	switch core.ErrorCode(err) {
	case core.CodeUnavailable, core.CodeTimeout, core.CodeLimited:
		return true
	}
	return false
}

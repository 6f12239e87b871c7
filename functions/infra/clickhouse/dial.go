package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
)

// dialInOrder connects to the first address that answers. The driver's own
// dialing shares one timeout among all addresses, so that a silent first one
// leaves no time for the second; it ignores the context while it dials and
// shakes hands, and leaks the socket when the handshake fails.
func dialInOrder(
	timeout time.Duration,
	config *tls.Config,
) func(context.Context, int, *chgo.Options, chgo.Dial) (chgo.DialResult, error) {
	return func(ctx context.Context, _ int, options *chgo.Options, dial chgo.Dial) (chgo.DialResult, error) {
		var failed []error
		for _, address := range options.Addr {
			result, err := dialOne(ctx, address, timeout, config, *options, dial)
			if err == nil {
				return result, nil
			}
			if ctx.Err() != nil {
				return chgo.DialResult{}, errors.Join(append(failed, context.Cause(ctx))...)
			}
			failed = append(failed, fmt.Errorf("%s: %w", address, err))
		}
		return chgo.DialResult{}, errors.Join(failed...)
	}
}

func dialOne(
	ctx context.Context,
	address string,
	timeout time.Duration,
	config *tls.Config,
	options chgo.Options,
	dial chgo.Dial,
) (chgo.DialResult, error) {
	var conn net.Conn
	stop := func() bool { return true }
	options.DialTimeout = timeout // of the handshake
	options.DialContext = func(ctx context.Context, address string) (net.Conn, error) {
		limited, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		var err error
		if config == nil {
			conn, err = (&net.Dialer{}).DialContext(limited, "tcp", address)
		} else {
			conn, err = (&tls.Dialer{Config: config}).DialContext(limited, "tcp", address)
		}
		if err == nil {
			stop = context.AfterFunc(ctx, func() { conn.Close() }) // the handshake takes no context
		}
		return conn, err
	}
	result, err := dial(ctx, address, &options)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil && conn != nil {
		conn.Close()
	}
	return result, err
}

package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// isPooled reports whether something between the connection and the server
// answers connects, such as PgBouncer: it announces a process of its own
// invention, not the server's. Each transaction may then have another process
// of the server.
func isPooled(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var pid uint32
	err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid)
	return pid != conn.PgConn().PID(), err
}

// startupRefused is how PgBouncer begins its refusal of a setting. Its words
// are not translated.
const startupRefused = "unsupported startup parameter: "

func isStartupRefused(err error) bool {
	server, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.HasPrefix(server.Message, startupRefused)
}

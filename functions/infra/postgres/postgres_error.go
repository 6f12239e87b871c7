package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/drivererr"
)

// PostgresError turns an error of pgx, of the network below it or of a context
// into a [*core.Error] with op before its text: a broken UNIQUE or FOREIGN KEY
// constraint is CodeConflict, a server that is down or starting
// CodeUnavailable, bad SQL CodeInvalid, and so on by SQLSTATE. An error that
// already is a *core.Error comes back as it is, nil as nil; one that nothing is
// known about keeps the code of its cause (core.ErrorCode finds it).
//
// The cause's text stays in the error. pgx puts no password into errors of a
// connection, but it may quote one in an error of [pgxpool.ParseConfig]:
// postgres_open keeps that to itself, and so should who calls it directly.
//
// More in postgres_error.md:
//   - Unique, foreign key and exclusion violations are CodeConflict; NOT NULL,
//     CHECK, wrong types and lengths are CodeInvalid.
//   - Serialization failures and deadlocks (class 40) are CodeUnavailable: run
//     the whole transaction again, not the last statement.
//
// [pgxpool.ParseConfig]: https://pkg.go.dev/github.com/jackc/pgx/v5/pgxpool#ParseConfig
func PostgresError(op string, err error) error {
	return drivererr.Coded(op, err, classify)
}

// classify returns the code and the hint for an error, without Op and Err.
func classify(err error) core.Error {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		known := stateError(server.Code)
		if name, ok := strings.CutPrefix(server.Message, startupRefused); ok {
			known.Hint = "PgBouncer doesn't know this setting: add " + name + " to its ignore_startup_parameters" + startupHint(name)
		}
		return known
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return core.Error{Code: core.CodeInvalid, Hint: certificateHint(err)}
	}
	code, common := drivererr.Common(err)
	switch {
	case common:
		return core.Error{Code: code}
	case strings.Contains(err.Error(), "server refused TLS connection"): // pgconn has no value for it
		return core.Error{Code: core.CodeUnsupported, Hint: "the server has no TLS: turn on ssl there, or, on a trusted network, set TLS to disable"}
	case networkFailed(err):
		return core.Error{Code: core.CodeUnavailable}
	}
	return core.Error{}
}

// startupHint suggests how to omit a setting that postgres_open sends.
func startupHint(name string) string {
	if name == "statement_timeout" {
		return ", or open with a negative StatementTimeout"
	}
	return ", or leave it out of the URL"
}

func certificateHint(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "set CAFile to the certificate of the authority that signed the server's"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "connect by a name in the server's certificate"
	}
	return "check the server's certificate"
}

// networkFailed reports whether the connection failed or broke.
func networkFailed(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	for _, known := range []error{
		pgconn.ErrConnClosed, net.ErrClosed, io.EOF, io.ErrUnexpectedEOF, os.ErrDeadlineExceeded,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	_, ok := errors.AsType[*net.OpError](err)
	return ok
}

// stateError returns the code and the hint for an SQLSTATE,
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
func stateError(state string) core.Error {
	if known, ok := states[state]; ok {
		return known
	}
	if len(state) == 5 {
		if known, ok := stateClasses[state[:2]]; ok {
			return known
		}
	}
	return core.Error{Code: core.CodeInternal}
}

const againHint = "run the whole transaction again"

var states = map[string]core.Error{
	// Returned for a message that the server can't read, such as binary data of
	// another type, and by PgBouncer for settings that it doesn't know.
	"08P01": {Code: core.CodeInvalid},
	"23503": {Code: core.CodeConflict}, // foreign_key_violation
	"23505": {Code: core.CodeConflict}, // unique_violation
	"23P01": {Code: core.CodeConflict}, // exclusion_violation
	"25006": {Code: core.CodeForbidden, Hint: "the server is a standby, or the transaction or the user is read-only"},
	"25P02": {Code: core.CodeInvalid, Hint: "an earlier statement of the transaction failed: roll back"},
	"25P03": {Code: core.CodeTimeout}, // idle_in_transaction_session_timeout
	"25P04": {Code: core.CodeTimeout}, // transaction_timeout
	"26000": {Code: core.CodeUnavailable, Hint: "a pooler in transaction mode needs default_query_exec_mode=exec in the URL"},
	"28000": {Code: core.CodeUnauthenticated, Hint: "check the user, the database and TLS, and the server's pg_hba.conf"},
	"28P01": {Code: core.CodeUnauthenticated, Hint: "check the user and the password"},
	"3D000": {Code: core.CodeNotFound, Hint: "create the database first: createdb"},
	"42501": {Code: core.CodeForbidden, Hint: "grant this user the privilege"},
	"42P04": {Code: core.CodeConflict}, // duplicate_database
	"53100": {Code: core.CodeUnavailable, Hint: "the server's disk is full"},
	"53300": {Code: core.CodeUnavailable, Hint: "lower MaxConns of the programs, or raise max_connections of the server"},
	"57014": {Code: core.CodeTimeout, Hint: "the statement took longer than statement_timeout, or was cancelled"},
	"57P04": {Code: core.CodeNotFound}, // database_dropped
	"P0002": {Code: core.CodeNotFound}, // no_data_found
}

var stateClasses = map[string]core.Error{
	"08": {Code: core.CodeUnavailable},                  // connection exception
	"0A": {Code: core.CodeUnsupported},                  // feature not supported
	"21": {Code: core.CodeInvalid},                      // cardinality violation
	"22": {Code: core.CodeInvalid},                      // data exception
	"23": {Code: core.CodeInvalid},                      // NOT NULL, CHECK; the others above
	"28": {Code: core.CodeUnauthenticated},              // invalid authorization
	"3F": {Code: core.CodeInvalid},                      // invalid schema name
	"40": {Code: core.CodeUnavailable, Hint: againHint}, // serialization failure, deadlock
	"42": {Code: core.CodeInvalid},                      // bad SQL, a missing table or column
	"44": {Code: core.CodeInvalid},                      // WITH CHECK OPTION violation
	"53": {Code: core.CodeUnavailable},                  // insufficient resources
	"54": {Code: core.CodeTooLarge},                     // program limit exceeded
	"55": {Code: core.CodeUnavailable},                  // object in use, lock not available
	"57": {Code: core.CodeUnavailable},                  // shutdown, starting up
	"58": {Code: core.CodeUnavailable},                  // I/O error of the server
	"P0": {Code: core.CodeInvalid},                      // RAISE in PL/pgSQL
}

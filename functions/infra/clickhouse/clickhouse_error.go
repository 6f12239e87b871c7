package clickhouse

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/drivererr"
)

// ClickHouseError turns an error of clickhouse-go, of the network or of a
// context into a [*core.Error] with op before its text: a server that can't be
// reached is CodeUnavailable, wrong credentials CodeUnauthenticated, an unknown
// table CodeNotFound, a write by who may only read CodeForbidden, values that
// don't fit their column CodeInvalid, and so on. A server's exception that
// nothing is known about is CodeInvalid, since nearly all of them are about the
// query. An error that already is a *core.Error comes back as it is, nil as
// nil.
//
// More in clickhouse_error.md:
//   - A server's exception whose number is not in the list is CodeInvalid:
//     nearly all of them are about the query.
//   - An INSERT that failed after its data were sent may have been written,
//     whatever the code: see clickhouse_batch_insert.
func ClickHouseError(op string, err error) error {
	return drivererr.Coded(op, err, func(err error) core.Error {
		if exception, ok := errors.AsType[*chgo.Exception](err); ok {
			return exceptionError(exception)
		}
		return clientError(err)
	})
}

// clientError returns the code and the hint for an error on the client's side.
func clientError(err error) core.Error {
	var network net.Error
	code, common := drivererr.Common(err)
	switch {
	case common:
		return core.Error{Code: code}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return core.Error{Code: core.CodeTimeout}
	case errors.Is(err, chgo.ErrAcquireConnTimeout):
		return core.Error{
			Code: core.CodeUnavailable,
			Hint: "all connections of the pool are in use: raise MaxConns, or close unused rows and batches",
		}
	case errors.Is(err, chgo.ErrUnsupportedServerRevision):
		return core.Error{Code: core.CodeUnsupported}
	case errors.As(err, &network) && network.Timeout():
		return core.Error{Code: core.CodeTimeout}
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return core.Error{Code: core.CodeUnavailable}
	case isValueError(err):
		return core.Error{Code: core.CodeInvalid}
	}
	if _, ok := errors.AsType[*column.UnsupportedColumnTypeError](err); ok {
		return core.Error{
			Code: core.CodeUnsupported,
			Hint: "the driver doesn't know the column's type: convert it in the query, as with toString",
		}
	}
	return core.Error{}
}

// isValueError reports whether err is about a value that does not fit its
// column.
func isValueError(err error) bool {
	if errors.Is(err, chgo.ErrBatchInvalid) {
		return true
	}
	if block, ok := errors.AsType[*proto.BlockError](err); ok && block.Op != "Decode" {
		return true
	}
	_, ok := errors.AsType[*column.ColumnConverterError](err)
	return ok
}

// exceptionError returns the code and the hint for a server's exception.
func exceptionError(e *chgo.Exception) core.Error {
	const memoryLimitExceeded = 241
	if e.Code == memoryLimitExceeded && strings.Contains(e.Message, "for query") {
		return core.Error{Code: core.CodeTooLarge, Hint: "the query needs more than max_memory_usage"}
	}
	if known, ok := exceptions[e.Code]; ok {
		return known
	}
	return core.Error{Code: core.CodeInvalid}
}

// The numbers are those of ClickHouse's src/Common/ErrorCodes.cpp, which never
// change their meaning.
var exceptions = map[int32]core.Error{
	192:  {Code: core.CodeUnauthenticated},                                                                               // UNKNOWN_USER
	193:  {Code: core.CodeUnauthenticated},                                                                               // WRONG_PASSWORD
	194:  {Code: core.CodeUnauthenticated},                                                                               // REQUIRED_PASSWORD
	516:  {Code: core.CodeUnauthenticated},                                                                               // AUTHENTICATION_FAILED: replaces the three above since 20.4
	164:  {Code: core.CodeForbidden},                                                                                     // READONLY
	195:  {Code: core.CodeForbidden},                                                                                     // IP_ADDRESS_NOT_ALLOWED
	291:  {Code: core.CodeForbidden},                                                                                     // DATABASE_ACCESS_DENIED
	392:  {Code: core.CodeForbidden},                                                                                     // QUERY_IS_PROHIBITED
	497:  {Code: core.CodeForbidden},                                                                                     // ACCESS_DENIED
	60:   {Code: core.CodeNotFound},                                                                                      // UNKNOWN_TABLE
	81:   {Code: core.CodeNotFound},                                                                                      // UNKNOWN_DATABASE
	57:   {Code: core.CodeConflict},                                                                                      // TABLE_ALREADY_EXISTS
	82:   {Code: core.CodeConflict},                                                                                      // DATABASE_ALREADY_EXISTS
	216:  {Code: core.CodeConflict},                                                                                      // QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING
	158:  {Code: core.CodeTooLarge},                                                                                      // TOO_MANY_ROWS
	307:  {Code: core.CodeTooLarge},                                                                                      // TOO_MANY_BYTES
	396:  {Code: core.CodeTooLarge},                                                                                      // TOO_MANY_ROWS_OR_BYTES
	201:  {Code: core.CodeLimited},                                                                                       // QUOTA_EXPIRED
	202:  {Code: core.CodeLimited},                                                                                       // TOO_MANY_SIMULTANEOUS_QUERIES
	252:  {Code: core.CodeLimited, Hint: "merges can't keep up: insert fewer and larger batches, over fewer partitions"}, // TOO_MANY_PARTS
	159:  {Code: core.CodeTimeout},                                                                                       // TIMEOUT_EXCEEDED
	160:  {Code: core.CodeTimeout},                                                                                       // TOO_SLOW
	394:  {Code: core.CodeCanceled},                                                                                      // QUERY_WAS_CANCELLED
	209:  {Code: core.CodeUnavailable},                                                                                   // SOCKET_TIMEOUT
	210:  {Code: core.CodeUnavailable},                                                                                   // NETWORK_ERROR
	225:  {Code: core.CodeUnavailable},                                                                                   // NO_ZOOKEEPER
	236:  {Code: core.CodeUnavailable},                                                                                   // ABORTED: the server is shutting down
	241:  {Code: core.CodeUnavailable, Hint: "the server is out of memory"},                                              // MEMORY_LIMIT_EXCEEDED
	242:  {Code: core.CodeUnavailable},                                                                                   // TABLE_IS_READ_ONLY: it lost its ZooKeeper
	243:  {Code: core.CodeUnavailable, Hint: "the server's disk is full"},                                                // NOT_ENOUGH_SPACE
	279:  {Code: core.CodeUnavailable},                                                                                   // ALL_CONNECTION_TRIES_FAILED
	285:  {Code: core.CodeUnavailable},                                                                                   // TOO_FEW_LIVE_REPLICAS
	286:  {Code: core.CodeUnavailable},                                                                                   // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
	319:  {Code: core.CodeUnavailable},                                                                                   // UNKNOWN_STATUS_OF_INSERT
	999:  {Code: core.CodeUnavailable},                                                                                   // KEEPER_EXCEPTION
	48:   {Code: core.CodeUnsupported},                                                                                   // NOT_IMPLEMENTED
	40:   {Code: core.CodeInternal},                                                                                      // CHECKSUM_DOESNT_MATCH
	49:   {Code: core.CodeInternal},                                                                                      // LOGICAL_ERROR
	1000: {Code: core.CodeInternal},                                                                                      // POCO_EXCEPTION
	1001: {Code: core.CodeInternal},                                                                                      // STD_EXCEPTION
	1002: {Code: core.CodeInternal},                                                                                      // UNKNOWN_EXCEPTION
}

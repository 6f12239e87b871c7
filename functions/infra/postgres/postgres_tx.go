package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

// ErrPostgresTxUnclear is in the chain of an error of [PostgresTx] where the
// transaction may be committed or not.
var ErrPostgresTxUnclear = errors.New("it is not known whether the transaction was committed")

// PostgresTxConfig says how [PostgresTx] runs a transaction. The zero value of
// a field is its default.
type PostgresTxConfig struct {
	// Options are those of the transaction, such as its isolation level.
	// Default: the server's, read committed as a rule.
	Options pgx.TxOptions
	// Tries is how often it is run at most. Default: 10; negative: until ctx is
	// done.
	Tries int
	// Backoff is how the waits between them grow. Default: 10 ms, 20 ms ... 1
	// s, less up to a half.
	Backoff core.BackoffDelayConfig
	// Confirm finds out what became of a commit whose answer was lost, by the
	// transaction's ID, which it asks for before each commit: one more exchange
	// with the server. Default: such a commit is ErrPostgresTxUnclear.
	Confirm bool
	// OnRetry is called before each wait, with the number of tries so far.
	// Default: nothing is.
	OnRetry func(tries int, err error)
}

// PostgresTx runs do in a transaction and commits it. Where do returns an error
// it is rolled back, as where do panics. When the server has undone it because
// of others (a serialization failure or a deadlock, SQLSTATE class 40), be it
// in do or at the commit, it is run again from the beginning, with growing
// waits: do must have no effect but through tx.
//
// Nothing is run again where the commit may have happened: when the connection
// breaks, or ctx ends, while its answer is awaited, the error has
// [ErrPostgresTxUnclear] in its chain, unless Confirm finds out. A broken
// connection before the commit has committed nothing, and is an error with
// CodeUnavailable.
//
// do gets a context that ends with ctx, and must return the errors of tx, at
// least wrapped, for class 40 to be seen. Its other errors come back as they
// are. Errors of the server, and of ctx, are those of [PostgresError];
// CodeUnavailable with the last cause when the tries are used up;
// CodeInternal for an unclear commit, so that nobody runs it again by its code
// alone.
//
// More in postgres_tx.md:
//   - do runs several times: no e-mails, no channels, and what it collects it
//     begins anew at each call.
//   - Unclear means look before you repeat: by a key that the transaction
//     writes, say.
func PostgresTx(ctx context.Context, pool *pgxpool.Pool, cfg PostgresTxConfig, do func(ctx context.Context, tx pgx.Tx) error) error {
	cfg.Tries = cmp.Or(cfg.Tries, 10)
	cfg.Backoff.Initial = cmp.Or(cfg.Backoff.Initial, 10*time.Millisecond)
	cfg.Backoff.Max = cmp.Or(cfg.Backoff.Max, time.Second)
	for tries := 1; ; tries++ {
		err := runTx(ctx, pool, cfg, do)
		if err == nil || !isUndone(err) {
			return err
		}
		if tries == cfg.Tries {
			return &core.Error{Code: core.CodeUnavailable, Op: txOp, Message: fmt.Sprintf("gave up after %d tries", tries), Err: err}
		}
		if cfg.OnRetry != nil {
			cfg.OnRetry(tries, err)
		}
		if work.SleepContext(ctx, core.BackoffDelay(cfg.Backoff, tries-1, rand.Float64())) != nil {
			return &core.Error{Code: core.ErrorCode(ctx.Err()), Op: txOp, Message: fmt.Sprintf("stopped after %d tries", tries), Err: err}
		}
	}
}

const txOp = "postgres_tx"

// isUndone reports whether the server has rolled the transaction back for no
// fault of its own. 40003 says that it doesn't know.
func isUndone(err error) bool {
	server, ok := errors.AsType[*pgconn.PgError](err)
	return ok && len(server.Code) == 5 && server.Code[:2] == "40" && server.Code != "40003" && !errors.Is(err, ErrPostgresTxUnclear)
}

func runTx(ctx context.Context, pool *pgxpool.Pool, cfg PostgresTxConfig, do func(ctx context.Context, tx pgx.Tx) error) error {
	tx, err := pool.BeginTx(ctx, cfg.Options)
	if err != nil {
		return PostgresError(txOp+" begin", err)
	}
	defer func() { // does nothing after the commit; a broken connection leaves the pool
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = tx.Rollback(undo)
	}()
	if err := do(ctx, tx); err != nil {
		return err
	}
	var id *int64
	if cfg.Confirm {
		if err := tx.QueryRow(ctx, "SELECT txid_current_if_assigned()").Scan(&id); err != nil {
			return PostgresError(txOp, err)
		}
	}
	if ctx.Err() != nil || tx.Conn().IsClosed() { // nothing is sent
		return PostgresError(txOp+" commit", cmp.Or(context.Cause(ctx), error(pgconn.ErrConnClosed)))
	}
	err = tx.Commit(ctx)
	if err == nil {
		return nil
	}
	if isDecided(err) {
		return PostgresError(txOp+" commit", err)
	}
	if cfg.Confirm {
		return confirm(ctx, pool, id, err)
	}
	return unclear(err)
}

// isDecided reports whether a failed commit has certainly not happened: the
// server answered with an error and lives on. pgconn.SafeToRetry is no help: it
// is true for a connection that broke while the answer was awaited.
func isDecided(err error) bool {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return server.SeverityUnlocalized == "ERROR" && server.Code != "40003"
	}
	return errors.Is(err, pgx.ErrTxCommitRollback) || errors.Is(err, pgx.ErrTxClosed)
}

func unclear(err error) error {
	return &core.Error{
		Code: core.CodeInternal, Op: txOp + " commit", Hint: "look whether what it wrote is there before you run it again",
		Err: fmt.Errorf("%w: %w", ErrPostgresTxUnclear, err),
	}
}

// confirmFor bounds the search for what became of a commit.
const confirmFor = 30 * time.Second

// confirm asks the server what became of a transaction. One without an ID has
// written nothing.
func confirm(ctx context.Context, pool *pgxpool.Pool, id *int64, lost error) error {
	if id == nil {
		return PostgresError(txOp+" commit", lost)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), confirmFor) // ctx may have ended: that is why the answer is lost
	defer cancel()
	for attempt := 0; ; attempt++ {
		var status *string
		err := pool.QueryRow(ctx, "SELECT txid_status($1)", *id).Scan(&status)
		switch {
		case err == nil && status == nil:
			return unclear(lost) // too old to tell
		case err == nil && *status == "committed":
			return nil
		case err == nil && *status == "aborted":
			return &core.Error{Code: core.CodeUnavailable, Op: txOp + " commit", Message: "the transaction was not committed", Err: lost}
		}
		// It is in progress: the server has not noticed yet, or still commits.
		if work.SleepContext(ctx, core.BackoffDelay(waitBackoff, attempt, rand.Float64())) != nil {
			return unclear(errors.Join(lost, err))
		}
	}
}

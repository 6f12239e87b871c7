package clickhouse

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

// ClickHouseBatchInsertConfig says where [ClickHouseBatchInsert] puts rows, and
// when.
type ClickHouseBatchInsertConfig struct {
	Database    string        // default: the connection's
	Table       string        // required
	Columns     []string      // required where rows are []any; empty where they are structs
	TokenColumn string        // a String or UUID column in addition to Columns, set to one value per batch; empty: a batch that may have been written is not sent again
	MaxRows     int           // rows that make a batch due; default 100,000
	MaxBytes    int           // approximate bytes that make it due: texts by their length, other values 8 each; default 16 MiB
	MaxAge      time.Duration // age of its first row that makes it due; default 1 s
	Timeout     time.Duration // for one try to write a batch; default 1 min
	RetryFor    time.Duration // how long a batch is retried; default 5 min; negative: until it is written or Stop's context ends
}

// ClickHouseBatchInsertBatch is what became of some rows.
type ClickHouseBatchInsertBatch[T any] struct {
	Rows    []T
	Token   string // value of TokenColumn; empty without one
	Err     error  // nil: all of Rows are in the table
	Unclear bool   // with Err: some or all of Rows may be in the table anyway; false: none is
}

// ClickHouseBatchInsertResult says what became of all rows that were taken.
type ClickHouseBatchInsertResult[T any] struct {
	Written   int64                           // rows in the table
	Failed    int64                           // rows whose batch has an Err, including those passed to onBatch
	Unwritten []ClickHouseBatchInsertBatch[T] // the batches with an Err, where there is no onBatch to take them
}

// ClickHouseBatchInsertHandle is a running insert. It is a service.Service.
type ClickHouseBatchInsertHandle[T any] struct {
	cfg     ClickHouseBatchInsertConfig
	onBatch func(ClickHouseBatchInsertBatch[T])
	target  target
	codec   codec[T]

	collected *work.BatchCollectHandle[T]
	writing   *pending[T] // the writer's, used again for each batch
	done      chan struct{}
	result    ClickHouseBatchInsertResult[T] // the writer's; anyone's after done
	firstErr  error
}

// ClickHouseBatchInsert takes rows from a channel, any number at a time, and
// inserts them in batches, each as one block in one INSERT, in order, while the
// next one gathers. While a batch is being written and another is full, nothing
// is taken from the channel, so at most two batches are in memory. Rows that
// were sent are not to be changed any more. T is []any, with the values in the
// order of cfg.Columns, or a struct whose fields for columns have a tag:
// `ch:"name"`. onBatch is called after each batch, one at a time, and may be
// nil. The start asks the server whether table and columns exist.
//
// Call Stop at the end. Closing rows ends the insert, too, once all of them are
// taken, and so does the end of ctx, which loses nothing: as with Stop, what
// was taken is still written.
//
// Retries: a batch that certainly is not written (no connection, no answer to
// the INSERT before its data) is sent again, with growing waits of 0.1 to 10 s.
// Once its data are on the way, an error says nothing about whether they
// arrived. Without TokenColumn the batch is then given up as Unclear: a row is
// written at most once. With TokenColumn the server is asked, when it has ended
// that INSERT: if all rows with the batch's token are there, it is written; if
// none is, it is sent again; if some are (a batch over several partitions, each
// of which is written at once or not), it is given up as Unclear. That needs
// one server behind conn and a MergeTree, ReplicatedMergeTree or
// SharedMergeTree table; anything else is refused.
//
// A row that doesn't fit its columns is refused alone, as a batch with
// CodeInvalid. Without onBatch the first batch that fails ends the intake, and
// Stop returns it; with onBatch the insert continues.
//
// Errors of the start: CodeInvalid for a bad config or an unknown column,
// CodeNotFound for the table, CodeUnsupported for TokenColumn where it can't be
// had, what [ClickHouseError] gives for the rest.
//
// More in clickhouse_batch_insert.md:
//   - A batch over several partitions is written partition by partition, and a
//     server that dies between them leaves it half there: Unclear, "5 of 10
//     rows are in the table".
//   - Materialized views are not looked at: a batch whose view failed is in its
//     table, and counts as written after the look-up, though the view lacks it.
func ClickHouseBatchInsert[T any](ctx context.Context, conn driver.Conn, rows <-chan []T, cfg ClickHouseBatchInsertConfig, onBatch func(ClickHouseBatchInsertBatch[T])) (*ClickHouseBatchInsertHandle[T], error) {
	op := "clickhouse_batch_insert table=" + cfg.Table
	cfg = cfg.withDefaults()
	codec, err := newCodec[T](cfg.Columns)
	if err == nil && rows == nil {
		err = fmt.Errorf("no channel")
	}
	if err != nil {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Err: err}
	}
	target, err := newTarget(ctx, conn, op, cfg.Database, cfg.Table, codec.columns, cfg.TokenColumn)
	if err != nil {
		return nil, ClickHouseError(op, contextError(ctx, err))
	}
	h := &ClickHouseBatchInsertHandle[T]{
		cfg: cfg, onBatch: onBatch, target: target, codec: codec, writing: codec.newPending(), done: make(chan struct{}),
	}
	// Without what else ctx holds: the driver keeps options there, WithAsync
	// too.
	bare, cancel := context.WithCancel(context.Background())
	release := context.AfterFunc(ctx, cancel)
	h.collected, err = work.BatchCollect(bare, rows, work.BatchCollectConfig[T]{
		Write: h.write, MaxItems: cfg.MaxRows, MaxBytes: cfg.MaxBytes, Size: codec.size, MaxAge: cfg.MaxAge,
	})
	if err != nil {
		release()
		cancel()
		return nil, &core.Error{Op: op, Err: err}
	}
	go func() {
		defer close(h.done)
		defer cancel()
		defer release()
		<-h.collected.Done()
		h.reportUntried()
	}()
	return h, nil
}

func (cfg ClickHouseBatchInsertConfig) withDefaults() ClickHouseBatchInsertConfig {
	cfg.MaxRows = cmp.Or(max(cfg.MaxRows, 0), 100_000)
	cfg.MaxBytes = cmp.Or(max(cfg.MaxBytes, 0), 16<<20)
	cfg.MaxAge = cmp.Or(max(cfg.MaxAge, 0), time.Second)
	cfg.Timeout = cmp.Or(max(cfg.Timeout, 0), time.Minute)
	cfg.RetryFor = cmp.Or(cfg.RetryFor, 5*time.Minute)
	return cfg
}

// Closed is closed when no more rows are taken: after Stop, after the end of
// the channel or of the context, or when a batch has failed and there is no
// onBatch. Who sends rows selects on it, since nobody receives them any more.
func (h *ClickHouseBatchInsertHandle[T]) Closed() <-chan struct{} { return h.collected.Closed() }

// Done is closed when all rows that were taken are written or given up.
func (h *ClickHouseBatchInsertHandle[T]) Done() <-chan struct{} { return h.done }

// Stop takes the rows that wait in the channel's buffer (all there are, if it
// is closed), writes what was taken, and returns when that is done. When ctx is
// done first, it gives up what isn't written by then. Rows in the channel that
// it has not taken stay there. It returns Err's error, and may be called again.
func (h *ClickHouseBatchInsertHandle[T]) Stop(ctx context.Context) error {
	_ = h.collected.Stop(ctx) // Err has it, with the number of rows
	<-h.done
	return h.Err()
}

// Err returns nil before Done is closed, and when every row that was taken is
// in the table; else an error with the code of the first failure.
func (h *ClickHouseBatchInsertHandle[T]) Err() error {
	result := h.Result()
	if result.Failed == 0 {
		return nil
	}
	return &core.Error{
		Code: core.ErrorCode(h.firstErr), Op: h.target.op, Err: h.firstErr,
		Message: fmt.Sprintf("%d of %d rows failed", result.Failed, result.Failed+result.Written),
	}
}

// Result returns what became of all rows, and its zero value before Done is
// closed.
func (h *ClickHouseBatchInsertHandle[T]) Result() ClickHouseBatchInsertResult[T] {
	select {
	case <-h.done:
		return h.result
	default:
		return ClickHouseBatchInsertResult[T]{}
	}
}

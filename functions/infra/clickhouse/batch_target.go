package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"fnregistry.dev/functions/core"
)

// target is the table that batches are written to.
type target struct {
	conn     driver.Conn
	op       string // for errors
	insert   string
	lookUp   string // counts the rows with a token
	hasToken bool
	settings chgo.Settings
}

func newTarget(
	ctx context.Context,
	conn driver.Conn,
	op, database, table string,
	columns []string,
	tokenColumn string,
) (target, error) {
	t := target{conn: conn, op: op, hasToken: tokenColumn != "", settings: chgo.Settings{}}
	all := slices.Clone(columns)
	if t.hasToken {
		all = append(all, tokenColumn)
	}
	if err := checkNames(database, table, all); err != nil {
		return t, &core.Error{Code: core.CodeInvalid, Op: op, Err: err}
	}
	name := "`" + table + "`"
	if database != "" {
		name = "`" + database + "`." + name
	}
	t.insert = "INSERT INTO " + name + " (`" + strings.Join(all, "`, `") + "`)"
	t.lookUp = "SELECT count() FROM " + name + " WHERE `" + tokenColumn + "` = ?"
	version, err := conn.ServerVersion()
	if err != nil {
		return t, err
	}
	if v := version.Version; v.Major > 21 || v.Major == 21 && v.Minor >= 11 {
		// An asynchronous INSERT is written after its query has ended, but the
		// look-up waits only for the query.
		t.settings["async_insert"] = 0
	}
	if t.hasToken {
		if err := t.checkTokens(ctx, database, table); err != nil {
			return t, err
		}
	}
	block, err := t.prepare(ctx, newToken().String())
	if err != nil {
		return t, err
	}
	if t.hasToken {
		if err := newToken().fill(block.Columns()[len(columns)], 1); err != nil {
			_ = block.Abort()
			return t, &core.Error{Code: core.CodeInvalid, Op: op, Message: "TokenColumn", Err: err}
		}
		block.Columns()[len(columns)].Reset()
	}
	return t, block.Close() // an INSERT without rows
}

// checkNames refuses names that the driver's parser of INSERT statements would
// misread.
func checkNames(database, table string, columns []string) error {
	names := append([]string{table}, columns...)
	if database != "" {
		names = append(names, database)
	}
	for _, name := range names {
		if name == "" {
			return errors.New("the table and each column need a name")
		}
		if strings.ContainsAny(name, "`\"'\\()\x00") || strings.TrimSpace(name) != name {
			return fmt.Errorf(
				"bad name %q: no quotes, backslashes, parentheses, NUL or surrounding blanks allowed",
				name,
			)
		}
	}
	if sorted := slices.Sorted(slices.Values(columns)); len(slices.Compact(sorted)) < len(columns) {
		return errors.New("a column is named twice")
	}
	return nil
}

// checkTokens verifies that the look-up of a token can be trusted: it must
// reach the server that received the INSERT, and the table's engine must keep
// rows as inserted.
func (t target) checkTokens(ctx context.Context, database, table string) error {
	if pool, ok := t.conn.(*openConn); ok && pool.addresses > 1 {
		return &core.Error{Code: core.CodeUnsupported, Op: t.op, Message: "TokenColumn needs a pool with one address",
			Hint: "with several, the look-up might ask another server than the one that got the batch"}
	}
	var engine string
	err := t.conn.QueryRow(ctx, "SELECT engine FROM system.tables WHERE database = if(empty(?), currentDatabase(), ?) AND name = ?",
		database, database, table).Scan(&engine)
	if err != nil {
		return err
	}
	switch engine {
	case "MergeTree", "ReplicatedMergeTree", "SharedMergeTree":
		return nil
	}
	return &core.Error{Code: core.CodeUnsupported, Op: t.op, Message: "TokenColumn can't be used with a table of engine " + engine,
		Hint: "MergeTree, ReplicatedMergeTree and SharedMergeTree keep rows as they are"}
}

// prepare begins an INSERT. It returns when the server knows the query and
// waits for data.
func (t target) prepare(ctx context.Context, queryID string) (driver.Batch, error) {
	return t.conn.PrepareBatch(chgo.Context(ctx, chgo.WithQueryID(queryID), chgo.WithSettings(t.settings)), t.insert)
}

// stored returns how many rows have the token, once the server has ended the
// INSERT with that query ID. The number is then final: whatever is left of the
// INSERT is in the table, or lost.
func (t target) stored(ctx context.Context, queryID, token string) (rows uint64, err error) {
	var running uint64
	if err := t.conn.QueryRow(ctx, "SELECT count() FROM system.processes WHERE query_id = ?", queryID).Scan(&running); err != nil {
		return 0, err
	}
	if running > 0 {
		return 0, &core.Error{Code: core.CodeUnavailable, Op: t.op, Message: "the INSERT is still running on the server"}
	}
	err = t.conn.QueryRow(ctx, t.lookUp, token).Scan(&rows)
	return rows, err
}

// token is a batch's value for the token column.
type token struct{ uuid.UUID }

func newToken() token { return token{uuid.New()} }

// fill appends the token n times to a column.
func (t token) fill(c column.Interface, n int) error {
	var err error
	switch c.Type() {
	case "UUID":
		_, err = c.Append(slices.Repeat([]uuid.UUID{t.UUID}, n))
	case "String", "LowCardinality(String)":
		_, err = c.Append(slices.Repeat([]string{t.String()}, n))
	default:
		err = fmt.Errorf("column %s is a %s, not a String or a UUID", c.Name(), c.Type())
	}
	return err
}

// Package clickhouse holds the units that talk to a ClickHouse server over its
// native protocol: opening a pool, inserting from a channel in batches, query
// results as JSON, and coded errors. It links
// github.com/ClickHouse/clickhouse-go/v2.
package clickhouse

// Package postgres holds the units that work on a PostgreSQL server through
// jackc/pgx: opening a pool, LISTEN, advisory locks, bulk loads with COPY, and
// coded errors.
// Schema migrations are in package postgresmigrate next to it, so that only
// programs that migrate link database/sql and goose.
package postgres

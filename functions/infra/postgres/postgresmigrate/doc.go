// Package postgresmigrate migrates a PostgreSQL schema with pressly/goose. It
// is separate from package postgres because it links database/sql and goose,
// which the other units do without.
package postgresmigrate

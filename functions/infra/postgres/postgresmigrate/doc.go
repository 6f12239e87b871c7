// Package postgresmigrate brings a PostgreSQL schema up to date with
// pressly/goose. It stands apart from package postgres because it links
// database/sql and goose, which the other units do without.
package postgresmigrate

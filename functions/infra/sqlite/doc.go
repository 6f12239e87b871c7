// Package sqlite holds the units that work on a SQLite database through a
// *sql.DB, whichever driver opened it: schema migrations, query results as
// JSON, and coded errors.
// It imports no driver, so that packages that use it stay light. The program
// that opens the database links the driver: see package sqliteopen next to this
// one.
package sqlite

// Package sqlite holds the units that work on a SQLite database through a
// *sql.DB, whichever driver opened it: schema migrations, query results as
// JSON, and coded errors.
//
// It imports no driver, so that a package that uses it stays light. The driver
// is linked by the program that opens the database: see package sqliteopen next
// to this one.
package sqlite

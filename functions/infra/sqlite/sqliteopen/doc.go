// Package sqliteopen opens SQLite databases and is the one place that links a
// driver: modernc.org/sqlite (pure Go) by default, github.com/mattn/go-sqlite3
// (cgo) with the build tag sqlite_mattn. Programs import it; units take the
// *sql.DB that comes out of it.
package sqliteopen

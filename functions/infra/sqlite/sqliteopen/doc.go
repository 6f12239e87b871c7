// Package sqliteopen opens SQLite databases and is the only package that links
// a driver: modernc.org/sqlite (pure Go) by default,
// github.com/mattn/go-sqlite3 (cgo) with the build tag sqlite_mattn. Programs
// import it; units accept its *sql.DB.
package sqliteopen

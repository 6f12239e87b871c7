// Package duckdb holds the units that work on a DuckDB database: opening it,
// bulk loads, query results as JSON, and imports and exports of files. It links
// DuckDB itself (cgo, some 60 MB), so that only a program that needs it should
// import it.
//
// Without cgo (CGO_ENABLED=0, or no C++ compiler) the package is empty: a
// program that uses it doesn't build then, and every other package of the
// workspace does.
package duckdb

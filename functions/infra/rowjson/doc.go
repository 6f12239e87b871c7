// Package rowjson writes the rows of database queries as JSON, for the units of
// every driver: one format, one set of limits, one way to write each kind of
// value. It imports no driver.
package rowjson

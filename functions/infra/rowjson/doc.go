// Package rowjson writes the rows of database queries as JSON, for the units of
// every driver: one shape, one set of limits, one way to write each kind of
// value. It knows no driver.
package rowjson

// Package id makes and reads identifiers for rows, messages and runs: UUIDs of
// version 7 (RFC 9562), which sort by the time at which they were made.
package id

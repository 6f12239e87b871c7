// Package rowread reads rows of a database for those that write them elsewhere.
package rowread

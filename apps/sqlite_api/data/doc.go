// Package data holds the databases that are served, and what a caller may see
// and change of them. Callers of the API, of the pages and of MCP all go
// through a [View].
package data

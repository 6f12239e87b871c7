// Package filelock locks files against other processes. It links only the
// standard library.
package filelock

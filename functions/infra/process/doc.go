// Package process runs commands, keeps them running, ends them with everything
// they started, and follows what they write. It needs only the standard
// library.
// It is built for Linux and tested there. Other Unix systems take their process
// table from ps. On Windows it builds, runs commands, and ends them by
// taskkill, untested.
package process

// Package process runs commands, keeps them running, ends them with all that
// they started, and follows what they write. It needs the standard library
// only.
//
// Linux is where it is at home and tested. Other Unix systems take their
// process table from ps. On Windows it builds, runs commands, and ends them by
// taskkill, untested.
package process

// Package cron says when a cron expression is due, and runs jobs at those
// times.
//
// The expression parser and the search for the next time are this package's
// own: see cron_next.md for why.
package cron

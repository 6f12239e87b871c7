// Package cron computes when a cron expression is due, and runs jobs at those
// times.
// The expression parser and the search for the next time are this package's
// own; cron_next.md explains why.
package cron

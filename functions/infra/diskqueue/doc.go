// Package diskqueue is a durable first-in, first-out queue in a folder: plain
// segment files, without a database.
package diskqueue

// Package cache keeps results in memory for a while.
package cache

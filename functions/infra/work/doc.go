// Package work runs work: retries until it succeeds, many items in a bounded
// number of slots, and the nodes of a graph each as soon as its needs are done.
package work

// Package work runs work: again until it succeeds, many items in a bounded
// number of slots, and nodes of a graph each as soon as what it needs is done.
package work

// Package matrixoutbox sends Matrix events from a queue on disk, each once.
package matrixoutbox

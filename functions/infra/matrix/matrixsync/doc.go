// Package matrixsync receives the events of a Matrix user's rooms, each once: a
// sync that stores a response before it delivers it, its stores, and what it
// asks of encryption.
package matrixsync

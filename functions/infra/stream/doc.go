// Package stream reads and keeps lines of streams in bounded memory, however
// long the lines and the streams are.
package stream

// Package atomicfile writes files so that a reader, a crash or a power cut
// never leaves or sees half of one. It needs only the standard library.
package atomicfile

// Package file waits for files: for changes in a tree of folders, and for a
// file that is still being written. Package atomicfile writes them.
package file

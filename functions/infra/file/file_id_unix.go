//go:build unix

package file

import (
	"io/fs"
	"syscall"
)

// fileID returns the inode number: it differs for a file that replaced another
// of the same size and time.
func fileID(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Ino)
	}
	return 0
}

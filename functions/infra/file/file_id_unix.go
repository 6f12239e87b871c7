//go:build unix

package file

import (
	"io/fs"
	"syscall"
)

// fileID returns the inode's number: a file that replaced another one of the
// same size and time has its own.
func fileID(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Ino)
	}
	return 0
}

package regular

import "io/fs"

// Stat is what [Lstat] says of a file.
type Stat struct {
	Size    int64
	ModTime int64       // nanoseconds since 1970
	Type    fs.FileMode // 0 for a regular file, else a bit of fs.ModeType
}
